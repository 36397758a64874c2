//! Very many destinations.

use std::{fs, net::Ipv4Addr, time::Instant};

use anyhow::{Context as _, Result, ensure};
use camfence_tests::{
    Frame,
    home::{DRIVEWAY, Home, get},
};

use crate::{Scene, dropped, of_kind};

const FLOOD: u32 = 100_000;
/// Destinations of a camera that have series.
const MOST_OF_A_CAMERA: usize = 16;
const RATE: u32 = 20_000;

/// What a line of a process's status says of its memory.
pub(crate) fn memory_kib(pid: u32, line: &str) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let memory = status.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':'));
    Ok(memory.and_then(|line| line.split_whitespace().next()).context("memory")?.parse()?)
}

fn metric(text: &str, start: &str) -> u64 {
    let line = text.lines().find(|line| line.starts_with(start));
    let value = line.and_then(|line| line.rsplit(' ').next());
    value.and_then(|value| value.parse().ok()).unwrap_or(0)
}

#[test]
fn a_flood_is_bounded_and_what_is_not_told_is_counted() -> Result<()> {
    let home = Home::new()?;
    let scene = Scene::new(&home)?;
    let follower = scene.follow(&[])?;
    let wire = scene.wire("driveway")?;
    let gw = home.lab.mac("gw");
    let before = memory_kib(scene.daemon.id(), "VmHWM")?;
    let mut frame =
        Frame::from(DRIVEWAY).to(gw).ipv4("192.168.1.31", "0.0.0.0").udp(5000, 10_240).build();
    let mut batch = Vec::new();
    for number in 0..FLOOD {
        // Test addresses (RFC 2544) and what follows; checksums are nobody's here.
        frame[30..34].copy_from_slice(&Ipv4Addr::from(0xc612_0000 + number).octets());
        batch.push(frame.clone());
        if batch.len() == 1_000 {
            let sent = wire.send_many(&batch, batch.len() as u64, RATE)?;
            ensure!(sent.accepted == 1_000, "{sent:?}");
            batch.clear();
        }
    }
    let all = u64::from(FLOOD);
    let is_all = |events: &[serde_json::Value]| {
        let lost = of_kind(events, "lost").iter().any(|event| event["by"] == "a slow reader");
        lost || dropped(events, |_| true).0 >= all
    };
    let events = follower.wait("drops", is_all)?;
    let slow = of_kind(&events, "lost").iter().any(|event| event["by"] == "a slow reader");
    if !slow {
        assert_eq!(dropped(&events, |_| true), (all, all * frame.len() as u64));
    }
    let status = scene.camfence.json(["status"])?;
    let reasons = &status["cameras"][0]["outbound"]["reasons"];
    assert_eq!(reasons["not-local"]["packets"], all, "{reasons}");
    // What the last second lost is told in the next.
    let deadline = Instant::now() + camfence_tests::home::SOON;
    let (told, lost) = loop {
        let metrics = get(home.lab.box_ns(), "/metrics")?;
        let told = metric(&metrics, "camfence_events_total{kind=\"first-contact\"}");
        let lost = metric(&metrics, "camfence_events_lost_total{kind=\"first-contact\"}");
        if told + lost >= all {
            break (told, lost);
        }
        ensure!(Instant::now() < deadline, "{told} {lost}");
    };
    let begun = Instant::now();
    let metrics = get(home.lab.box_ns(), "/metrics")?;
    println!("metrics take {:?} with a full ledger", begun.elapsed());
    let series = |family: &str| metrics.lines().filter(|line| line.starts_with(family)).count();
    assert_eq!(series("camfence_destination_packets_total{"), MOST_OF_A_CAMERA, "{metrics}");
    assert_eq!(series("camfence_destination_bytes_total{"), MOST_OF_A_CAMERA, "{metrics}");
    let after = memory_kib(scene.daemon.id(), "VmHWM")?;
    println!("{told} told, {lost} not; at most {before} KiB before, {after} KiB after");
    // The other contacts are the network's own: neighbours, routers.
    ensure!(told + lost - all < 50 && lost > 0, "{told} {lost}");
    ensure!(after < 64 * 1024, "{after} KiB");
    let lost_events = scene.events(&[])?;
    let lost_events = of_kind(&lost_events, "lost");
    ensure!(lost_events.iter().any(|event| event["of"] == "first-contact"), "{lost_events:#?}");
    Ok(())
}
