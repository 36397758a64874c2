//! A million destinations, while everything that looks at them looks.

use std::{
    net::Ipv4Addr,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use camfence_tests::{
    Frame,
    cmd::Daemon,
    home::{DRIVEWAY, Home, METRICS, SOON, await_up, config, get, get_at},
};

use crate::{Scene, dropped, flood::memory_kib, of_kind};

const FLOOD: u32 = 1_000_000;
const RATE: u32 = 100_000;
/// Memory that the daemon may come to beside its code, of which 12 MiB are resident as it is released, and
/// more than twice as much as it is tested.
const MEMORY_KIB: u64 = (64 - 12) * 1024;
const PAGE: &str = "127.0.0.1:9478";
/// How often who looks asks again.
const PAUSE: Duration = Duration::from_millis(200);

#[test]
fn totals_are_exact_and_memory_is_bounded() -> Result<()> {
    flood("")
}

#[test]
fn so_it_is_with_a_large_ledger() -> Result<()> {
    flood("[ledger]\nentries = 100000\n")
}

fn flood(ledger: &str) -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence()?;
    let page = format!("[page]\nlisten = \"{PAGE}\"\n");
    camfence.configure(&(config(&[("driveway", DRIVEWAY)]) + &page + ledger))?;
    let mut command = camfence.command(["run"])?;
    command.env("CAMFENCE_HISTORY_INTERVAL", "1s");
    let daemon = await_up(&camfence, Daemon::spawn(command)?)?;
    let scene = Scene { home: &home, camfence, daemon };
    let follower = scene.follow(&[])?;
    let done = AtomicBool::new(false);
    let bytes = thread::scope(|scope| -> Result<u64> {
        let (home, done) = (scene.home, &done);
        let looking =
            looks().map(|(server, path)| scope.spawn(move || look(home, server, &path, done)));
        let sent = send(&scene);
        done.store(true, Ordering::Relaxed);
        for looking in looking {
            let answers = looking.join().expect("no panic")?;
            ensure!(answers > 1, "asked {answers} times");
        }
        sent
    })?;
    let all = u64::from(FLOOD);
    let events =
        follower.wait("drops", |events| is_behind(events) || dropped(events, |_| true).0 >= all)?;
    if !is_behind(&events) {
        assert_eq!(dropped(&events, |_| true), (all, bytes));
    }
    let status = scene.camfence.json(["status"])?;
    let reason = &status["cameras"][0]["outbound"]["reasons"]["not-local"];
    assert_eq!(*reason, serde_json::json!({"packets": all, "bytes": bytes}));
    await_history(&scene, all)?;
    let [most, code] = ["VmHWM", "RssFile"].map(|line| memory_kib(scene.daemon.id(), line));
    let (most, code) = (most?, code?);
    println!("at most {most} KiB, {code} KiB of them code");
    ensure!(most - code < MEMORY_KIB, "{most} KiB, {code} KiB of them code");
    Ok(())
}

/// What is asked for all the time, and where.
fn looks() -> [(&'static str, String); 4] {
    let camera = |what: &str| format!("/api/cameras/{DRIVEWAY}/{what}");
    [
        (METRICS, "/metrics".into()),
        (PAGE, "/api/view".into()),
        (PAGE, camera("ledger")),
        (PAGE, camera("timeline")),
    ]
}

/// Asks until it is done; gives how often.
fn look(home: &Home, server: &str, path: &str, done: &AtomicBool) -> Result<u32> {
    let mut answers = 0;
    while !done.load(Ordering::Relaxed) {
        let answer = get_at(home.lab.box_ns(), server, path)?;
        ensure!(answer.starts_with("HTTP/1.1 200 "), "{path}: {answer:.200}");
        answers += 1;
        thread::sleep(PAUSE);
    }
    Ok(answers)
}

/// Sends a frame to each destination; gives their bytes.
fn send(scene: &Scene) -> Result<u64> {
    let wire = scene.wire("driveway")?;
    let gw = scene.home.lab.mac("gw");
    let mut frame =
        Frame::from(DRIVEWAY).to(gw).ipv4("192.168.1.31", "0.0.0.0").udp(5000, 10_240).build();
    let mut batch = Vec::new();
    for number in 0..FLOOD {
        // Checksums are nobody's here.
        frame[30..34].copy_from_slice(&Ipv4Addr::from(0x0800_0000 + number).octets());
        batch.push(frame.clone());
        if batch.len() == 1_000 {
            let sent = wire.send_many(&batch, batch.len() as u64, RATE)?;
            ensure!(sent.accepted == 1_000, "{sent:?}");
            batch.clear();
        }
    }
    Ok(u64::from(FLOOD) * frame.len() as u64)
}

fn is_behind(events: &[serde_json::Value]) -> bool {
    of_kind(events, "lost").iter().any(|event| event["by"] == "a slow reader")
}

/// Waits until the history has all of it, too.
fn await_history(scene: &Scene, all: u64) -> Result<()> {
    let deadline = Instant::now() + SOON;
    loop {
        let report = scene.camfence.json(["history", "driveway"])?;
        let buckets = report["buckets"].as_array().cloned().unwrap_or_default();
        let packets = buckets.iter().map(|it| it["outbound"]["dropped"]["packets"].as_u64());
        let sum: u64 = packets.flatten().sum();
        if sum == all {
            break;
        }
        ensure!(Instant::now() < deadline && sum < all, "{sum} of {all}");
        thread::sleep(PAUSE);
    }
    let metrics = get(scene.home.lab.box_ns(), "/metrics")?;
    ensure!(metrics.contains("camfence_history_errors_total 0"), "{metrics}");
    Ok(())
}
