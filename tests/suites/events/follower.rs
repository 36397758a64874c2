//! Those who follow on the control socket.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    net::Ipv4Addr,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use camfence_tests::{
    Frame,
    home::{DRIVEWAY, Home, SOON},
};
use serde_json::{Value, json};

use crate::{Scene, call, request};

fn follow() -> Value {
    json!({"verb": "events", "follow": true, "drops": true})
}

#[test]
fn who_does_not_read_misses_some_and_holds_nobody_up() -> Result<()> {
    let home = Home::new()?;
    let scene = Scene::new(&home)?;
    let sleeper = request(&scene.camfence, follow())?;
    let wire = scene.wire("driveway")?;
    let mut frame = Frame::from(DRIVEWAY).to(home.lab.mac("gw"));
    frame = frame.ipv4("192.168.1.31", "0.0.0.0").udp(5000, 10_240);
    let mut bytes = frame.build();
    let end = Instant::now() + Duration::from_secs(6);
    let mut number = 0;
    while Instant::now() < end {
        let frames: Vec<_> = (0..500_u32)
            .map(|_| {
                number += 1;
                bytes[30..34].copy_from_slice(&Ipv4Addr::from(0xc612_0000 + number).octets());
                bytes.clone()
            })
            .collect();
        wire.send_many(&frames, 500, 5_000)?;
    }
    // Others are served meanwhile.
    call(&home, "driveway", "203.0.113.7:10240", 1)?;
    thread::sleep(Duration::from_secs(1));
    call(&home, "driveway", "203.0.113.8:10240", 1)?;
    scene.wait_for("contact", |event| event["peer"] == "203.0.113.8")?;
    sleeper.set_read_timeout(Some(SOON))?;
    let mut lines = BufReader::new(&sleeper).lines();
    let first: Value = serde_json::from_str(&lines.next().context("a line")??)?;
    ensure!(first["ok"].is_object(), "{first}");
    let (mut missed, mut last) = (0, 0);
    for line in lines {
        let event: Value = serde_json::from_str(&line?)?;
        if event["by"] == "a slow reader" {
            missed += event["count"].as_u64().context("a count")?;
            continue;
        }
        let seq = event["seq"].as_u64().context("a number")?;
        ensure!(seq > last && seq - last - 1 <= missed, "{last} {event} {missed}");
        last = seq;
        if event["peer"] == "203.0.113.8" {
            break;
        }
    }
    println!("{missed} missed of {last}");
    ensure!(missed > 0, "nothing was missed of {last}");
    Ok(())
}

#[test]
fn followers_are_few_and_make_room_when_they_leave() -> Result<()> {
    let home = Home::new()?;
    let scene = Scene::new(&home)?;
    let mut followers = Vec::new();
    let answer = |stream: &std::os::unix::net::UnixStream| -> Result<Value> {
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    };
    for _ in 0..8 {
        let stream = request(&scene.camfence, follow())?;
        let said = answer(&stream)?;
        ensure!(said["ok"].is_object(), "{said}");
        followers.push(stream);
    }
    let refused = scene.camfence.run(["events"])?;
    ensure!(
        refused.code == Some(1) && refused.stderr.contains("8 others are reading"),
        "{refused:?}"
    );
    scene.camfence.run(["reload"])?.success()?;
    followers.pop();
    let deadline = Instant::now() + SOON;
    while scene.camfence.run(["events"])?.code != Some(0) {
        ensure!(Instant::now() < deadline, "no place is free");
    }
    // The end of the daemon is the end of the stream.
    scene.daemon.stop(Duration::from_secs(20))?;
    for mut follower in followers {
        follower.read_to_end(&mut Vec::new())?;
    }
    Ok(())
}
