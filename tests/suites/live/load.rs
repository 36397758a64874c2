//! Changes while frames flow.

use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use camfence_tests::wire::Sent;
use camfence_tests::{Frame, RawPort};

use crate::fixture::{
    Attachment, CAM, CAM2, GW, Home, NVR, calling_home, config, over_every_attachment, recording,
};

over_every_attachment!(add_and_remove_act_under_load);

/// Frames of each camera, and how many a second.
const FRAMES: u64 = 36_000;
const RATE: u32 = 50_000;
/// How long a frame may be on its way after it was sent.
const IN_FLIGHT: Duration = Duration::from_millis(60);

/// Sends in the background.
fn send<'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    port: &'scope RawPort,
    frames: Vec<Vec<u8>>,
    count: u64,
    rate: u32,
) -> thread::ScopedJoinHandle<'scope, Result<Sent>> {
    scope.spawn(move || port.send_many(&frames, count, rate))
}

fn finish(sender: thread::ScopedJoinHandle<'_, Result<Sent>>, count: u64) -> Result<()> {
    let sent = sender.join().expect("the sender panicked")?;
    ensure!(sent.accepted == count, "{sent:?}");
    Ok(())
}

/// Frames that had arrived or were on their way.
fn drain(port: &RawPort) -> Result<u64> {
    thread::sleep(IN_FLIGHT);
    let mut count = 0;
    while port.capture(Duration::ZERO)?.is_some() {
        count += 1;
    }
    Ok(count)
}

/// Frames that the bridge could not hand on for want of room.
fn overrun(home: &Home) -> Result<u64> {
    let stats = home.lab.box_ns().link_stats(home.lab.port("gw"))?;
    Ok(stats["tx"]["dropped"].as_u64().unwrap_or_default())
}

fn add_and_remove_act_under_load(attachment: Attachment) -> Result<()> {
    let home = Home::new(attachment)?;
    let fence = home.fence(&[CAM2])?;
    fence.up()?;
    let (driveway, garage) = (home.wire("driveway")?, home.wire("garage")?);
    let gw = home.wire("gw")?;
    // The bridge learns where both are, so that the gateway gets nothing but what leaks.
    home.wire("nvr")?.send(&Frame::from(NVR).arp_request("192.168.1.10", "192.168.1.1").build())?;
    gw.send(&Frame::from(GW).arp_request("192.168.1.1", "192.168.1.10").build())?;
    thread::sleep(Duration::from_millis(20));
    gw.discard()?;
    let away = calling_home(CAM).to(GW).build();
    let others = vec![calling_home(CAM2).to(GW).build(), recording(CAM2).build()];
    let add = || fence.verb(&["add", &CAM.to_string(), "--name", "driveway"]);

    thread::scope(|scope| -> Result<()> {
        let other = send(scope, &garage, others.clone(), FRAMES, RATE);
        let added = send(scope, &driveway, vec![away.clone()], FRAMES, RATE);
        thread::sleep(Duration::from_millis(100));
        add()?;
        let before = drain(&gw)?;
        ensure!(!added.is_finished() && before > 0, "too fast to see anything: {before}");
        finish(added, FRAMES)?;
        finish(other, FRAMES)?;
        let late = drain(&gw)?;
        assert_eq!(late, 0, "frames that arrived after `add` had returned");
        let [passed, dropped] = fence.outbound(CAM)?;
        let lost = u64::from(gw.lost()?) + overrun(&home)?;
        assert!(dropped > 0);
        assert_eq!(passed + dropped + before + lost, FRAMES, "{before} {dropped} {lost}");
        assert_eq!(fence.outbound(CAM2)?, [FRAMES / 2, FRAMES / 2]);
        Ok(())
    })?;

    thread::scope(|scope| -> Result<()> {
        let overrun_before = overrun(&home)?;
        let other = send(scope, &garage, others.clone(), FRAMES, RATE);
        let removed = send(scope, &driveway, vec![away.clone()], FRAMES, RATE);
        thread::sleep(Duration::from_millis(100));
        let before = gw.capture(Duration::ZERO)?;
        // What arrives from here on: the capture has room for all of it.
        fence.verb(&["remove", "driveway"])?;
        ensure!(!removed.is_finished(), "too fast to see anything");
        finish(removed, FRAMES)?;
        finish(other, FRAMES)?;
        let after = drain(&gw)?;
        assert_eq!(before, None, "fenced until then");
        let lost = u64::from(gw.lost()?) + overrun(&home)? - overrun_before;
        assert!(after > 0 && after + lost < FRAMES, "{after} {lost}");
        assert_eq!(fence.outbound(CAM2)?, [FRAMES, FRAMES]);
        Ok(())
    })
}

#[test]
fn a_change_of_hook_opens_nothing() -> Result<()> {
    const COUNT: u64 = 60_000;
    const RATE: u32 = 30_000;
    let home = Home::new(Attachment::tc())?;
    let fence = home.fenced()?;
    let (camera, gw, nvr) = (home.wire("driveway")?, home.wire("gw")?, home.wire("nvr")?);
    let frames = vec![calling_home(CAM).build(), calling_home(CAM).to(GW).build()];
    let mut changes = 0;
    thread::scope(|scope| -> Result<()> {
        let sender = send(scope, &camera, frames, COUNT, RATE);
        let tc = Attachment::tc().shown()[0].1;
        let hooks = [("xdp", "native"), ("xdp-generic", "generic"), ("tc", tc)];
        for (hook, mode) in hooks.iter().cycle() {
            if sender.is_finished() {
                break;
            }
            fence.camfence.configure(&config(&["br-cam"], hook, "", &[CAM, CAM2]))?;
            fence.verb(&["reload"])?;
            let port = fence.port("driveway")?;
            assert_eq!(
                (&port["outbound"]["mode"], &port["enforcing"]),
                (&(*mode).into(), &true.into())
            );
            changes += 1;
        }
        finish(sender, COUNT)
    })?;
    for port in [&gw, &nvr] {
        assert_eq!(drain(port)?, 0, "leaked over {changes} changes");
        assert_eq!(port.lost()?, 0);
    }
    ensure!(changes > 3, "only {changes} changes");
    let [passed, dropped] = fence.outbound(CAM)?;
    assert_eq!(passed, 0);
    // A driver that is told to run XDP, or no longer, throws away what it has in its queue.
    let stats = home.lab.box_ns().link_stats(home.lab.port("driveway"))?;
    println!("{changes} changes; {dropped} dropped of {COUNT}; {stats}");
    assert!(dropped == COUNT, "{dropped}");
    Ok(())
}
