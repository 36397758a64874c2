//! What people do, and what happens to ports.

use std::{thread, time::Duration};

use anyhow::{Result, ensure};
use camfence_tests::home::{ATTIC, Home};

use crate::{Scene, attic, call, of_kind};

#[test]
fn openings_are_told_and_how_they_end() -> Result<()> {
    let home = Home::new()?;
    let scene = Scene::new(&home)?;
    scene.camfence.run(["open", "driveway", "--for", "1m"])?.success()?;
    scene.camfence.run(["close", "driveway"])?.success()?;
    scene.camfence.run(["open", "driveway", "--for", "2s"])?.success()?;
    let by_deadline = |event: &serde_json::Value| event["by"] == "deadline";
    let closed = scene.wait_for("end", by_deadline)?;
    assert_eq!((&closed["event"], &closed["camera"]), (&"closed".into(), &"driveway".into()));
    let events = scene.events(&["--camera", "driveway"])?;
    // A machine has something to say to its neighbours now and then, too.
    let is_opening =
        |event: &&serde_json::Value| event["event"] == "opened" || event["event"] == "closed";
    let said: Vec<_> = events
        .iter()
        .filter(is_opening)
        .map(|event| (event["event"].as_str(), event["seconds"].as_f64(), event["by"].as_str()))
        .collect();
    let expected = [
        (Some("opened"), Some(60.0), None),
        (Some("closed"), None, Some("request")),
        (Some("opened"), Some(2.0), None),
        (Some("closed"), None, Some("deadline")),
    ];
    assert_eq!(said, expected);
    home.assert_fenced(&["driveway"])
}

#[test]
fn changes_are_told() -> Result<()> {
    let home = Home::new()?;
    let scene = Scene::new(&home)?;
    scene.camfence.run(["add", &attic(), "--name", "attic"])?.success()?;
    scene.camfence.run(["remove", "attic"])?.success()?;
    scene.camfence.run(["down"])?.success()?;
    scene.camfence.run(["up"])?.success()?;
    let kinds = ["up", "reloaded", "camera-added", "camera-removed", "down", "up"];
    let events = scene.events(&[])?;
    let told: Vec<_> = events.iter().filter_map(|event| event["event"].as_str()).collect();
    let told: Vec<_> = told.into_iter().filter(|kind| kinds.contains(kind)).collect();
    assert_eq!(told, kinds);
    let added = of_kind(&events, "camera-added")[0];
    assert_eq!((&added["camera"], &added["mac"]), (&"attic".into(), &attic().into()));
    // It listens to the new fence.
    call(&home, "driveway", "203.0.113.7:10240", 1)?;
    scene.wait_for("first contact", |event| event["peer"] == "203.0.113.7")?;
    Ok(())
}

#[test]
fn ports_that_go_and_come_are_told() -> Result<()> {
    let home = Home::new()?;
    let scene = Scene::new(&home)?;
    let port = home.lab.port("attic");
    let told = |kind: &'static str| {
        move |event: &serde_json::Value| event["event"] == kind && event["interface"] == port
    };
    // It has looked at all ports.
    thread::sleep(Duration::from_secs(6));
    home.lab.unplug("attic")?;
    scene.wait_for("port that is gone", told("port-gone"))?;
    home.lab.plug("attic")?;
    scene.wait_for("port that came", told("port-fenced"))?;
    let enforcing = scene.wait_for("end of it", told("enforcing"))?;
    ensure!(enforcing["seconds"].as_f64().is_some_and(|seconds| seconds < 60.0), "{enforcing}");
    Ok(())
}

#[test]
fn unknown_sources_are_told_once_with_their_port() -> Result<()> {
    let home = Home::new()?;
    let port = home.lab.port("attic");
    let scene = Scene::with(&home, &format!("[interface.{port}]\nunknown = \"drop\"\n"))?;
    for _ in 0..3 {
        call(&home, "attic", "203.0.113.7:10240", 2).ok();
        let frame = camfence_tests::Frame::from(ATTIC).arp_request("192.168.1.32", "192.168.1.1");
        scene.wire("attic")?.send(&frame.build())?;
    }
    let unknown = scene.wait_for("unknown source", |event| event["event"] == "unknown-source")?;
    assert_eq!((&unknown["mac"], &unknown["interface"]), (&attic().into(), &port.into()));
    let metrics = camfence_tests::home::get(home.lab.box_ns(), "/metrics")?;
    let line = format!("camfence_unknown_sources_total{{interface=\"{port}\"}} 1");
    ensure!(metrics.contains(&line), "{metrics}");
    assert_eq!(of_kind(&scene.events(&[])?, "unknown-source").len(), 1);
    Ok(())
}
