//! The deny log.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use camfence_tests::home::{Home, SOON, get};
use serde_json::Value;

use crate::{Scene, call};

/// Waits until a text has enough of what it should.
fn wait_for(
    what: &str,
    read: impl Fn() -> Result<String>,
    enough: impl Fn(&str) -> bool,
) -> Result<String> {
    let deadline = Instant::now() + SOON;
    loop {
        let text = read()?;
        if enough(&text) {
            return Ok(text);
        }
        ensure!(Instant::now() < deadline, "no {what} in {text}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn read(path: &Path) -> Result<String> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        text => Ok(text?),
    }
}

/// The packets that lines of `key=value` tell.
fn packets(text: &str) -> u64 {
    let values = text.split_whitespace().filter_map(|field| field.strip_prefix("packets="));
    values.filter_map(|value| value.parse::<u64>().ok()).sum()
}

#[test]
fn drops_are_written_to_a_file_that_can_be_rotated() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("deny.log");
    let home = Home::new()?;
    let scene = Scene::with(&home, &format!("[log]\ndeny = {path:?}\n"))?;
    std::thread::sleep(Duration::from_millis(1_500));
    call(&home, "driveway", "203.0.113.7:10240", 5)?;
    let text = wait_for("drops", || read(&path), |text| packets(text) >= 5)?;
    assert_eq!(packets(&text), 5, "{text}");
    for field in [
        "event=dropped",
        "camera=driveway",
        "peer=203.0.113.7",
        "protocol=udp",
        "port=10240",
        "reason=not-local",
        "bytes=310",
    ] {
        ensure!(text.contains(&format!(" {field}")), "no {field} in {text}");
    }
    assert_eq!(fs::metadata(&path)?.permissions().mode() & 0o777, 0o640);
    fs::rename(&path, directory.path().join("old"))?;
    call(&home, "driveway", "203.0.113.8:10240", 3)?;
    let text = wait_for("drops", || read(&path), |text| packets(text) >= 3)?;
    ensure!(text.contains("peer=203.0.113.8") && !text.contains("203.0.113.7"), "{text}");
    // Another format is live after a reload.
    let config = fs::read_to_string(scene.camfence.config_path())?;
    scene.camfence.configure(&(config + "format = \"json\"\n"))?;
    scene.camfence.run(["reload"])?.success()?;
    std::thread::sleep(Duration::from_millis(1_500));
    call(&home, "driveway", "203.0.113.9:10240", 2)?;
    let text = wait_for("JSON", || read(&path), |text| text.contains("203.0.113.9"))?;
    let event: Value = serde_json::from_str(text.lines().last().unwrap_or_default())?;
    assert_eq!((&event["event"], &event["packets"]), (&"dropped".into(), &2.into()), "{event}");
    Ok(())
}

#[test]
fn drops_are_written_to_standard_output() -> Result<()> {
    let home = Home::new()?;
    let scene = Scene::with(&home, "[log]\ndeny = \"stdout\"\n")?;
    std::thread::sleep(Duration::from_millis(1_500));
    call(&home, "driveway", "203.0.113.7:10240", 5)?;
    wait_for("drops", || scene.daemon.log(), |text| packets(text) == 5)?;
    Ok(())
}

#[test]
fn a_full_disk_loses_lines_and_nothing_else() -> Result<()> {
    let home = Home::new()?;
    let scene = Scene::with(&home, "[log]\ndeny = \"/dev/full\"\n")?;
    std::thread::sleep(Duration::from_millis(1_500));
    call(&home, "driveway", "203.0.113.7:10240", 5)?;
    let metrics = || get(home.lab.box_ns(), "/metrics");
    let lost = "camfence_events_lost_total{kind=\"deny-log\"} 1";
    wait_for("losses", metrics, |text| text.contains(lost))?;
    call(&home, "driveway", "203.0.113.7:10240", 5)?;
    let lost = lost.replace("} 1", "} 2");
    wait_for("losses", metrics, |text| text.contains(&lost))?;
    let log = scene.daemon.log()?;
    assert_eq!(log.matches("cannot be logged").count(), 1, "{log}");
    home.assert_fenced(&["driveway"])
}
