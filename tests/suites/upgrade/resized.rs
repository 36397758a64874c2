//! Another `max_cameras`, and another ledger.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::fixture::{Attachment, CAM, CAM2, CAM3, Fence, Home, over_every_attachment};
use crate::load::{Load, open_seconds};

over_every_attachment!(
    room_is_made_and_given_back_without_a_gap,
    a_ledger_of_another_size_has_what_the_one_before_had,
);

fn room_is_made_and_given_back_without_a_gap(attachment: Attachment) -> Result<()> {
    let home = Home::new(attachment)?;
    let mut load = Load::new(&home)?;
    let fence = load.fence(1_024)?;
    fence.up()?;
    fence.verb(&["open", "attic", "--for", "10m"])?;
    let sizes = [("reload", 2_000), ("up", 3), ("reload", 8), ("up", 4_000)];
    let readings = load.during(|| {
        reading(&fence, || {
            for (verb, room) in sizes {
                fence.camfence.configure(&config(&home, room))?;
                let refused = fence.camfence.run(["remove", "attic"])?;
                ensure!(refused.stderr.contains("run `camfence reload`"), "{refused:?}");
                let summary = fence.verb(&[verb])?;
                ensure!(summary["notices"] == serde_json::json!([]), "{summary}");
            }
            Ok(())
        })
    })?;
    load.check_wires()?;
    load.check_counters(&fence)?;
    load.check_ledger(&fence)?;
    let left = open_seconds(&fence, CAM3)?;
    ensure!((500..=600).contains(&left), "{left}");
    println!("{} frames, read {readings} times meanwhile", load.sent());
    // Not below what is there.
    let before = fence.status()?;
    fence.camfence.configure(&config(&home, 2))?;
    for verb in ["reload", "up"] {
        let refused = fence.camfence.run([verb])?;
        ensure!(refused.stderr.contains("3 cameras are more than max_cameras = 2"), "{refused:?}");
    }
    fence.camfence.configure(&config(&home, 4_000))?;
    let counted = |status: &Value| status["cameras"][0]["outbound"].clone();
    assert_eq!(counted(&fence.status()?), counted(&before));
    // When cameras were seen is carried over, too.
    fence.camfence.configure(&config(&home, 4_001))?;
    fence.verb(&["reload"])?;
    let seen = |mac| Ok::<_, anyhow::Error>(fence.camera(mac)?.get("last_seen").is_some());
    assert_eq!((seen(CAM)?, seen(CAM3)?), (true, false));
    Ok(())
}

fn a_ledger_of_another_size_has_what_the_one_before_had(attachment: Attachment) -> Result<()> {
    let home = Home::new(attachment)?;
    let mut load = Load::new(&home)?;
    let fence = load.fence(1_024)?;
    fence.up()?;
    let generation = || std::fs::canonicalize(home.bpffs.path().join("current"));
    for (verb, entries) in [("reload", 2_048), ("up", 1_024), ("up", 65_536)] {
        let before = generation()?;
        load.during(|| {
            let ledger = format!("[ledger]\nentries = {entries}\n");
            fence.camfence.configure(&(config(&home, 1_024) + &ledger))?;
            // What has nothing to do with it needs no other maps.
            fence.verb(&["remove", "attic"])?;
            fence.verb(&["add", &CAM3.to_string(), "--name", "attic"])?;
            ensure!(generation()? == before, "{entries}");
            let summary = fence.verb(&[verb])?;
            ensure!(summary["notices"] == serde_json::json!([]), "{summary}");
            ensure!(generation()? != before, "{entries}");
            Ok(())
        })?;
        load.check_wires()?;
        load.check_counters(&fence)?;
        load.check_ledger(&fence)?;
    }
    Ok(())
}

fn config(home: &Home, room: u32) -> String {
    let lines = format!("max_cameras = {room}");
    let cameras = [CAM, CAM2, CAM3];
    home.config_with(&lines, &cameras, crate::load::SEALED)
}

/// Reads the fence all the time while something is done: it always enforces, and what was counted
/// is never less than it was. Gives how often it was read.
fn reading(fence: &Fence<'_>, work: impl FnOnce() -> Result<()>) -> Result<usize> {
    let done = &AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| -> Result<usize> {
            let (mut last, mut readings) = (0, 0);
            while !done.load(Ordering::Relaxed) {
                let status = fence.status()?;
                let counted = counted(&status)?;
                ensure!(counted >= last, "{counted} after {last}");
                let ports = status["interfaces"].as_array().context("interfaces")?;
                ensure!(ports.iter().all(|port| port["enforcing"] == true), "{ports:?}");
                last = counted;
                readings += 1;
            }
            Ok(readings)
        });
        let worked = work();
        done.store(true, Ordering::Relaxed);
        let readings = reader.join().expect("the reader")?;
        worked.map(|()| readings)
    })
}

fn counted(status: &Value) -> Result<u64> {
    let cameras = status["cameras"].as_array().context("cameras")?;
    let of = |camera: &Value, verdict: &str| camera["outbound"][verdict]["packets"].as_u64();
    cameras
        .iter()
        .map(|camera| Some(of(camera, "passed")? + of(camera, "dropped")?))
        .sum::<Option<u64>>()
        .context("counts")
}

/// A link whose interface is gone cannot be given another program, and need not.
#[test]
fn an_unplugged_port_is_in_nobodys_way() -> Result<()> {
    for attachment in [Attachment::Tcx, Attachment::XdpNative] {
        let home = Home::new(attachment)?;
        let fence = Load::new(&home)?.fence(16)?;
        fence.up()?;
        home.lab.unplug("gw")?;
        home.lab.plug("gw")?;
        fence.camfence.configure(&config(&home, 17))?;
        fence.verb(&["reload"])?;
        assert_eq!(fence.port("gw")?["enforcing"], true);
        assert_eq!(fence.port("driveway")?["enforcing"], true);
    }
    Ok(())
}
