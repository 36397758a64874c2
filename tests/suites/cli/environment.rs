//! Interfaces, privileges and file systems that are not as they should be.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::Result;
use camfence_tests::cmd::{Outcome, binary};
use camfence_tests::{BpffsRoot, Camfence, kernel};

use crate::bench::{Bench, GOOD, fails};

const NOBODY: u32 = 65_534;

fn on(interfaces: &[&str], hook: &str) -> String {
    format!("[fence]\ninterfaces = {interfaces:?}\nhook = \"{hook}\"\n")
}

#[test]
fn interfaces_that_cannot_be_fenced_are_refused() -> Result<()> {
    let bench = Bench::new()?;
    bench.netns.ip("link add link q0 name stacked type macvlan")?;
    bench.netns.ip("tuntap add dev tun0 mode tun")?;
    let cases: [(&[&str], &[&str], &str); 8] = [
        (&[], &["no interface is named"], "interfaces ="),
        (&["nowhere"], &["nowhere: there is no such interface"], "ip link"),
        (&["p0", "nowhere"], &["nowhere: there is no such interface"], "ip link"),
        (&["br-empty"], &["br-empty: the bridge has no ports"], "master br-empty"),
        (&["lo"], &["lo: not an Ethernet interface"], "cameras are on"),
        (&["tun0"], &["tun0: not an Ethernet interface"], "cameras are on"),
        (&["q0", "stacked"], &["stacked is stacked on q0"], "twice"),
        (&["stacked", "q0"], &["stacked is stacked on q0"], "twice"),
    ];
    let camfence = bench.camfence("")?;
    for (interfaces, what, hint) in cases {
        camfence.configure(&on(interfaces, "tc"))?;
        fails(&camfence.run(["up"])?, what, Some(hint));
        bench.is_untouched()?;
    }
    camfence.configure(GOOD)?;
    camfence.run(["up"])?.success()?;
    let before = (bench.pins()?, camfence.json(["status"])?);
    for (interfaces, what, hint) in cases {
        camfence.configure(&on(interfaces, "tc"))?;
        for verb in ["up", "reload"] {
            fails(&camfence.run([verb])?, what, Some(hint));
        }
    }
    camfence.configure(GOOD)?;
    assert_eq!((bench.pins()?, camfence.json(["status"])?), before);
    Ok(())
}

#[test]
fn a_stack_over_a_fenced_bridge_is_refused_and_a_bridge_with_its_port_is_not() -> Result<()> {
    let bench = Bench::new()?;
    bench.netns.ip("link set q0 master br-empty")?;
    bench.netns.ip("link add link br-empty name over type macvlan")?;
    let camfence = bench.camfence(&on(&["br-empty", "over"], "tc"))?;
    fails(&camfence.run(["up"])?, &["over is stacked on q0"], Some("twice"));
    bench.is_untouched()?;
    // A bridge and one of its ports are one port, attached to once.
    camfence.configure(&on(&["br-empty", "q0"], "tc"))?;
    camfence.run(["up"])?.success()?;
    let status = camfence.json(["status"])?;
    assert_eq!(status["interfaces"].as_array().map(Vec::len), Some(1), "{status}");
    Ok(())
}

/// Frames of a macvlan cannot be judged by XDP in a driver: there is none.
#[test]
fn a_second_port_that_fails_rolls_back_the_first() -> Result<()> {
    let bench = Bench::new()?;
    bench.netns.ip("link add link q0 name soft type macvlan")?;
    let camfence = bench.camfence(&on(&["p0", "soft"], "xdp"))?;
    fails(&camfence.run(["up"])?, &["soft", "no native XDP"], Some("hook = \"tc\""));
    bench.is_untouched()?;
    // Of a fence that stands, what was attached stays, and what was not is not; neither is what was
    // loaded for it (a program for jumbo frames, which kernels before 5.18 do not have).
    if kernel::has_long_test_runs() {
        bench.netns.ip("link set p0 mtu 9000")?;
    }
    camfence.configure(&on(&["p0"], "xdp"))?;
    camfence.run(["up"])?.success()?;
    let before = (bench.pins()?, bench.attached()?, camfence.json(["status"])?);
    camfence.configure(&on(&["p0", "p1", "soft"], "xdp"))?;
    for verb in ["up", "reload"] {
        fails(&camfence.run([verb])?, &["soft"], Some("hook"));
        let pins: Vec<_> = bench.pins()?.into_iter().filter(|pin| pin.is_file()).collect();
        let old: Vec<_> = before.0.iter().filter(|pin| pin.is_file()).cloned().collect();
        assert_eq!((pins, bench.attached()?), (old, before.1.clone()));
    }
    camfence.configure(&on(&["p0"], "xdp"))?;
    assert_eq!(camfence.json(["status"])?, before.2);
    Ok(())
}

#[test]
fn another_xdp_program_is_left_alone() -> Result<()> {
    let bench = Bench::new()?;
    let first = bench.camfence(&on(&["p0"], "xdp"))?;
    first.run(["up"])?.success()?;
    let before = (bench.attached()?, first.json(["status"])?);
    let bpffs = BpffsRoot::new()?;
    for hook in ["xdp", "xdp-generic"] {
        let second = Camfence::new(&bench.netns, &on(&["p1", "p0"], hook), &bpffs)?;
        let outcome = second.run(["up"])?;
        fails(&outcome, &["p0: another XDP program is attached"], Some("ip link show p0"));
        assert_eq!((bench.attached()?, first.json(["status"])?), before, "{hook}");
        let left = fs::read_dir(bpffs.path())?.flatten().map(|entry| entry.file_name());
        let left: Vec<_> = left.filter(|name| !name.to_string_lossy().ends_with("debug")).collect();
        assert!(left.is_empty(), "{left:?}");
    }
    Ok(())
}

#[test]
fn a_root_without_bpffs_is_refused() -> Result<()> {
    let bench = Bench::new()?;
    let camfence = bench.camfence(GOOD)?;
    let nowhere = camfence.dir().join("x");
    for root in [&nowhere, &nowhere.join("y"), &camfence.config_path()] {
        let mut command = bench.netns.command(binary()?);
        command.arg("--config").arg(camfence.config_path()).arg("--bpffs").arg(root).arg("up");
        let outcome = outcome(&mut command)?;
        let root = root.to_string_lossy();
        fails(&outcome, &[&format!("{root} is not on a BPF file system")], Some("mount -t bpf"));
    }
    assert!(!nowhere.exists());
    bench.is_untouched()
}

fn outcome(command: &mut Command) -> Result<Outcome> {
    let output = command.output()?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok(Outcome {
        code: output.status.code(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    })
}

/// A verb of somebody without privileges, who may read the configuration. They get a copy of the
/// program, as the one that was built may lie where they may not look, such as in root's home.
pub(crate) fn as_nobody(bench: &Bench, camfence: &Camfence<'_>, verb: &[&str]) -> Result<Outcome> {
    let place = tempfile::Builder::new()
        .prefix("cf-nobody-")
        .permissions(fs::Permissions::from_mode(0o755))
        .tempdir()?;
    let program = place.path().join("camfence");
    // By a process of its own: a child that another test starts while this one writes the copy would
    // hold it open for writing, and it could not be run ("text file busy").
    let copied = Command::new("cp").arg(binary()?).arg(&program).status()?;
    anyhow::ensure!(copied.success(), "cp: {copied}");
    let mut command = Command::new(program);
    command.arg("--config").arg(camfence.config_path());
    command.arg("--bpffs").arg(bench.bpffs.path()).args(verb);
    command.uid(NOBODY).gid(NOBODY);
    bench.netns.run(|| outcome(&mut command))
}

#[test]
fn without_privileges_nothing_happens() -> Result<()> {
    let bench = Bench::new()?;
    let camfence = bench.camfence(GOOD)?;
    fs::set_permissions(camfence.dir(), fs::Permissions::from_mode(0o755))?;
    let hint = Some("run as root");
    fails(&as_nobody(&bench, &camfence, &["up"])?, &["not permitted"], hint);
    bench.is_untouched()?;
    camfence.run(["up"])?.success()?;
    let before = (bench.pins()?, camfence.json(["status"])?);
    let verbs: [&[&str]; 6] = [
        &["up"],
        &["reload"],
        &["down"],
        &["status"],
        &["replay", "/dev/null"],
        &["status", "--json"],
    ];
    for verb in verbs {
        fails(&as_nobody(&bench, &camfence, verb)?, &["not permitted"], hint);
    }
    // What needs no kernel works.
    for verb in [["check"], ["list"]] {
        as_nobody(&bench, &camfence, &verb)?.success()?;
    }
    assert_eq!((bench.pins()?, camfence.json(["status"])?), before);
    fs::set_permissions(camfence.config_path(), fs::Permissions::from_mode(0o600))?;
    let shown = camfence.config_path();
    let what = [&*shown.to_string_lossy(), "no permission to read"];
    fails(&as_nobody(&bench, &camfence, &["check"])?, &what, hint);
    Ok(())
}

/// Also where the pin root can be looked at by all.
#[test]
fn without_privileges_nothing_happens_where_all_may_look() -> Result<()> {
    let bench = Bench::new()?;
    fs::set_permissions(bench.bpffs.path(), fs::Permissions::from_mode(0o755))?;
    let camfence = bench.camfence(GOOD)?;
    fs::set_permissions(camfence.dir(), fs::Permissions::from_mode(0o755))?;
    fails(&as_nobody(&bench, &camfence, &["up"])?, &["not permitted"], Some("run as root"));
    bench.is_untouched()?;
    camfence.run(["up"])?.success()?;
    let before = (bench.pins()?, camfence.json(["status"])?);
    for verb in ["up", "reload", "down", "status"] {
        let outcome = as_nobody(&bench, &camfence, &[verb])?;
        fails(&outcome, &["not permitted"], Some("run as root"));
    }
    assert_eq!((bench.pins()?, camfence.json(["status"])?), before);
    Ok(())
}
