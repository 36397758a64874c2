//! `camfence ledger`: whom cameras talked to, as it was on the wire.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use anyhow::{Context as _, Result, ensure};
use camfence_tests::{Frame, Mac};
use serde_json::{Value, json};

use crate::fixture::{
    Attachment, CAM, CAM2, Fence, GW, Home, QUIET, arrives, calling_home, nothing_arrives,
    over_every_attachment, recording,
};

over_every_attachment!(
    the_ledger_is_what_was_sent,
    an_opened_camera_has_flows_too,
    a_flood_is_read_while_it_flows,
);

/// An entry without its times.
fn entry(
    camera: Mac,
    direction: &str,
    (peer, port): (&str, u16),
    [reason, verdict]: [&str; 2],
    frames: &[Vec<u8>],
) -> Value {
    json!({"camera": crate::fixture::name(camera), "mac": camera.to_string(), "direction": direction,
        "peer": peer, "protocol": "udp", "port": port, "reason": reason, "verdict": verdict,
        "packets": frames.len(), "bytes": frames.iter().map(Vec::len).sum::<usize>()})
}

/// What `ledger` says, each entry without its times.
fn listed(fence: &Fence<'_>, arguments: &[&str]) -> Result<Vec<Value>> {
    let found = fence.verb(&[&["ledger"], arguments].concat())?;
    assert_eq!(found["evicted"], json!({"entries": 0, "packets": 0, "bytes": 0}));
    assert_eq!(found["lost"], json!({"packets": 0, "bytes": 0}));
    let mut entries = found["entries"].as_array().cloned().context("entries")?;
    for entry in &mut entries {
        let entry = entry.as_object_mut().context("an entry")?;
        for key in ["first_seen", "last_seen"] {
            let time = entry.remove(key).context(key)?;
            ensure!(time.as_str().is_some_and(|time| time.ends_with('Z')), "{time}");
        }
    }
    Ok(entries)
}

/// The same in an order that does not hang on how long each took.
fn sorted(mut entries: Vec<Value>) -> Vec<Value> {
    entries.sort_by_key(ToString::to_string);
    entries
}

fn the_ledger_is_what_was_sent(attachment: Attachment) -> Result<()> {
    let home = Home::new(attachment)?;
    let fence = home.fenced()?;
    let (driveway, garage) = (home.wire("driveway")?, home.wire("garage")?);
    let (gw, nvr) = (home.wire("gw")?, home.wire("nvr")?);
    assert_eq!(listed(&fence, &[])?, [Value::Null; 0]);
    let text = fence.camfence.run(["ledger"])?.success()?;
    assert_eq!(text.trim(), "nothing was seen");

    let call = |to: &str, bytes: usize| {
        let frame = Frame::from(CAM).to(GW).ipv4("192.168.1.31", to).udp(5000, 10240);
        frame.payload_of(bytes).build()
    };
    let calls: Vec<(&str, Vec<Vec<u8>>)> = ["203.0.113.7", "203.0.113.8", "198.51.100.9"]
        .into_iter()
        .enumerate()
        .map(|(number, to)| (to, (1..=10 * (number + 1)).map(|bytes| call(to, bytes)).collect()))
        .collect();
    for frame in calls.iter().flat_map(|(_, frames)| frames) {
        driveway.send(frame)?;
    }
    nothing_arrives(&gw)?;
    let at_home = recording(CAM2).build();
    garage.send(&at_home)?;
    arrives(&nvr, std::slice::from_ref(&at_home))?;
    let answer = Frame::from(GW).to(CAM2).ipv4("203.0.113.7", "192.168.1.31").udp(443, 9).build();
    gw.send(&answer)?;
    nothing_arrives(&garage)?;
    thread::sleep(QUIET);

    let mut expected: Vec<Value> = calls
        .iter()
        .map(|(to, frames)| entry(CAM, "outbound", (to, 10240), ["not-local", "drop"], frames))
        .collect();
    let of_driveway = expected.clone();
    let local = ["local", "pass"];
    expected.push(entry(CAM2, "outbound", ("192.168.1.10", 554), local, &[at_home]));
    let inbound = ["inbound", "drop"];
    expected.push(entry(CAM2, "inbound", ("203.0.113.7", 443), inbound, &[answer]));
    assert_eq!(sorted(listed(&fence, &[])?), sorted(expected.clone()));

    for name in ["driveway", &CAM.to_string()] {
        assert_eq!(sorted(listed(&fence, &[name])?), sorted(of_driveway.clone()), "{name}");
    }
    assert_eq!(listed(&fence, &["--top", "2"])?, [of_driveway[2].clone(), of_driveway[1].clone()]);
    assert_eq!(listed(&fence, &["--since", "1h"])?.len(), expected.len());
    assert_eq!(listed(&fence, &["--since", "1ms"])?.len(), 0);
    let text = fence.camfence.run(["ledger", "driveway", "--top", "1"])?.success()?;
    let words: Vec<&str> = text.lines().nth(1).context("a line")?.split_whitespace().collect();
    let expected_words =
        ["driveway", "outbound", "dropped", "not-local", "198.51.100.9", "udp/10240", "30"];
    assert_eq!(words[..7], expected_words, "{text}");
    let refused = fence.camfence.run(["ledger", "nobody"])?;
    ensure!(refused.code == Some(1) && refused.stderr.contains("nobody"), "{refused:?}");

    // A camera that was removed keeps its flows, under its MAC.
    fence.verb(&["remove", "driveway"])?;
    let gone = listed(&fence, &[&CAM.to_string()])?;
    ensure!(gone.len() == 3 && gone.iter().all(|entry| entry["camera"].is_null()), "{gone:?}");
    let text = fence.camfence.run(["ledger", &CAM.to_string()])?.success()?;
    assert_eq!(text.matches(&CAM.to_string()).count(), 3, "{text}");

    fence.verb(&["down"])?;
    let refused = fence.camfence.run(["ledger"])?;
    ensure!(refused.stderr.contains("run `camfence up`"), "{refused:?}");
    Ok(())
}

fn an_opened_camera_has_flows_too(attachment: Attachment) -> Result<()> {
    let home = Home::new(attachment)?;
    let fence = home.fenced()?;
    let (driveway, gw) = (home.wire("driveway")?, home.wire("gw")?);
    fence.verb(&["open", "driveway", "--for", "10m"])?;
    let call = calling_home(CAM).to(GW).build();
    let unread = Frame::from(CAM).to(GW).ethertype(0x88a2).payload_of(60).build();
    let frames = [call.clone(), unread];
    frames.iter().try_for_each(|frame| driveway.send(frame))?;
    arrives(&gw, &frames)?;
    let opened = entry(CAM, "outbound", ("203.0.113.7", 10240), ["opened", "pass"], &[call]);
    assert_eq!(listed(&fence, &[])?, [opened]);
    Ok(())
}

/// Flows that come and go all the time are never told twice, and in the end all are told.
fn a_flood_is_read_while_it_flows(attachment: Attachment) -> Result<()> {
    const FLOWS: u16 = 5_000;
    const SENT: u64 = 40_000;
    const RATE: u32 = 20_000;
    let home = Home::new(attachment)?;
    let fence = home.fence_with("", &[CAM], "[ledger]\nentries = 1024\n")?;
    fence.up()?;
    let (driveway, gw) = (home.wire("driveway")?, home.wire("gw")?);
    let frames: Vec<Vec<u8>> = (0..FLOWS)
        .map(|port| {
            let frame = Frame::from(CAM).to(GW).ipv4("192.168.1.31", "203.0.113.7");
            frame.udp(5000, 10_000 + port).payload_of(20).build()
        })
        .collect();
    let done = AtomicBool::new(false);
    thread::scope(|scope| -> Result<()> {
        let flood = scope.spawn(|| {
            let sent = driveway.send_many(&frames, SENT, RATE);
            done.store(true, Ordering::Relaxed);
            sent
        });
        while !done.load(Ordering::Relaxed) {
            let [packets, _] = told(&fence)?;
            let [_, dropped] = fence.outbound(CAM)?;
            ensure!(packets <= dropped, "{packets} of {dropped}");
        }
        let sent = flood.join().expect("no panic")?;
        ensure!(sent.accepted == SENT, "{sent:?}");
        Ok(())
    })?;
    nothing_arrives(&gw)?;
    assert_eq!(told(&fence)?, [SENT, SENT * frames[0].len() as u64]);
    Ok(())
}

/// Packets and bytes that `ledger` accounts for.
fn told(fence: &Fence<'_>) -> Result<[u64; 2]> {
    let found = fence.verb(&["ledger"])?;
    let entries = found["entries"].as_array().context("entries")?;
    let mut sums = [0; 2];
    for counts in entries.iter().chain([&found["evicted"], &found["lost"]]) {
        for (sum, key) in sums.iter_mut().zip(["packets", "bytes"]) {
            *sum += counts[key].as_u64().with_context(|| format!("{key} in {counts}"))?;
        }
    }
    Ok(sums)
}
