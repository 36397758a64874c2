//! What stands, and the ports.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use aya::maps::{Array, Map, MapData};

use crate::home::{GOOD, Home, diagnose, finds, finds_with, is_well};

#[test]
fn a_fence_that_is_down_is_a_failure() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.fenced()?;
    camfence.run(["down"])?.success()?;
    let diagnosis = finds(&camfence, &["failure fence"])?;
    assert_eq!(diagnosis.of("not-enforcing")[0]["level"], "unknown");
    camfence.run(["up"])?.success()?;
    is_well(&camfence)
}

#[test]
fn a_missing_interface_is_a_failure() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.fenced()?;
    camfence.configure(&GOOD.replace("\"br-cam\"", "\"br-cam\", \"wlan7\""))?;
    finds(&camfence, &["failure interface-missing wlan7"])?;
    camfence.configure(GOOD)?;
    is_well(&camfence)
}

#[test]
fn a_bridge_without_ports_is_a_failure() -> Result<()> {
    let home = Home::new()?;
    home.ip("link add name br-two type bridge")?;
    let camfence = home.fenced()?;
    camfence.configure(&GOOD.replace("\"br-cam\"", "\"br-cam\", \"br-two\""))?;
    finds(&camfence, &["failure bridge-empty br-two"])?;
    home.ip("link set lan0 master br-two")?;
    camfence.run(["reload"])?.success()?;
    is_well(&camfence)
}

#[test]
fn interfaces_that_cannot_be_fenced_are_failures() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.fenced()?;
    home.ip("link add link lan0 name upper type macvlan")?;
    let cases = [
        ("\"br-cam\", \"lo\"", "failure interfaces lo", "not an Ethernet interface"),
        ("\"br-cam\", \"lan0\", \"upper\"", "failure interfaces upper", "stacked on lan0"),
    ];
    for (interfaces, trouble, seen) in cases {
        camfence.configure(&GOOD.replace("\"br-cam\"", interfaces))?;
        let diagnosis = diagnose(&camfence)?;
        let found = diagnosis.of("interfaces");
        let line = format!("{} interfaces {}", found[0]["level"], found[0]["interface"]);
        assert_eq!(line.replace('"', ""), trouble);
        assert!(found[0]["seen"].to_string().contains(seen), "{found:?}");
    }
    camfence.configure(GOOD)?;
    is_well(&camfence)
}

/// The pins of a name under a directory.
fn pins(directory: &Path, name: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() && !path.is_symlink() {
            found.extend(pins(&path, name)?);
        } else if path.file_name() == Some(name.as_ref()) {
            found.push(path);
        }
    }
    Ok(found)
}

fn link(home: &Home, host: &str, program: &str) -> Result<PathBuf> {
    let ifindex = home.lab.box_ns().ifindex(home.lab.port(host))?;
    let of_port = format!("/{ifindex}/");
    let found = pins(home.bpffs.path(), program)?;
    let link = found.into_iter().find(|pin| pin.to_string_lossy().contains(&of_port));
    link.with_context(|| format!("a pinned link of {host}"))
}

#[test]
fn a_port_that_was_detached_behind_the_back_is_a_failure() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.fenced()?;
    for (program, direction) in [("inbound_tc", "inbound"), ("outbound_tc", "outbound")] {
        fs::remove_file(link(&home, "nvr", program)?)?;
        // A pin's link may outlive it for a moment.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(3);
        while diagnose(&camfence)?.of("not-enforcing")[0]["level"] == "ok"
            && std::time::Instant::now() < deadline
        {}
        let diagnosis = finds(&camfence, &["failure not-enforcing port-nvr"])?;
        let seen = diagnosis.of("not-enforcing")[0]["seen"].to_string();
        assert!(seen.starts_with(&format!("\"{direction} frames")), "{seen}");
        camfence.run(["reload"])?.success()?;
        is_well(&camfence)?;
    }
    Ok(())
}

#[test]
fn a_port_that_was_made_again_is_a_failure_and_its_old_link_is_told() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.fenced()?;
    let old = home.lab.box_ns().ifindex("port-nvr")?;
    home.lab.unplug("nvr")?;
    let stale = format!("warning stale-links interface {old}");
    finds(&camfence, &[&stale])?;
    home.lab.plug("nvr")?;
    finds(&camfence, &[&stale, "failure not-enforcing port-nvr"])?;
    camfence.run(["reload"])?.success()?;
    is_well(&camfence)
}

#[test]
fn a_hook_that_was_changed_and_not_reloaded_is_told() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.fenced()?;
    let text = format!("{GOOD}\n[interface.port-nvr]\nhook = \"xdp\"\n");
    camfence.configure(&text)?;
    finds(&camfence, &["warning hook port-nvr"])?;
    camfence.run(["reload"])?.success()?;
    is_well(&camfence)?;
    camfence.configure(GOOD)?;
    camfence.run(["reload"])?.success()?;
    is_well(&camfence)
}

#[test]
fn state_of_another_version_is_a_failure() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.fenced()?;
    let pin = pins(home.bpffs.path(), "STATE")?.pop().context("the state")?;
    let mut state: Array<MapData, u64> = Map::from_map_data(MapData::from_pin(pin)?)?.try_into()?;
    let sound = state.get(&0, 0)?;
    state.set(0, sound & !0xffff_ffff | 0x3e7, 0)?;
    let diagnosis = finds(&camfence, &["failure other-version"])?;
    let seen = diagnosis.of("other-version")[0]["seen"].to_string();
    assert!(seen.contains("ABI 999"), "{seen}");
    assert_eq!(diagnosis.of("fence")[0]["level"], "unknown");
    state.set(0, sound, 0)?;
    is_well(&camfence)
}

/// Programs of another build are stood in for by this one's, pinned each in the other's place. They
/// are not what is attached, then, so that no port enforces.
#[test]
fn programs_of_another_build_are_told() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.fenced()?;
    let programs = |name: &str| -> Result<PathBuf> {
        let found = pins(home.bpffs.path(), name)?;
        let program = found.into_iter().find(|pin| pin.to_string_lossy().contains("/programs/"));
        program.context("a pinned program")
    };
    let (one, other) = (programs("inbound_tc")?, programs("outbound_tc")?);
    let aside = one.with_file_name("aside");
    let swap = || -> Result<()> {
        fs::rename(&one, &aside)?;
        fs::rename(&other, &one)?;
        Ok(fs::rename(&aside, &other)?)
    };
    swap()?;
    finds(
        &camfence,
        &[
            "warning programs-outdated",
            "failure not-enforcing port-driveway",
            "failure not-enforcing port-nvr",
        ],
    )?;
    swap()?;
    is_well(&camfence)
}

/// A kernel without TCX has another way of attaching, and doctor sees it as well.
#[test]
fn a_fence_at_clsact_is_as_well() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence(GOOD)?;
    camfence.run(["--without-tcx", "up"])?.success()?;
    finds_with(&camfence, &["--without-tcx"], &[])?;
    let port = home.lab.port("nvr");
    let delete = ["qdisc", "del", "dev", port, "clsact"];
    assert!(home.lab.box_ns().command("tc").args(delete).status()?.success());
    finds_with(&camfence, &["--without-tcx"], &["failure not-enforcing port-nvr"])?;
    camfence.run(["--without-tcx", "reload"])?.success()?;
    finds_with(&camfence, &["--without-tcx"], &[])?;
    Ok(())
}
