//! Frames that flow while something is done, and what has to have become of them.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use camfence_tests::{Frame, Mac, RawPort, mac};
use serde_json::{Value, json};

use crate::fixture::{CAM, CAM2, CAM3, Fence, GW, Home, NVR, calling_home, recording};

pub(crate) const STRANGER: Mac = mac("02:cf:bb:00:00:01");

/// Lines of the configuration that seal the driveway's port.
pub(crate) const SEALED: &str = "[interface.port-driveway]\nunknown = \"drop\"\n";

/// Frames of a stream that are sent before it is asked whether to go on, and how many a second.
const BURST: u64 = 150;
const RATE: u32 = 3_000;
/// How long a frame may be on its way after it was sent.
const IN_FLIGHT: Duration = Duration::from_millis(100);

/// A stream of one frame, over and over.
struct Stream<'a> {
    from: &'a RawPort,
    frame: Vec<u8>,
    sent: u64,
}

impl Stream<'_> {
    fn send_until(&mut self, done: &AtomicBool) -> Result<()> {
        while !done.load(Ordering::Relaxed) {
            let sent = self.from.send_many(std::slice::from_ref(&self.frame), BURST, RATE)?;
            ensure!(sent.accepted == BURST, "{sent:?}");
            self.sent += BURST;
        }
        Ok(())
    }
}

/// A home's wires, and what was sent on them.
pub(crate) struct Load<'a> {
    home: &'a Home,
    driveway: RawPort,
    garage: RawPort,
    nvr: RawPort,
    gw: RawPort,
    sent: [u64; 5],
    /// Of what was recorded, and of what the bystander sent, as much as was checked.
    arrived: [u64; 2],
}

impl<'a> Load<'a> {
    /// Nothing is sent yet but what the bridge learns the hosts from.
    pub(crate) fn new(home: &'a Home) -> Result<Self> {
        let wire = |host| home.wire(host);
        let load = Self {
            home,
            driveway: wire("driveway")?,
            garage: wire("garage")?,
            nvr: wire("nvr")?,
            gw: wire("gw")?,
            sent: [0; 5],
            arrived: [0; 2],
        };
        let hello = |mac| Frame::from(mac).arp_request("192.168.1.9", "192.168.1.99").build();
        load.nvr.send(&hello(NVR))?;
        load.gw.send(&hello(GW))?;
        thread::sleep(Duration::from_millis(50));
        for port in [&load.driveway, &load.garage, &load.nvr, &load.gw] {
            port.discard()?;
        }
        Ok(load)
    }

    /// What is sent: a camera calls home, another one records, a bystander talks, somebody outside
    /// talks to a camera, and a stranger is on a sealed port.
    fn frames() -> [Vec<u8>; 5] {
        let bystander = Frame::from(NVR).to(GW).ipv4("192.168.1.10", "203.0.113.9").udp(9, 9);
        let outsider = Frame::from(GW).to(CAM2).ipv4("203.0.113.7", "192.168.1.31").udp(443, 9);
        let frames = [
            calling_home(CAM).to(GW),
            recording(CAM2),
            bystander.payload_of(100),
            outsider.payload_of(30),
            calling_home(STRANGER).to(GW),
        ];
        frames.map(|frame| frame.build())
    }

    /// Sends all of it as long as something is done, and a little before and after.
    pub(crate) fn during<T>(&mut self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        const AROUND: Duration = Duration::from_millis(150);
        // The bridge knows where the recording camera is before anybody talks to it.
        self.garage.send(&Self::frames()[1])?;
        self.sent[1] += 1;
        thread::sleep(IN_FLIGHT);
        let from = [&self.driveway, &self.garage, &self.nvr, &self.gw, &self.driveway];
        let mut streams: Vec<_> = from
            .into_iter()
            .zip(Self::frames())
            .map(|(from, frame)| Stream { from, frame, sent: 0 })
            .collect();
        let done = &AtomicBool::new(false);
        let result = thread::scope(|scope| -> Result<T> {
            let senders: Vec<_> = streams
                .iter_mut()
                .map(|stream| scope.spawn(move || stream.send_until(done)))
                .collect();
            thread::sleep(AROUND);
            let result = work();
            thread::sleep(AROUND);
            done.store(true, Ordering::Relaxed);
            for sender in senders {
                sender.join().expect("a sender panicked")?;
            }
            result
        })?;
        for (sent, stream) in self.sent.iter_mut().zip(&streams) {
            *sent += stream.sent;
        }
        thread::sleep(IN_FLIGHT);
        Ok(result)
    }

    /// Checks, from the far side, that all arrived that may, and nothing else, since this was asked
    /// last.
    pub(crate) fn check_wires(&mut self) -> Result<()> {
        let [_, recorded, bystander, ..] = Self::frames();
        let expected = [
            (&self.driveway, None),
            (&self.garage, None),
            (&self.nvr, Some((recorded, self.sent[1] - self.arrived[0]))),
            (&self.gw, Some((bystander, self.sent[2] - self.arrived[1]))),
        ];
        for (port, expected) in expected {
            let (mut arrived, mut leaked) = (0, Vec::new());
            while let Some(frame) = port.capture(Duration::ZERO)? {
                match &expected {
                    Some((expected, _)) if frame == *expected => arrived += 1,
                    _ => leaked.push(frame),
                }
            }
            ensure!(port.lost()? == 0, "{port:?}: the capture had no room");
            let first = leaked.first();
            ensure!(leaked.is_empty(), "{port:?}: {} leaked, {first:?}", leaked.len());
            let sent = expected.map_or(0, |(_, sent)| sent);
            ensure!(arrived == sent, "{port:?}: {arrived} arrived of {sent}");
        }
        self.arrived = [self.sent[1], self.sent[2]];
        Ok(())
    }

    /// Checks that exactly what was sent was counted, all of it in the fence's time.
    pub(crate) fn check_counters(&self, fence: &Fence<'_>) -> Result<()> {
        let [called, recorded, _, outside, strange] = Self::frames();
        let count =
            |frame: &[u8], sent: u64| json!({"packets": sent, "bytes": sent * frame.len() as u64});
        let nothing = json!({});
        let camera = |mac| fence.camera(mac);
        let expected = [
            (camera(CAM)?, json!({"not-local": count(&called, self.sent[0])}), nothing.clone()),
            (
                camera(CAM2)?,
                json!({"local": count(&recorded, self.sent[1])}),
                json!({"inbound": count(&outside, self.sent[3])}),
            ),
            (camera(CAM3)?, nothing.clone(), nothing.clone()),
            (
                fence.port("driveway")?["unknown"].clone(),
                json!({"sealed": count(&strange, self.sent[4])}),
                nothing,
            ),
        ];
        for (shown, outbound, inbound) in expected {
            assert_eq!(shown["outbound"]["reasons"], outbound, "{shown}");
            assert_eq!(shown["inbound"]["reasons"], inbound, "{shown}");
        }
        let unknown = fence.verb(&["unknown"])?;
        let unknown = unknown["unknown"].as_array().cloned().context("unknown")?;
        assert_eq!(unknown.len(), 1, "{unknown:?}");
        let seen = (&unknown[0]["mac"], &unknown[0]["packets"]);
        assert_eq!(seen, (&json!(STRANGER.to_string()), &json!(self.sent[4])), "{unknown:?}");
        for host in ["driveway", "garage", "nvr", "gw"] {
            let port = fence.port(host)?;
            assert_eq!(port["enforcing"], true, "{port}");
        }
        Ok(())
    }

    /// Checks that the ledger has exactly what was sent, all of it in the fence's time.
    pub(crate) fn check_ledger(&self, fence: &Fence<'_>) -> Result<()> {
        let [called, recorded, _, outside, _] = Self::frames();
        let ledger = fence.verb(&["ledger"])?;
        let mut found: Vec<Value> = ledger["entries"].as_array().cloned().context("entries")?;
        for entry in &mut found {
            let entry = entry.as_object_mut().context("an entry")?;
            let [first, last] = ["first_seen", "last_seen"].map(|key| entry.remove(key));
            let in_order =
                first.as_ref().and_then(Value::as_str) <= last.as_ref().and_then(Value::as_str);
            ensure!(first.is_some() && in_order, "{first:?} {last:?}");
        }
        found.sort_by_key(|entry| entry["reason"].to_string());
        let entry = |mac: Mac,
                     direction,
                     (peer, port),
                     (reason, verdict),
                     sent: u64,
                     frame: &[u8]| {
            json!({"camera": crate::fixture::name(mac), "mac": mac.to_string(), "direction": direction,
                "peer": peer, "protocol": "udp", "port": port, "reason": reason, "verdict": verdict,
                "packets": sent, "bytes": sent * frame.len() as u64})
        };
        let [calls, records, ..] = self.sent;
        let expected = [
            entry(
                CAM2,
                "inbound",
                ("203.0.113.7", 443),
                ("inbound", "drop"),
                self.sent[3],
                &outside,
            ),
            entry(CAM2, "outbound", ("192.168.1.10", 554), ("local", "pass"), records, &recorded),
            entry(CAM, "outbound", ("203.0.113.7", 10_240), ("not-local", "drop"), calls, &called),
        ];
        assert_eq!(found, expected);
        let nothing = json!({"packets": 0, "bytes": 0});
        assert_eq!((&ledger["evicted"]["entries"], &ledger["lost"]), (&json!(0), &nothing));
        Ok(())
    }

    /// How many frames were sent.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.iter().sum()
    }

    /// The fence that all this is meant for, with room for so many cameras; not up yet.
    pub(crate) fn fence(&self, room: u32) -> Result<Fence<'a>> {
        let lines = format!("max_cameras = {room}");
        self.home.fence_with(&lines, &[CAM, CAM2, CAM3], SEALED)
    }

    /// Its configuration with room for so many cameras.
    pub(crate) fn config(&self, room: u32) -> String {
        self.home.config_with(&format!("max_cameras = {room}"), &[CAM, CAM2, CAM3], SEALED)
    }
}

/// How long a camera stays opened.
pub(crate) fn open_seconds(fence: &Fence<'_>, mac: Mac) -> Result<u64> {
    let camera: Value = fence.camera(mac)?;
    camera["open_seconds"].as_u64().with_context(|| format!("{camera}"))
}
