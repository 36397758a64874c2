//! Pins that somebody deleted.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use crate::fixture::{Attachment, CAM, Home, arrives, calling_home, over_every_attachment};
use crate::load::Load;

over_every_attachment!(
    up_makes_anew_what_was_deleted,
    down_finds_filters_without_pins,
    programs_that_no_pin_names_are_replaced,
);

fn up_makes_anew_what_was_deleted(attachment: Attachment) -> Result<()> {
    let home = Home::new(attachment)?;
    let mut load = Load::new(&home)?;
    let fence = load.fence(16)?;
    for pin in ["maps/STATE", "maps/PROFILES", "maps/COUNTERS", "programs/inbound_tc", ""] {
        fence.up()?;
        let pin = home.bpffs.path().join("current").join(pin);
        if pin.is_dir() {
            fs::remove_dir_all(fs::canonicalize(pin)?)?;
        } else {
            fs::remove_file(pin)?;
        }
        load.during(|| fence.up())?;
        load.check_wires()?;
        for host in ["driveway", "garage", "nvr", "gw"] {
            assert_eq!(fence.port(host)?["enforcing"], true, "{host}");
        }
    }
    Ok(())
}

fn programs_that_no_pin_names_are_replaced(attachment: Attachment) -> Result<()> {
    let home = Home::new(attachment)?;
    let mut load = Load::new(&home)?;
    let fence = load.fence(16)?;
    fence.up()?;
    for name in ["outbound_tc", "inbound_tc", "outbound_xdp"] {
        fs::remove_file(home.bpffs.path().join("current/programs").join(name))?;
    }
    load.during(|| fence.up())?;
    load.check_wires()?;
    load.check_counters(&fence)
}

fn down_finds_filters_without_pins(attachment: Attachment) -> Result<()> {
    let home = Home::new(attachment)?;
    let fence = Load::new(&home)?.fence(16)?;
    fence.up()?;
    let current = fs::canonicalize(home.bpffs.path().join("current"))?;
    fs::remove_dir_all(current.join("programs"))?;
    assert_eq!(fence.verb(&["down"])?, json!({"stood": true}));
    let (camera, gw) = (home.wire("driveway")?, home.wire("gw")?);
    let frame = calling_home(CAM).build();
    camera.send(&frame)?;
    arrives(&gw, &[frame])?;
    let left: Vec<_> = fs::read_dir(home.bpffs.path())?.collect::<std::io::Result<_>>()?;
    ensure!(!left.iter().any(|entry| entry.file_name() == "current"), "{left:?}");
    left.iter().find(|entry| entry.file_name() == "maps.debug").context("its own file").map(drop)
}
