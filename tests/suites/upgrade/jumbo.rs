//! The XDP program for frames in several buffers: where a port cannot do without, and nowhere else.

use std::{fs, path::PathBuf};

use anyhow::{Result, ensure};
use camfence_tests::kernel;

use crate::fixture::{Attachment, CAM3, Fence, Home};
use crate::load::Load;
use crate::old;

const ROOM: u32 = 1_024;
const ONE_BUFFER: [&str; 1] = ["outbound_xdp"];
const SEVERAL: [&str; 1] = ["outbound_xdp_frags"];

/// Kernels before 5.18 have no such programs.
fn is_known() -> bool {
    if !kernel::has_long_test_runs() {
        kernel::skip("kernels before 5.18 have no XDP for jumbo frames (commit c2f2cdbeffda)");
        return false;
    }
    true
}

/// What is attached to the driveway's port for frames from there.
fn attached(home: &Home, fence: &Fence<'_>) -> Result<Vec<String>> {
    let links = home.bpffs.path().join("links").join(fence.ifindex("driveway")?.to_string());
    let pins = fs::read_dir(links)?.map(|entry| Ok(entry?.file_name().display().to_string()));
    let mut pins = pins.collect::<Result<Vec<_>>>()?;
    pins.retain(|pin| pin.starts_with("outbound"));
    Ok(pins)
}

fn pin(home: &Home) -> PathBuf {
    home.bpffs.path().join("current/programs/outbound_xdp_frags")
}

fn set_mtu(home: &Home, host: &str, mtu: u32) -> Result<()> {
    home.lab.box_ns().ip(&format!("link set {} mtu {mtu}", home.lab.port(host)))?;
    home.lab.host(host).ip(&format!("link set eth0 mtu {mtu}"))?;
    Ok(())
}

/// Puts up a fence without a port that wants the program, and then has one, with room for so many cameras
/// in the maps from then on; what `more` does is done under load.
fn comes_with(
    room: u32,
    more: impl FnOnce(&Home, &mut Load<'_>, &Fence<'_>) -> Result<()>,
) -> Result<()> {
    if !is_known() {
        return Ok(());
    }
    let home = Home::new(Attachment::XdpNative)?;
    let mut load = Load::new(&home)?;
    let fence = load.fence(ROOM)?;
    fence.up()?;
    assert_eq!(attached(&home, &fence)?, ONE_BUFFER);
    ensure!(!pin(&home).exists(), "loaded, and no port wants it");

    let (bridge, port) = (home.lab.box_ns(), home.lab.port("driveway"));
    bridge.ip(&format!("link set {port} nomaster"))?;
    fence.verb(&["reload"])?;
    set_mtu(&home, "driveway", 9000)?;
    bridge.ip(&format!("link set {port} master br-cam"))?;
    fence.camfence.configure(&load.config(room))?;
    fence.verb(&["reload"])?;
    let is_there = || -> Result<()> {
        assert_eq!(attached(&home, &fence)?, SEVERAL);
        ensure!(pin(&home).exists());
        Ok(())
    };
    is_there()?;
    more(&home, &mut load, &fence)?;
    is_there()?;
    load.check_wires()?;
    load.check_counters(&fence)?;
    fence.verb(&["down"])?;
    Ok(())
}

/// From then on it is where the others are: another generation has it, and one whose pin was lost.
#[test]
fn it_comes_with_the_first_port_that_wants_it_and_stays() -> Result<()> {
    comes_with(ROOM, |home, load, fence| {
        fs::remove_file(pin(home))?;
        load.during(|| fence.up())?;
        ensure!(pin(home).exists());
        fence.camfence.configure(&load.config(ROOM + 1))?;
        load.during(|| fence.verb(&["reload"]))?;
        Ok(())
    })
}

/// A generation that takes another's place takes over the links of ports that first wanted it meanwhile.
#[test]
fn it_may_come_with_more_room() -> Result<()> {
    comes_with(ROOM + 1, |_, load, fence| load.during(|| fence.up()).map(drop))
}

/// Versions up to ABI 5 had one XDP program, for frames in several buffers. A port whose driver cannot do
/// without it gets this version's; nothing passes meanwhile.
#[test]
fn a_port_for_jumbo_frames_keeps_a_program_that_takes_them() -> Result<()> {
    if !is_known() {
        return Ok(());
    }
    let home = Home::with_mtu(Attachment::XdpNative, 9000)?;
    let mut load = Load::new(&home)?;
    let fence = load.fence(ROOM)?;
    old::stand(old::ABI_5, &fence, Attachment::XdpNative, CAM3, 600)?;
    assert_eq!(attached(&home, &fence)?, ONE_BUFFER, "it was called so");
    load.during(|| fence.up())?;
    assert_eq!(attached(&home, &fence)?, SEVERAL);
    load.during(|| fence.verb(&["reload"]))?;
    load.check_wires()?;
    load.check_counters(&fence)?;
    for host in ["driveway", "garage", "nvr", "gw"] {
        set_mtu(&home, host, 1500)?;
    }
    fence.verb(&["down"])?;
    fence.up()?;
    assert_eq!(attached(&home, &fence)?, ONE_BUFFER);
    fence.verb(&["down"])?;
    Ok(())
}
