//! The systemd unit.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// The most that a network service with these capabilities should be exposed.
const MOST_EXPOSURE: f64 = 2.0;

fn dist(file: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../dist")).join(file)
}

fn unit() -> Result<String> {
    Ok(std::fs::read_to_string(dist("camfence.service"))?)
}

/// Values of a setting.
fn values<'a>(unit: &'a str, setting: &str) -> Vec<&'a str> {
    let settings = unit.lines().filter_map(|line| line.split_once('='));
    let values = settings.filter(|(name, _)| *name == setting);
    values.flat_map(|(_, value)| value.split_whitespace()).collect()
}

#[test]
fn it_is_little_exposed() -> Result<()> {
    let mut analyze = Command::new("systemd-analyze");
    analyze.args(["security", "--offline=true", "--no-pager"]).arg(dist("camfence.service"));
    let output = match analyze.output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            camfence_tests::kernel::skip("there is no systemd-analyze here");
            return Ok(());
        }
        output => output?,
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find(|line| line.contains("Overall exposure level"));
    let line = line.with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    let words = line.rsplit(": ").next().context("no level")?;
    let level: f64 = words.split_whitespace().next().context("no level")?.parse()?;
    println!("{line}");
    ensure!(level <= MOST_EXPOSURE, "{text}");
    // What the documentation says it is.
    let docs = std::fs::read_to_string(dist("../docs/operations.md"))?;
    ensure!(docs.contains(&format!("exposure level for camfence.service: {level}")), "{line}");
    Ok(())
}

#[test]
fn it_has_the_capabilities_that_the_daemon_keeps() -> Result<()> {
    let unit = unit()?;
    let kept = ["CAP_BPF", "CAP_NET_ADMIN", "CAP_PERFMON"];
    assert_eq!(values(&unit, "AmbientCapabilities"), kept);
    assert_eq!(values(&unit, "CapabilityBoundingSet"), kept);
    Ok(())
}

#[test]
fn it_comes_before_the_network() -> Result<()> {
    let unit = unit()?;
    assert!(values(&unit, "Before").contains(&"network-pre.target"));
    assert!(values(&unit, "Wants").contains(&"network-pre.target"));
    assert_eq!(values(&unit, "DefaultDependencies"), ["no"]);
    assert_eq!(values(&unit, "Type"), ["notify"]);
    Ok(())
}
