//! Others' programs on the ports. Another fence, under another pin root, stands in for them.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use camfence_tests::{BpffsRoot, Camfence};

use crate::home::{GOOD, Home, diagnose_with, finds, finds_with, informs, is_well};

fn other(hook: &str) -> String {
    format!("[fence]\ninterfaces = [\"port-nvr\"]\nhook = \"{hook}\"\n")
}

#[test]
fn a_tcx_program_ahead_of_the_fence_is_told() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.fenced()?;
    let bpffs = BpffsRoot::new()?;
    let second = Camfence::new(home.lab.box_ns(), &other("tc"), &bpffs)?;
    second.run(["up"])?.success()?;
    let diagnosis = finds(&camfence, &["warning tc-ahead port-nvr"])?;
    let sides: Vec<String> =
        diagnosis.of("tc-ahead").iter().map(|finding| finding["seen"].to_string()).collect();
    assert_eq!(sides.len(), 2, "{sides:?}");
    for (seen, side) in sides.iter().zip(["ingress", "egress"]) {
        assert!(seen.contains(&format!("before the fence at {side}: TCX program ")), "{seen}");
    }
    // The one that came second is first, and has nothing to complain of.
    let of_second = diagnose_with(&second, &[])?;
    assert_eq!(of_second.of("tc-ahead")[0]["level"], "ok");
    second.run(["down"])?.success()?;
    is_well(&camfence)
}

#[test]
fn a_tcx_program_is_ahead_of_a_fence_at_clsact() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence(GOOD)?;
    let without = ["--without-tcx"];
    camfence.run(["--without-tcx", "up"])?.success()?;
    finds_with(&camfence, &without, &[])?;
    let bpffs = BpffsRoot::new()?;
    let second = Camfence::new(home.lab.box_ns(), &other("tc"), &bpffs)?;
    second.run(["up"])?.success()?;
    finds_with(&camfence, &without, &["warning tc-ahead port-nvr"])?;
    second.run(["down"])?.success()?;
    finds_with(&camfence, &without, &[])?;
    Ok(())
}

/// Of one priority, the filter that came last runs first.
#[test]
fn a_filter_ahead_of_a_fence_at_clsact_is_told_and_one_behind_is_not() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence(GOOD)?;
    let without = ["--without-tcx"];
    camfence.run(["--without-tcx", "up"])?.success()?;
    // A program to put there: that of another fence, elsewhere.
    let bpffs = BpffsRoot::new()?;
    let text = other("tc").replace("port-nvr", "lan0");
    let second = Camfence::new(home.lab.box_ns(), &text, &bpffs)?;
    second.run(["up"])?.success()?;
    let program = program(&bpffs).context("its program")?;
    let filter = |verb: &str, priority: &str| -> Result<()> {
        let mut command = home.lab.box_ns().command("tc");
        command.args(["filter", verb, "dev", "port-nvr", "ingress", "pref", priority]);
        command.args(["handle", "7", "bpf"]);
        if verb == "add" {
            command.args(["da", "object-pinned"]).arg(&program);
        }
        ensure!(command.status()?.success(), "{command:?}");
        Ok(())
    };
    filter("add", "2")?;
    finds_with(&camfence, &without, &[])?;
    filter("del", "2")?;
    filter("add", "1")?;
    let ahead = finds_with(&camfence, &without, &["warning tc-ahead port-nvr"])?;
    let seen = ahead.of("tc-ahead")[0]["seen"].to_string();
    assert!(seen.contains("ingress: bpf filter of priority 1 (program "), "{seen}");
    filter("del", "1")?;
    finds_with(&camfence, &without, &[])?;
    Ok(())
}

fn program(bpffs: &BpffsRoot) -> Option<PathBuf> {
    let mut next = vec![bpffs.path().to_owned()];
    while let Some(directory) = next.pop() {
        for entry in std::fs::read_dir(directory).ok()?.flatten() {
            let path = entry.path();
            if path.ends_with("programs/outbound_tc") {
                return Some(path);
            }
            if path.is_dir() {
                next.push(path);
            }
        }
    }
    None
}

#[test]
fn an_xdp_program_ahead_of_the_fence_is_told() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.fenced()?;
    let bpffs = BpffsRoot::new()?;
    let second = Camfence::new(home.lab.box_ns(), &other("xdp"), &bpffs)?;
    second.run(["up"])?.success()?;
    // It is before the fence at the egress hook, too.
    finds(&camfence, &["warning tc-ahead port-nvr", "warning xdp-ahead port-nvr"])?;
    second.run(["down"])?.success()?;
    is_well(&camfence)
}

/// A veth takes tags off as a NIC does.
#[test]
fn tags_that_xdp_does_not_see_are_told_of() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.fenced()?;
    informs(&finds(&camfence, &[])?, &[]);
    let text = format!("{GOOD}\n[interface.port-nvr]\nhook = \"xdp\"\n");
    camfence.configure(&text)?;
    camfence.run(["reload"])?.success()?;
    informs(&finds(&camfence, &[])?, &["vlan-stripped port-nvr"]);
    Ok(())
}
