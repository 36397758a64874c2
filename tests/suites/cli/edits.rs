//! `add` and `remove` change the file in place, and the fence with it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use anyhow::Result;
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use crate::bench::{Bench, fails};
use crate::environment::as_nobody;

const COMMENTED: &str = r#"# Ours.
[fence]
interfaces = ["p0"]   # the port by the door
hook = "tc"

# Bought in spring.
[[camera]]
mac = "B0-C5-54-25-5B-0E" # on its label
name = "driveway"

[profile.strict] # nobody yet
local = ["192.168.1.10/32"]
"#;

const ADD: [&str; 6] = ["add", "b0:c5:54:25:5b:1f", "--name", "garage", "--profile", "strict"];

#[test]
fn the_file_is_edited_in_place_while_the_fence_is_down() -> Result<()> {
    let bench = Bench::new()?;
    let camfence = bench.camfence(COMMENTED)?;
    let path = camfence.config_path();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640))?;
    let outcome = camfence.run(ADD)?;
    assert!(outcome.clone().success()?.contains("the fence is down"), "{outcome:#?}");
    let text = fs::read_to_string(&path)?;
    for line in COMMENTED.lines() {
        assert!(text.contains(line), "{line:?} is lost: {text}");
    }
    assert_eq!(text.lines().count(), COMMENTED.lines().count() + 5, "{text}");
    assert_eq!(fs::metadata(&path)?.permissions().mode() & 0o777, 0o640);
    assert_eq!(camfence.json(["list"])?["cameras"][1]["profile"], "strict");
    bench.is_untouched()?;
    camfence.run(["remove", "b0:c5:54:25:5b:1F"])?.success()?;
    assert_eq!(fs::read_to_string(&path)?, COMMENTED);
    camfence.run(["remove", "driveway"])?.success()?;
    let text = fs::read_to_string(&path)?;
    assert!(!text.contains("driveway") && text.contains("nobody yet"), "{text}");
    assert_eq!(fs::read_dir(camfence.dir())?.count(), 1, "something is left beside the file");
    Ok(())
}

#[test]
fn an_edit_that_cannot_be_changes_nothing() -> Result<()> {
    let bench = Bench::new()?;
    let camfence = bench.camfence(COMMENTED)?;
    let path = camfence.config_path();
    let shown = path.to_string_lossy();
    let add = |mac: &'static str, name: &'static str| vec!["add", mac, "--name", name];
    let with_profile = [add("b0:c5:54:25:5b:1f", "b"), vec!["--profile", "none"]].concat();
    let cases = [
        (add("b0:c5:54:25:5b:0e", "garage"), "b0:c5:54:25:5b:0e is already on line 8", "remove"),
        (add("b0:c5:54:25:5b:1f", "driveway"), "already used on line 9", "name"),
        (add("01:00:5e:00:00:01", "garage"), "multicast", ""),
        (add("00:00:00:00:00:00", "garage"), "zeros", ""),
        (add("ff:ff:ff:ff:ff:ff", "garage"), "broadcast", ""),
        (add("b0:c5:54:25:5b:1f", ""), "name is empty", ""),
        (add("b0:c5:54:25:5b:1f", "b0:c5:54:25:5b:2f"), "reads as a MAC", ""),
        (with_profile, "no profile \"none\"", "strict"),
    ];
    for stands in [false, true] {
        if stands {
            camfence.run(["up"])?.success()?;
        }
        let before = bench.pins()?;
        for (arguments, what, hint) in &cases {
            fails(&camfence.run(arguments)?, &[&shown, what], Some(hint));
        }
        for unknown in ["nobody", "b0:c5:54:25:5b:77", ""] {
            let outcome = camfence.run(["remove", unknown])?;
            fails(&outcome, &[&format!("\"{unknown}\"")], Some("camfence list"));
        }
        assert_eq!(fs::read_to_string(&path)?, COMMENTED);
        assert_eq!(bench.pins()?, before);
    }
    assert_eq!(camfence.json(["status"])?["cameras"].as_array().map(Vec::len), Some(1));
    Ok(())
}

/// What is mounted until this is dropped.
struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = umount2(&self.0, MntFlags::MNT_DETACH);
    }
}

#[test]
fn a_file_that_cannot_be_written_leaves_the_fence_as_it_is() -> Result<()> {
    let bench = Bench::new()?;
    let camfence = bench.camfence("")?;
    mount(Some("tmpfs"), camfence.dir(), Some("tmpfs"), MsFlags::empty(), None::<&str>)?;
    let _mounted = Mounted(camfence.dir().to_owned());
    camfence.configure(COMMENTED)?;
    camfence.run(["up"])?.success()?;
    let before = (bench.pins()?, camfence.json(["status"])?);
    let flags = MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    mount(None::<&str>, camfence.dir(), None::<&str>, flags, None::<&str>)?;
    let shown = format!("create a file in {}:", camfence.dir().display());
    for verb in [&ADD[..], &["remove", "driveway"]] {
        fails(&camfence.run(verb)?, &[&shown, "Read-only file system"], None);
        assert_eq!((bench.pins()?, camfence.json(["status"])?), before);
    }
    assert_eq!(fs::read_to_string(camfence.config_path())?, COMMENTED);
    // What needs no writing works.
    camfence.run(["reload"])?.success()?;
    Ok(())
}

#[test]
fn a_file_that_cannot_be_replaced_has_the_fence_go_by_it_again() -> Result<()> {
    let bench = Bench::new()?;
    let camfence = bench.camfence(COMMENTED)?;
    camfence.run(["up"])?.success()?;
    let before = camfence.json(["status"])?;
    // The kernel puts nothing in the place of what something is mounted on.
    let path = camfence.config_path();
    mount(Some(&path), &path, None::<&str>, MsFlags::MS_BIND, None::<&str>)?;
    let _mounted = Mounted(path.clone());
    for verb in [&ADD[..], &["remove", "driveway"]] {
        fails(&camfence.run(verb)?, &["cannot replace", "busy"], None);
        assert_eq!(camfence.json(["status"])?, before);
    }
    assert_eq!(fs::read_to_string(&path)?, COMMENTED);
    assert_eq!(fs::read_dir(camfence.dir())?.count(), 1, "something is left beside the file");
    Ok(())
}

#[test]
fn nobody_cannot_edit_what_is_not_theirs() -> Result<()> {
    let bench = Bench::new()?;
    let camfence = bench.camfence(COMMENTED)?;
    fs::set_permissions(camfence.dir(), fs::Permissions::from_mode(0o755))?;
    let shown = format!("create a file in {}:", camfence.dir().display());
    fails(&as_nobody(&bench, &camfence, &ADD)?, &[&shown, "Permission denied"], None);
    // One who may write the file but not look at the fence must not think that none stands.
    fs::set_permissions(camfence.dir(), fs::Permissions::from_mode(0o777))?;
    camfence.run(["up"])?.success()?;
    std::os::unix::fs::chown(camfence.config_path(), Some(65_534), Some(65_534))?;
    fails(&as_nobody(&bench, &camfence, &ADD)?, &["not permitted"], Some("run as root"));
    assert_eq!(fs::read_to_string(camfence.config_path())?, COMMENTED);
    assert_eq!(fs::read_dir(camfence.dir())?.count(), 1, "something is left beside the file");
    Ok(())
}
