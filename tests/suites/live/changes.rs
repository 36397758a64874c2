//! Changes of a fence that stands, and what they leave alone.

use std::{
    fmt::Write as _,
    sync::atomic::{AtomicBool, Ordering},
};

use anyhow::{Context as _, Result};
use serde_json::json;

use crate::fixture::{
    Attachment, CAM, CAM2, CAM3, Home, NVR, arrives, calling_home, config, nothing_arrives,
    over_every_attachment, recording,
};
use crate::ledger::Ledger;

over_every_attachment!(
    a_change_of_cameras_keeps_the_others_counters,
    a_change_of_local_counts_from_the_next_frame,
);

fn a_change_of_cameras_keeps_the_others_counters(attachment: Attachment) -> Result<()> {
    let home = Home::new(attachment)?;
    let fence = home.fenced()?;
    let mut ledger = Ledger::default();
    let (camera, garage) = (home.wire("driveway")?, home.wire("garage")?);
    let spend = |ledger: &mut Ledger| -> Result<()> {
        for (reason, frame) in [("not-local", calling_home(CAM)), ("local", recording(CAM))] {
            camera.send(&frame.build())?;
            ledger.outbound(CAM, reason, &frame.build());
        }
        Ok(())
    };
    spend(&mut ledger)?;
    garage.send(&calling_home(CAM2).build())?;
    assert_eq!(fence.outbound(CAM2)?, [0, 1]);
    let summary = fence.verb(&["remove", "garage"])?;
    assert_eq!((&summary["live"], &summary["replaced"]), (&json!(true), &json!(true)));
    ledger.check(&fence, CAM)?;
    spend(&mut ledger)?;
    // The removed one is a bystander.
    let gw = home.wire("gw")?;
    garage.send(&calling_home(CAM2).build())?;
    arrives(&gw, &[calling_home(CAM2).build()])?;
    let summary = fence.verb(&["add", &CAM3.to_string(), "--name", "attic"])?;
    assert_eq!((&summary["live"], &summary["added"]), (&json!(true), &json!(1)));
    ledger.check(&fence, CAM)?;
    Ledger::default().check(&fence, CAM3)?;
    spend(&mut ledger)?;
    // Whoever comes back begins anew, whatever slot it gets.
    fence.verb(&["remove", &CAM3.to_string()])?;
    fence.verb(&["add", &CAM2.to_string(), "--name", "garage"])?;
    Ledger::default().check(&fence, CAM2)?;
    garage.send(&calling_home(CAM2).build())?;
    spend(&mut ledger)?;
    assert_eq!(fence.outbound(CAM2)?, [0, 1]);
    fence.verb(&["up"])?;
    ledger.check(&fence, CAM)?;
    let written = std::fs::read_to_string(fence.camfence.config_path())?;
    assert_eq!(written.matches("[[camera]]").count(), 2, "{written}");
    let list = fence.verb(&["list"])?;
    let names: Vec<_> =
        list["cameras"].as_array().context("cameras")?.iter().map(|c| &c["name"]).collect();
    assert_eq!(names, ["driveway", "garage"]);
    Ok(())
}

fn a_change_of_local_counts_from_the_next_frame(attachment: Attachment) -> Result<()> {
    let home = Home::new(attachment)?;
    let fence = home.fence(&[])?;
    let text = |local: &str| -> Result<()> {
        let mut text = config(&["br-cam"], attachment.hook(), "", &[CAM, CAM2]);
        // The last camera, the garage, has a profile of its own.
        text += "profile = \"strict\"\n[profile.strict]\n";
        writeln!(text, "local = [{local:?}]")?;
        fence.camfence.configure(&text)
    };
    text("192.168.1.10/32")?;
    fence.up()?;
    let (garage, nvr) = (home.wire("garage")?, home.wire("nvr")?);
    let frame = recording(CAM2).build();
    let mut ledger = Ledger::default();
    garage.send(&frame)?;
    ledger.outbound(CAM2, "local", &frame);
    arrives(&nvr, std::slice::from_ref(&frame))?;
    text("192.168.1.99/32")?;
    fence.verb(&["reload"])?;
    garage.send(&frame)?;
    ledger.outbound(CAM2, "not-local", &frame);
    nothing_arrives(&nvr)?;
    // The other profile is as it was.
    let driveway = home.wire("driveway")?;
    let other = recording(CAM).build();
    driveway.send(&other)?;
    arrives(&nvr, std::slice::from_ref(&other))?;
    arrives(&garage, &[other])?;
    text("192.168.0.0/16")?;
    fence.verb(&["reload"])?;
    garage.send(&frame)?;
    ledger.outbound(CAM2, "local", &frame);
    arrives(&nvr, std::slice::from_ref(&frame))?;
    ledger.check(&fence, CAM2)?;
    assert_eq!(fence.outbound(CAM)?, [1, 0]);
    assert_eq!(fence.camera(CAM2)?["profile"], "strict");
    let answer = camfence_tests::Frame::from(NVR)
        .to(CAM2)
        .ipv4("192.168.1.10", "192.168.1.32")
        .udp(554, 5000)
        .build();
    nvr.send(&answer)?;
    arrives(&garage, &[answer])
}

/// Reading takes no lock, and must not get in the way of a change.
#[test]
fn reading_leaves_a_change_under_way_alone() -> Result<()> {
    let home = Home::new(Attachment::tc())?;
    let fence = home.fenced()?;
    let (changing, done) = (&fence, &AtomicBool::new(false));
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| -> Result<()> {
                    while !done.load(Ordering::Relaxed) {
                        fence.camfence.run(["status"])?.success()?;
                    }
                    Ok(())
                })
            })
            .collect();
        let change = || -> Result<()> {
            for _ in 0..25 {
                changing.verb(&["add", &CAM3.to_string(), "--name", "attic"])?;
                changing.verb(&["remove", "attic"])?;
            }
            Ok(())
        };
        let changed = change();
        done.store(true, Ordering::Relaxed);
        for reader in readers {
            reader.join().expect("a reader")?;
        }
        changed
    })
}
