//! From a fence of an earlier ABI, and from one that nobody knows.

use std::{fs, time::Instant};

use anyhow::{Context as _, Result, ensure};
use aya::maps::{Array, Map, MapData};
use camfence_tests::Frame;
use serde_json::json;

use crate::fixture::{Attachment, CAM, CAM3, Home, nothing_arrives, over_every_attachment};
use crate::load::{Load, open_seconds};
use crate::old;

over_every_attachment!(
    an_upgrade_from_abi_2_loses_nothing,
    an_upgrade_from_abi_3_loses_nothing,
    an_upgrade_from_abi_4_loses_nothing,
    an_upgrade_from_abi_5_loses_nothing,
    an_upgrade_from_abi_6_loses_nothing,
    an_upgrade_from_an_unknown_abi_opens_nothing,
);

const ROOM: u32 = 1_024;

fn an_upgrade_from_abi_2_loses_nothing(attachment: Attachment) -> Result<()> {
    an_upgrade_loses_nothing(old::ABI_2, attachment)
}

fn an_upgrade_from_abi_3_loses_nothing(attachment: Attachment) -> Result<()> {
    an_upgrade_loses_nothing(old::ABI_3, attachment)
}

fn an_upgrade_from_abi_4_loses_nothing(attachment: Attachment) -> Result<()> {
    an_upgrade_loses_nothing(old::ABI_4, attachment)
}

fn an_upgrade_from_abi_5_loses_nothing(attachment: Attachment) -> Result<()> {
    an_upgrade_loses_nothing(old::ABI_5, attachment)
}

fn an_upgrade_from_abi_6_loses_nothing(attachment: Attachment) -> Result<()> {
    an_upgrade_loses_nothing(old::ABI_6, attachment)
}

fn an_upgrade_loses_nothing(version: old::Version, attachment: Attachment) -> Result<()> {
    const SECONDS: u64 = 600;
    let home = Home::new(attachment)?;
    let mut load = Load::new(&home)?;
    let fence = load.fence(ROOM)?;
    let start = Instant::now();
    old::stand(version, &fence, attachment, CAM3, SECONDS)?;
    for verb in [&["status"][..], &["open", "driveway", "--for", "1m"], &["remove", "attic"]] {
        let outcome = fence.camfence.run(verb)?;
        ensure!(outcome.code == Some(1), "{outcome:?}");
        let abi = format!("(ABI {}, this one has 7)", version.abi);
        ensure!(outcome.stderr.contains(&abi), "{outcome:?}");
        ensure!(outcome.stderr.contains("run `camfence up`"), "{outcome:?}");
    }
    let summary = load.during(|| fence.up())?;
    let nothing = json!({"live": true, "added": 0, "replaced": false, "attached": [],
        "detached": [], "notices": []});
    assert_eq!(summary, nothing);
    load.check_wires()?;
    load.check_counters(&fence)?;
    if version.abi >= old::ABI_4.abi {
        load.check_ledger(&fence)?;
    }
    let (left, gone) = (open_seconds(&fence, CAM3)?, start.elapsed().as_secs());
    ensure!((SECONDS - gone).abs_diff(left) <= 2, "{left} s are left after {gone} s");
    ensure!(!home.bpffs.path().join("maps").exists(), "the old layout is left");
    ensure!(!home.bpffs.path().join("programs").exists(), "the old layout is left");
    // And it goes on from there, with a ledger.
    load.during(|| fence.verb(&["reload"]))?;
    load.check_counters(&fence)?;
    let ledger = fence.verb(&["ledger"])?;
    ensure!(ledger["entries"].as_array().is_some_and(|entries| entries.len() == 3), "{ledger}");
    assert_eq!(fence.verb(&["down"])?, json!({"stood": true}));
    Ok(())
}

fn an_upgrade_from_an_unknown_abi_opens_nothing(attachment: Attachment) -> Result<()> {
    let home = Home::new(attachment)?;
    let mut load = Load::new(&home)?;
    let fence = load.fence(ROOM)?;
    fence.up()?;
    let pin = home.bpffs.path().join("current/maps/STATE");
    let mut state: Array<_, [u32; 2]> =
        Array::try_from(Map::from_map_data(MapData::from_pin(pin)?)?)?;
    state.set(0, [999, ROOM], 0)?;
    let refused = fence.camfence.run(["status"])?;
    ensure!(refused.stderr.contains("ABI 999"), "{refused:?}");
    let summary = load.during(|| fence.up())?;
    let notices = summary["notices"].as_array().context("notices")?;
    let notice = notices.first().and_then(|notice| notice.as_str()).context("a notice")?;
    ensure!(notices.len() == 1 && notice.contains("ABI 999"), "{notices:?}");
    ensure!(notice.contains("could not be carried over"), "{notice}");
    load.check_wires()?;
    // What was counted since.
    let [passed, dropped] = fence.outbound(CAM)?;
    ensure!(passed == 0 && dropped > 0, "{passed} {dropped}");
    Ok(())
}

/// `down` needs neither the shapes of the maps nor their places.
#[test]
fn down_takes_an_old_fence_down() -> Result<()> {
    for attachment in [Attachment::Tcx, Attachment::Clsact, Attachment::XdpNative] {
        let home = Home::new(attachment)?;
        let fence = Load::new(&home)?.fence(ROOM)?;
        let before = fs::read_dir(home.bpffs.path())?.count();
        old::stand(old::ABI_2, &fence, attachment, CAM3, 60)?;
        let (camera, gw) = (home.wire("driveway")?, home.wire("gw")?);
        let frame = Frame::from(CAM).ipv4("192.168.1.31", "203.0.113.7").udp(1, 2).build();
        camera.send(&frame)?;
        nothing_arrives(&gw)?;
        assert_eq!(fence.verb(&["down"])?, json!({"stood": true}));
        camera.send(&frame)?;
        crate::fixture::arrives(&gw, &[frame])?;
        assert_eq!(fs::read_dir(home.bpffs.path())?.count(), before);
    }
    Ok(())
}
