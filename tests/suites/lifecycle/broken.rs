//! What is taken off or broken behind the daemon's back is found and mended.

use std::{
    fs,
    os::fd::{AsFd as _, AsRawFd as _},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use aya::maps::{Map, MapData};
use camfence_tests::kernel::slowed;

use crate::fixture::{Fence, Home, NEXT_LOOK, SOON};

#[test]
fn a_link_that_was_taken_off_is_attached_again() -> Result<()> {
    let home = Home::new()?;
    // A loss that nobody tells of is counted from the last look that found the port fenced.
    let start = Instant::now();
    let fence = home.run(&["br-cam"], "", "")?;
    let port = home.lab.port("driveway").to_owned();
    let ifindex = home.lab.box_ns().ifindex(&port)?;
    fence.holds("driveway")?;
    fence.remove_pins(&format!("links/{ifindex}"))?;
    // Without TCX there are filters instead, on a qdisc that is not there otherwise.
    let _ = home.lab.box_ns().command("tc").args(["qdisc", "del", "dev", &port, "clsact"]).output();
    fence.leaks_until_fenced("driveway", slowed(NEXT_LOOK))?;
    fence.said(&format!("fenced: {port}"))?;
    fence.is_enforcing(&port, true)?;
    let time = fence.unfenced(&port)?;
    ensure!(!time.is_zero() && time <= start.elapsed(), "{time:?}");
    Ok(())
}

#[test]
fn programs_that_do_not_enforce_are_found_out() -> Result<()> {
    let home = Home::new()?;
    let fence = home.run(&["br-cam"], "", "")?;
    let port = home.lab.port("driveway").to_owned();
    fence.holds("driveway")?;
    // Only the daemon mends it, so that what is said in between can be read.
    fence.daemon.signal(nix::sys::signal::Signal::SIGSTOP)?;
    no_camera_map(&fence)?;
    let shown = fence.is_enforcing(&port, false)?;
    ensure!(shown["problem"] == "a frame that has to be dropped passed", "{shown}");
    ensure!(shown["outbound"]["hook"] == "tc", "attached it still is: {shown}");
    fence.daemon.signal(nix::sys::signal::Signal::SIGCONT)?;
    fence.leaks_until_fenced("driveway", slowed(NEXT_LOOK))?;
    fence.said("the fence was broken and has been made anew: ")?;
    ensure!(fence.is_enforcing(&port, true)?["problem"].is_null());
    ensure!(!fence.unfenced(&port)?.is_zero());
    Ok(())
}

/// Takes away the camera map that programs look at.
fn no_camera_map(fence: &Fence<'_>) -> Result<()> {
    let root = fence.home.bpffs.path();
    let path = ["current/maps/CAMERAS", "maps/CAMERAS"].map(|name| root.join(name));
    let path = path.iter().find(|path| path.exists()).context("no camera map is pinned")?;
    let map = Map::from_map_data(MapData::from_pin(path)?)?;
    let Map::ArrayOfMaps(data) = &map else { anyhow::bail!("CAMERAS is something else") };
    delete_first(data)
}

/// `union bpf_attr` as `BPF_MAP_DELETE_ELEM` has it: aya deletes no element of an array of maps.
#[repr(C)]
struct Delete {
    map_fd: u32,
    zero: u32,
    key: u64,
    value: u64,
    flags: u64,
}

fn delete_first(map: &MapData) -> Result<()> {
    const BPF_MAP_DELETE_ELEM: libc::c_long = 3;
    let key = 0_u32;
    let map_fd = u32::try_from(map.fd().as_fd().as_raw_fd())?;
    let attr = Delete { map_fd, zero: 0, key: &raw const key as u64, value: 0, flags: 0 };
    // SAFETY: the kernel reads `attr` and the key it points to, and nothing else.
    let result = unsafe {
        libc::syscall(libc::SYS_bpf, BPF_MAP_DELETE_ELEM, &raw const attr, size_of::<Delete>())
    };
    ensure!(result == 0, "{}", std::io::Error::last_os_error());
    Ok(())
}

#[test]
fn pins_that_are_gone_are_made_again_without_a_gap() -> Result<()> {
    let home = Home::new()?;
    let fence = home.run(&["br-cam"], "", "")?;
    let directory = |name: &str| {
        let current = home.bpffs.path().join("current").join(name);
        if current.exists() { format!("current/{name}") } else { name.to_owned() }
    };
    for pins in ["programs", "maps"] {
        fence.remove_pins(&directory(pins))?;
        let before = fence.times_said("made anew")?;
        let deadline = Instant::now() + slowed(NEXT_LOOK);
        while fence.times_said("made anew")? == before && Instant::now() < deadline {
            fence.holds("driveway")?;
            thread::sleep(Duration::from_millis(50));
        }
        ensure!(fence.times_said("made anew")? > before, "{}", fence.daemon.log()?);
        fence.is_enforcing(home.lab.port("driveway"), true)?;
        fence.holds("driveway")?;
    }
    Ok(())
}

#[test]
fn a_broken_file_does_not_keep_ports_from_being_fenced() -> Result<()> {
    let home = Home::new()?;
    let fence = home.run(&["br-cam"], "", "")?;
    fs::write(fence.camfence.config_path(), "[fence\ninterfaces = 7")?;
    home.lab.unplug("driveway")?;
    home.lab.plug("driveway")?;
    fence.leaks_until_fenced("driveway", SOON)?;
    fence.holds("driveway")
}
