//! The fence opened for a camera: what passes, and that it closes.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use camfence_tests::{Frame, RawPort};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::fixture::{
    Attachment, CAM, CAM2, CAM3, Fence, GW, Home, arrives, calling_home, nothing_arrives,
    over_tc_and_xdp,
};
use crate::ledger::Ledger;

over_tc_and_xdp!(
    an_opened_camera_may_do_anything_until_it_is_closed,
    it_closes_by_itself_with_no_process_of_camfence_left,
    changes_of_other_cameras_keep_it_open,
    whoever_gets_a_slot_that_was_open_is_closed,
);

/// Frames that are dropped for various reasons, all to the gateway.
fn forbidden() -> Vec<Vec<u8>> {
    let v4 = |to: &str| Frame::from(CAM).to(GW).ipv4("192.168.1.31", to);
    let frames = [
        v4("203.0.113.7").udp(5000, 10240).payload_of(700),
        v4("192.168.1.1").ip_in_ip(&v4("203.0.113.7").udp(5, 9)),
        v4("192.168.1.1").udp(5, 9).claim_ihl(3),
        v4("192.168.1.1").udp(5, 9).payload_of(30).vlan(1).vlan(2).vlan(3),
        Frame::from(CAM).to(GW).ethertype(0x88a2).payload_of(60),
        Frame::from(CAM).to(GW).ipv6("2001:db8::31", "2001:db8:9::7").udp(5, 9).payload_of(60),
    ];
    frames.iter().map(Frame::build).collect()
}

fn an_opened_camera_may_do_anything_until_it_is_closed(attachment: Attachment) -> Result<()> {
    let home = Home::new(attachment)?;
    let fence = home.fenced()?;
    let (camera, garage) = (home.wire("driveway")?, home.wire("garage")?);
    let gw = home.wire("gw")?;
    let mut ledger = Ledger::default();
    // The bridge learns where both are.
    for (port, mac, other) in [(&camera, CAM, &gw), (&gw, GW, &camera)] {
        let hello = Frame::from(mac).broadcast().arp_request("192.168.1.9", "192.168.1.99").build();
        port.send(&hello)?;
        arrives(other, std::slice::from_ref(&hello))?;
        if mac == CAM {
            ledger.outbound(CAM, "link", &hello);
        }
    }
    garage.discard()?;
    fence.verb(&["open", "driveway", "--for", "10m"])?;
    let outward = forbidden();
    for frame in &outward {
        camera.send(frame)?;
        ledger.outbound(CAM, "opened", frame);
    }
    arrives(&gw, &outward)?;
    let from_outside = |to| Frame::from(GW).to(to).ipv4("203.0.113.7", "192.168.1.31").udp(443, 9);
    let inward = from_outside(CAM).build();
    gw.send(&inward)?;
    ledger.inbound(CAM, "opened", &inward);
    arrives(&camera, std::slice::from_ref(&inward))?;
    // Nobody else is opened.
    garage.send(&calling_home(CAM2).to(GW).build())?;
    nothing_arrives(&gw)?;
    assert_eq!(fence.outbound(CAM2)?, [0, 1]);
    ledger.check(&fence, CAM)?;

    fence.verb(&["close", "driveway"])?;
    let call = calling_home(CAM).to(GW).build();
    camera.send(&call)?;
    ledger.outbound(CAM, "not-local", &call);
    nothing_arrives(&gw)?;
    gw.send(&inward)?;
    ledger.inbound(CAM, "inbound", &inward);
    nothing_arrives(&camera)?;
    ledger.check(&fence, CAM)
}

fn it_closes_by_itself_with_no_process_of_camfence_left(attachment: Attachment) -> Result<()> {
    const TIME: Duration = Duration::from_secs(3);
    /// How long the daemon may take to start on a machine that is busy.
    const START: Duration = Duration::from_secs(30);
    /// The programs read a clock that steps.
    const STEP: Duration = Duration::from_millis(50);
    let home = Home::new(attachment)?;
    let fence = home.fence(&[CAM, CAM2])?;
    let (camera, gw) = (home.wire("driveway")?, home.wire("gw")?);
    let mut daemon = fence.camfence.start(["run"])?;
    daemon.wait_for_log(START, |log| log.contains("fenced for 2 cameras"))?;
    let before = Instant::now();
    fence.verb(&["open", "driveway", "--for", "3s"])?;
    let after = Instant::now();
    daemon.signal(Signal::SIGKILL)?;
    ensure!(daemon.log()?.contains("open \"driveway\" for 3s: done"), "{}", daemon.log()?);
    while daemon.is_running()? {}

    let frame = calling_home(CAM).build();
    let (mut passed, mut dropped) = (0, 0);
    while before.elapsed() < TIME || dropped < 5 {
        let begun = Instant::now();
        let arrived = crosses(&camera, &gw, &frame)?;
        let ended = Instant::now();
        *(if arrived { &mut passed } else { &mut dropped }) += 1;
        ensure!(arrived || ended + STEP > before + TIME, "closed too early");
        ensure!(!arrived || begun < after + TIME + STEP, "closed too late");
        thread::sleep(Duration::from_millis(20));
    }
    ensure!(passed > 0, "never open");
    assert_eq!(fence.camera(CAM)?["open_seconds"], Value::Null);
    let bytes = |count: u64| count * frame.len() as u64;
    let mut ledger = Ledger::default();
    ledger.add((CAM, "outbound", "opened"), passed, bytes(passed));
    ledger.add((CAM, "outbound", "not-local"), dropped, bytes(dropped));
    ledger.check(&fence, CAM)
}

/// Whether a frame arrives.
fn crosses(from: &RawPort, to: &RawPort, frame: &[u8]) -> Result<bool> {
    from.send(frame)?;
    Ok(!to.capture_until_quiet(crate::fixture::QUIET)?.is_empty())
}

fn is_open(fence: &Fence<'_>, wires: [&RawPort; 2], after: &[&str]) -> Result<()> {
    let open = crosses(wires[0], wires[1], &calling_home(CAM).build())?;
    ensure!(open, "closed after {after:?}");
    let left = fence.camera(CAM)?["open_seconds"].as_u64().context("no time left")?;
    ensure!((500..=600).contains(&left), "{left} s are left after {after:?}");
    Ok(())
}

fn changes_of_other_cameras_keep_it_open(attachment: Attachment) -> Result<()> {
    let home = Home::new(attachment)?;
    let fence = home.fenced()?;
    let (camera, gw) = (home.wire("driveway")?, home.wire("gw")?);
    fence.verb(&["open", "driveway", "--for", "10m"])?;
    let attic = CAM3.to_string();
    let changes: [&[&str]; 6] = [
        &["reload"],
        &["up"],
        &["add", &attic, "--name", "attic"],
        &["close", "attic"],
        &["remove", "attic"],
        &["remove", "garage"],
    ];
    for change in changes {
        fence.verb(change)?;
        is_open(&fence, [&camera, &gw], change)?;
    }
    // Another policy, its own included.
    let text = home.config_with("local = [\"192.168.1.0/24\"]", &[CAM], "mode = \"audit\"\n");
    fence.camfence.configure(&text)?;
    fence.verb(&["reload"])?;
    is_open(&fence, [&camera, &gw], &["another policy"])?;
    assert_eq!(fence.outbound(CAM)?, [7, 0]);
    fence.verb(&["remove", "driveway"])?;
    fence.verb(&["add", &CAM.to_string(), "--name", "driveway"])?;
    assert_eq!(fence.camera(CAM)?["open_seconds"], Value::Null);
    camera.send(&calling_home(CAM).build())?;
    nothing_arrives(&gw)?;
    Ok(())
}

fn whoever_gets_a_slot_that_was_open_is_closed(attachment: Attachment) -> Result<()> {
    let home = Home::new(attachment)?;
    let fence = home.fence_with("max_cameras = 1", &[CAM], "")?;
    fence.up()?;
    fence.verb(&["open", "driveway", "--for", "10m"])?;
    let (camera, gw) = (home.wire("driveway")?, home.wire("gw")?);
    ensure!(crosses(&camera, &gw, &calling_home(CAM).build())?, "closed");
    // One reload takes the camera out and puts another in.
    fence.camfence.configure(&home.config_with("max_cameras = 1", &[CAM2], ""))?;
    fence.verb(&["reload"])?;
    assert_eq!(fence.camera(CAM2)?["open_seconds"], Value::Null);
    let garage = home.wire("garage")?;
    garage.send(&calling_home(CAM2).build())?;
    nothing_arrives(&gw)?;
    assert_eq!(fence.outbound(CAM2)?, [0, 1]);
    Ok(())
}
