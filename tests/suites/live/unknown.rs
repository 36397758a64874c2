//! Unknown sources: sealed out, judged by a profile, and listed.

use std::{
    collections::BTreeSet,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use camfence_tests::{Frame, Mac, mac};
use serde_json::{Value, json};

use crate::fixture::{
    Attachment, CAM, CAM2, Fence, GW, Home, NVR, arrives, calling_home, nothing_arrives,
    over_tc_and_xdp, recording,
};

over_tc_and_xdp!(
    a_sealed_port_lets_only_registered_cameras_through,
    a_camera_that_changes_its_mac_is_caught,
    strangers_can_be_judged_by_a_profile,
    a_stranger_that_is_added_is_a_camera,
    a_flood_of_addresses_is_counted_and_not_kept,
);

const STRANGER: Mac = mac("02:cf:bb:00:00:01");
const OTHER: Mac = mac("02:cf:bb:00:00:02");

/// The garage's port sealed, and no other.
const SEALED: &str = "[interface.port-garage]\nunknown = \"drop\"\n";

fn sealed(home: &Home) -> Result<Fence<'_>> {
    let fence = home.fence_with("", &[CAM, CAM2], SEALED)?;
    fence.up()?;
    Ok(fence)
}

/// What `unknown` lists.
fn listed(fence: &Fence<'_>) -> Result<Vec<Value>> {
    let found = fence.verb(&["unknown"])?;
    found["unknown"].as_array().cloned().context("a list")
}

/// The wall clock, as `unknown` writes times.
fn wall_clock() -> Result<String> {
    let output = Command::new("date").args(["-u", "+%FT%T.%3NZ"]).output()?;
    Ok(String::from_utf8(output.stdout)?.trim().into())
}

/// What was counted of the unknown sources of a host's port.
fn counted(fence: &Fence<'_>, host: &str, direction: &str) -> Result<Value> {
    Ok(fence.port(host)?["unknown"][direction]["reasons"].clone())
}

fn bytes(frames: &[Vec<u8>]) -> usize {
    frames.iter().map(Vec::len).sum()
}

/// Times that are told apart even if the clock of the programs steps.
fn pass_time() {
    thread::sleep(Duration::from_millis(50));
}

fn a_sealed_port_lets_only_registered_cameras_through(attachment: Attachment) -> Result<()> {
    let home = Home::new(attachment)?;
    let fence = sealed(&home)?;
    let (garage, gw, nvr) = (home.wire("garage")?, home.wire("gw")?, home.wire("nvr")?);
    let strange = |from: Mac| {
        let v4 = Frame::from(from).ipv4("192.168.1.99", "192.168.1.10");
        let frames = [
            recording(from),
            calling_home(from),
            v4.clone().udp(5, 9).payload_of(1000).vlan(20),
            v4.udp(5, 9).claim_ihl(3),
            Frame::from(from).arp_request("192.168.1.99", "192.168.1.1"),
            Frame::from(from).ethertype(0x88a2).payload_of(60),
        ];
        frames.iter().map(Frame::build).collect::<Vec<_>>()
    };
    let before = wall_clock()?;
    pass_time();
    let (first, second) = (strange(STRANGER), strange(OTHER));
    for frames in [&first[..], &second[..], &first[..1]] {
        frames.iter().try_for_each(|frame| garage.send(frame))?;
        pass_time();
    }
    let after = wall_clock()?;
    nothing_arrives(&gw)?;
    nothing_arrives(&nvr)?;

    let seen = listed(&fence)?;
    ensure!(seen.len() == 2, "{seen:?}");
    let packets = first.len() + 1;
    let expected = [
        (STRANGER, packets, bytes(&first) + first[0].len()),
        (OTHER, second.len(), bytes(&second)),
    ];
    for (seen, (mac, packets, bytes)) in seen.iter().zip(expected) {
        assert_eq!(seen["mac"], mac.to_string(), "those seen last come first");
        assert_eq!(seen["interface"], "port-garage");
        assert_eq!((&seen["packets"], &seen["bytes"]), (&json!(packets), &json!(bytes)), "{seen}");
    }
    // Timestamps of one form are ordered as text.
    let time = |of: usize, what: &str| seen[of][what].as_str().unwrap_or_default().to_owned();
    let times = [
        before,
        time(0, "first_seen"),
        time(1, "first_seen"),
        time(1, "last_seen"),
        time(0, "last_seen"),
        after,
    ];
    assert!(times.is_sorted(), "{times:?}");
    assert!(times[1] < times[2] && times[3] < times[4], "{times:?}");
    let all = packets + second.len();
    let sum = bytes(&first) + first[0].len() + bytes(&second);
    let expected = json!({"sealed": {"packets": all, "bytes": sum}});
    assert_eq!(counted(&fence, "garage", "outbound")?, expected);
    assert_eq!(fence.port("garage")?["unknown"]["sealed"], true);
    assert_eq!(fence.port("gw")?["unknown"], Value::Null);
    let text = fence.camfence.run(["unknown"])?.success()?;
    assert!(text.contains(" s ago") && text.contains(&STRANGER.to_string()), "{text}");
    let text = fence.camfence.run(["status"])?.success()?;
    assert!(text.contains("unknown on port-garage"), "{text}");

    // A camera on that port, strangers on the others, and what goes to strangers there.
    let at_home = recording(CAM2).build();
    garage.send(&at_home)?;
    arrives(&nvr, std::slice::from_ref(&at_home))?;
    arrives(&gw, &[at_home])?;
    let to_stranger = Frame::from(GW).to(STRANGER).ipv4("203.0.113.7", "192.168.1.99").udp(1, 2);
    gw.send(&to_stranger.build())?;
    arrives(&nvr, &[to_stranger.build()])?;
    arrives(&garage, &[to_stranger.build()])?;
    assert_eq!(listed(&fence)?.len(), 2, "nobody of another port");
    Ok(())
}

fn a_camera_that_changes_its_mac_is_caught(attachment: Attachment) -> Result<()> {
    let home = Home::new(attachment)?;
    let fence = sealed(&home)?;
    let gw = home.wire("gw")?;
    home.lab.host("garage").ip("link set eth0 down")?;
    home.lab.host("garage").ip(&format!("link set eth0 address {OTHER}"))?;
    home.lab.host("garage").ip("link set eth0 up")?;
    home.lab.host("garage").wait_running(&["eth0"])?;
    let garage = home.wire("garage")?;
    gw.discard()?;
    let before = listed(&fence)?.len();
    assert_eq!(before, 0, "it is silent");
    garage.send(&calling_home(OTHER).build())?;
    garage.send(&recording(OTHER).build())?;
    nothing_arrives(&gw)?;
    let seen = listed(&fence)?;
    assert_eq!((seen.len(), &seen[0]["mac"]), (1, &json!(OTHER.to_string())), "{seen:?}");
    assert_eq!(fence.outbound(CAM2)?, [0, 0]);
    Ok(())
}

fn strangers_can_be_judged_by_a_profile(attachment: Attachment) -> Result<()> {
    let home = Home::new(attachment)?;
    let more = "[interface.port-garage]\nunknown = \"guest\"\n\
        [profile.guest]\nlocal = [\"192.168.1.10/32\"]\nallow = [\"ntp to 192.168.1.1\"]\n";
    let fence = home.fence_with("", &[CAM, CAM2], more)?;
    fence.up()?;
    let (garage, nvr) = (home.wire("garage")?, home.wire("nvr")?);
    let out = |to: &str, port| {
        let frame = Frame::from(STRANGER).to(NVR).ipv4("192.168.1.99", to);
        frame.udp(5000, port).payload_of(50).build()
    };
    let local = out("192.168.1.10", 554);
    let allowed = out("192.168.1.1", 123);
    let dropped = [out("192.168.1.1", 80), out("192.168.1.11", 554), out("203.0.113.7", 123)];
    for frame in dropped.iter().chain([&local, &allowed]) {
        garage.send(frame)?;
    }
    arrives(&nvr, &[local.clone(), allowed.clone()])?;
    let one = |frame: &[u8]| json!({"packets": 1, "bytes": frame.len()});
    assert_eq!(
        counted(&fence, "garage", "outbound")?,
        json!({"local": one(&local), "allowed": one(&allowed),
            "not-local": {"packets": 3, "bytes": bytes(&dropped)}})
    );
    let inward = |from: &str| {
        Frame::from(NVR).to(STRANGER).ipv4(from, "192.168.1.99").udp(554, 5000).build()
    };
    let (home_call, outside) = (inward("192.168.1.10"), inward("203.0.113.7"));
    nvr.send(&outside)?;
    nvr.send(&home_call)?;
    arrives(&garage, std::slice::from_ref(&home_call))?;
    assert_eq!(
        counted(&fence, "garage", "inbound")?,
        json!({"local": one(&home_call), "inbound": one(&outside)})
    );
    assert_eq!(fence.port("garage")?["unknown"]["sealed"], false);
    let seen = listed(&fence)?;
    assert_eq!((seen.len(), &seen[0]["packets"]), (1, &json!(5)), "{seen:?}");
    // The same source at a port without a policy is nobody's business.
    let gw = home.wire("gw")?;
    nvr.discard()?;
    gw.send(&dropped[0])?;
    arrives(&nvr, &dropped[..1])
}

fn a_stranger_that_is_added_is_a_camera(attachment: Attachment) -> Result<()> {
    let home = Home::new(attachment)?;
    let fence = sealed(&home)?;
    let (garage, gw) = (home.wire("garage")?, home.wire("gw")?);
    let frame = recording(STRANGER).build();
    garage.send(&frame)?;
    garage.send(&calling_home(OTHER).build())?;
    nothing_arrives(&gw)?;
    assert_eq!(listed(&fence)?.len(), 2);
    fence.verb(&["add", &STRANGER.to_string(), "--name", "attic"])?;
    garage.send(&frame)?;
    arrives(&gw, &[frame])?;
    garage.send(&calling_home(STRANGER).build())?;
    nothing_arrives(&gw)?;
    assert_eq!(fence.outbound(STRANGER)?, [1, 1]);
    let seen = listed(&fence)?;
    assert_eq!((seen.len(), &seen[0]["mac"]), (1, &json!(OTHER.to_string())), "{seen:?}");
    // Removed, it is unknown again.
    fence.verb(&["remove", "attic"])?;
    garage.send(&calling_home(STRANGER).build())?;
    nothing_arrives(&gw)?;
    assert_eq!(listed(&fence)?[0]["mac"], STRANGER.to_string());
    Ok(())
}

fn a_flood_of_addresses_is_counted_and_not_kept(attachment: Attachment) -> Result<()> {
    const FLOOD: u16 = 5_000;
    const RATE: u32 = 20_000;
    const MOST: usize = 1_024;
    let home = Home::new(attachment)?;
    let fence = sealed(&home)?;
    let (garage, gw) = (home.wire("garage")?, home.wire("gw")?);
    let frames: Vec<Vec<u8>> = (0..FLOOD)
        .map(|number| {
            let [a, b] = number.to_be_bytes();
            calling_home(Mac([0x02, 0xee, b.reverse_bits(), 0x11, a, b])).build()
        })
        .collect();
    let check = |seen: &[Value]| -> Result<()> {
        let macs: BTreeSet<_> = seen.iter().map(|seen| seen["mac"].as_str()).collect();
        ensure!(seen.len() <= MOST && macs.len() == seen.len(), "{} listed", seen.len());
        Ok(())
    };
    let done = AtomicBool::new(false);
    thread::scope(|scope| -> Result<()> {
        let flood = scope.spawn(|| {
            let sent = garage.send_many(&frames, FLOOD.into(), RATE);
            done.store(true, Ordering::Relaxed);
            sent
        });
        while !done.load(Ordering::Relaxed) {
            check(&listed(&fence)?)?;
        }
        let sent = flood.join().expect("no panic")?;
        ensure!(sent.accepted == u64::from(FLOOD), "{sent:?}");
        Ok(())
    })?;
    nothing_arrives(&gw)?;
    let seen = listed(&fence)?;
    check(&seen)?;
    ensure!(seen.len() > MOST / 4, "only {} are left", seen.len());
    let expected = json!({"sealed": {"packets": FLOOD, "bytes": bytes(&frames)}});
    assert_eq!(counted(&fence, "garage", "outbound")?, expected);
    // Whoever comes next is seen.
    garage.send(&calling_home(CAM).to(GW).build())?;
    garage.send(&calling_home(OTHER).to(GW).build())?;
    nothing_arrives(&gw)?;
    assert_eq!(listed(&fence)?[0]["mac"], OTHER.to_string());
    Ok(())
}
