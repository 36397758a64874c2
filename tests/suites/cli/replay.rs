//! Replay of captures of every kind.

use std::fs;

use anyhow::Result;
use camfence_tests::{Camfence, Frame};
use serde_json::{Value, json};

use crate::bench::{Bench, CAM, GOOD};
use crate::writer::{Captured, ETHERNET, MICROS, NANOS, Order, pcap, pcapng};

fn away() -> Vec<u8> {
    Frame::from(CAM).ipv4("192.168.1.31", "203.0.113.7").udp(1, 2).payload_of(100).build()
}

fn home() -> Vec<u8> {
    Frame::from(CAM).vlan(20).ipv6("fd00:1::31", "fd00:1::1").tcp(1, 2).syn().build()
}

fn answer() -> Vec<u8> {
    let frame = Frame::from("02:00:00:00:00:01").to(CAM).ipv4("203.0.113.7", "192.168.1.31");
    frame.tcp(443, 5000).payload_of(1200).build()
}

fn run(camfence: &Camfence<'_>, captures: &[Vec<u8>]) -> Result<Value> {
    let mut arguments = vec!["replay".into()];
    for (i, capture) in captures.iter().enumerate() {
        let path = camfence.dir().join(format!("{i}.cap"));
        fs::write(&path, capture)?;
        arguments.push(path.into_os_string());
    }
    camfence.json(arguments)
}

fn count(packets: u64, bytes: usize) -> Value {
    json!({"packets": packets, "bytes": bytes})
}

/// The report of these three frames, so many times.
fn expected(times: usize) -> Value {
    let (away, home, answer) = (away().len(), home().len(), answer().len());
    let n = times as u64;
    let none = count(0, 0);
    let away = count(n, away * times);
    let home = count(n, home * times);
    let answer = count(n, answer * times);
    json!({
        "frames": 3 * times,
        "bystanders": answer,
        "cameras": [{
            "name": "driveway", "mac": CAM.to_string(), "profile": "default", "mode": "enforce",
            "outbound": {"passed": home, "dropped": away,
                "reasons": {"not-local": away, "local": home}},
            "inbound": {"passed": none, "dropped": answer, "reasons": {"inbound": answer}},
        }],
    })
}

#[test]
fn every_kind_of_capture_is_read() -> Result<()> {
    let bench = Bench::new()?;
    let camfence = bench.camfence(GOOD)?;
    let frames = [away(), home(), answer()];
    let whole: Vec<Captured> = frames.iter().map(|f| (f.as_slice(), f.len())).collect();
    for order in [Order::Little, Order::Big] {
        for capture in [
            pcap(order, MICROS, ETHERNET, &whole),
            pcap(order, NANOS, ETHERNET, &whole),
            pcapng(order, 1, &whole),
        ] {
            assert_eq!(run(&camfence, &[capture])?, expected(1), "{order:?}");
        }
    }
    let both = [pcap(Order::Big, NANOS, ETHERNET, &whole), pcapng(Order::Little, 1, &whole)];
    assert_eq!(run(&camfence, &both)?, expected(2), "two captures are summed");
    let cameras = run(&camfence, &both)?;
    crate::help::is_a_camera(&cameras["cameras"][0]);
    bench.is_untouched()
}

#[test]
fn frames_count_as_long_as_they_were_on_the_wire() -> Result<()> {
    let bench = Bench::new()?;
    let camfence = bench.camfence(GOOD)?;
    let frames = [away(), home(), answer()];
    // Enough for the headers, not for the payload.
    let cut: Vec<Captured> = frames.iter().map(|f| (&f[..f.len().min(90)], f.len())).collect();
    assert_eq!(run(&camfence, &[pcap(Order::Little, MICROS, ETHERNET, &cut)])?, expected(1));
    assert_eq!(run(&camfence, &[pcapng(Order::Little, 1, &cut)])?, expected(1));
    // Four bytes of FCS, which the link type says are there.
    let with_fcs: Vec<Vec<u8>> = frames.iter().map(|f| [&f[..], &[0xfc; 4]].concat()).collect();
    let with_fcs: Vec<Captured> = with_fcs.iter().map(|f| (f.as_slice(), f.len())).collect();
    let link = ETHERNET | 0x0400_0000 | 2 << 28;
    assert_eq!(run(&camfence, &[pcap(Order::Big, MICROS, link, &with_fcs)])?, expected(1));
    Ok(())
}

#[test]
fn frames_beyond_a_page_count_whole() -> Result<()> {
    const LONG: usize = 20_000;
    let bench = Bench::new()?;
    let camfence = bench.camfence(GOOD)?;
    let long = |frame: Frame, headers: usize| frame.payload_of(LONG - headers).build();
    let frames = [
        long(Frame::from(CAM).ipv4("192.168.1.31", "203.0.113.7").tcp(1, 443).ack(), 54),
        long(Frame::from(CAM).ipv6("fd00:1::31", "fd00:1::1").tcp(1, 443).ack(), 74),
        long(Frame::from("02:00:00:00:00:01").to(CAM).ipv4("10.0.0.1", "10.0.0.2").udp(1, 2), 42),
    ];
    assert!(frames.iter().all(|frame| frame.len() == LONG));
    let whole: Vec<Captured> = frames.iter().map(|f| (f.as_slice(), f.len())).collect();
    let report = run(&camfence, &[pcapng(Order::Little, 1, &whole)])?;
    let one = count(1, LONG);
    assert_eq!(
        report["cameras"][0]["outbound"]["reasons"],
        json!({"not-local": one, "local": one})
    );
    assert_eq!(report["cameras"][0]["inbound"]["reasons"], json!({"local": one}));
    assert_eq!(report["bystanders"], one);
    Ok(())
}

#[test]
fn unknown_sources_are_told_of_where_they_have_a_policy() -> Result<()> {
    let bench = Bench::new()?;
    let frames = [away(), home(), answer()];
    let whole: Vec<Captured> = frames.iter().map(|f| (f.as_slice(), f.len())).collect();
    let capture = [pcap(Order::Little, MICROS, ETHERNET, &whole)];
    let (stranger, none) = (count(1, answer().len()), count(0, 0));
    for (unknown, sealed, reason) in [("drop", true, "sealed"), ("default", false, "local")] {
        let config = GOOD.replacen("[fence]", &format!("[fence]\nunknown = \"{unknown}\""), 1);
        let report = run(&bench.camfence(&config)?, &capture)?;
        assert_eq!(report["bystanders"], stranger);
        let (passed, dropped) = if sealed { (&none, &stranger) } else { (&stranger, &none) };
        let outbound = json!({"passed": passed, "dropped": dropped, "reasons": {reason: stranger}});
        assert_eq!(report["unknown"]["sealed"], sealed);
        assert_eq!(report["unknown"]["outbound"], outbound);
        assert_eq!(report["cameras"], expected(1)["cameras"], "cameras are judged as ever");
    }
    Ok(())
}

#[test]
fn a_replay_leaves_a_fence_that_stands_alone() -> Result<()> {
    let bench = Bench::new()?;
    let camfence = bench.camfence(GOOD)?;
    camfence.run(["up"])?.success()?;
    let before = (bench.pins()?, camfence.json(["status"])?);
    let frame = away();
    let capture = pcap(Order::Little, MICROS, ETHERNET, &[(&frame, frame.len())]);
    assert_eq!(run(&camfence, &[capture])?["frames"], 1);
    assert_eq!((bench.pins()?, camfence.json(["status"])?), before);
    Ok(())
}
