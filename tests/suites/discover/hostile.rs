//! Somebody says what it likes, and as much as the wire takes.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use camfence_tests::{Dhcp, Frame, Mac};
use serde_json::{Value, json};

use crate::home::{HOSTILE, Home, MDNS_GROUP, ONVIF, WSD_GROUP, chatter, mdns_address, of, wsd};

/// Made-up sources and names.
const FLOOD: u32 = 100_000;
const RATE: u32 = 30_000;
/// Of a program without optimisation.
const MOST_KIB: u64 = 64 * 1024;
const PATIENCE: Duration = Duration::from_mins(1);

/// Names that mean something else to whoever reads them raw.
const NAMES: [&[u8]; 6] = [
    b"\x1b[2J\x1b]0;owned\x07",
    "\u{202e}gpj.mac".as_bytes(),
    b"<script>alert(1)</script>",
    b"\xff\xfe\x80",
    b"a\r\nMAC 00:00\0",
    "\u{2028}\u{200b}\u{feff}".as_bytes(),
];

fn hostile_frames() -> Vec<Vec<u8>> {
    let from = |group: Mac| Frame::from(HOSTILE).to(group);
    let mut frames: Vec<Vec<u8>> = NAMES
        .iter()
        .flat_map(|name| {
            let dhcp = Dhcp::discover(HOSTILE).hostname(name).vendor_class(name);
            let mdns = from(MDNS_GROUP).ipv4("192.168.1.66", "224.0.0.251").udp(5353, 5353);
            [
                Frame::from(HOSTILE).broadcast().dhcp(&dhcp).build(),
                mdns.payload(mdns_address(name, [192, 168, 1, 66])).build(),
            ]
        })
        .collect();
    let scope = wsd("Hello", "%1b%5b2J%e2%80%ae%0a%ff&lt;b&gt;");
    let hello = from(WSD_GROUP).ipv4("192.168.1.66", "239.255.255.250").udp(3702, 3702);
    frames.push(hello.payload(scope).build());
    frames
}

fn is_clean(text: &str) -> bool {
    let bad = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{feff}')
    };
    !text.contains(bad)
}

#[test]
fn names_reach_nobody_raw() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.unconfigured()?;
    let chatter = vec![("hostile", hostile_frames())];
    let on = ["--interface", "br-cam", "--for", "1s"];
    let found = home.amid(&chatter, || camfence.json([&["discover"], &on[..]].concat()))?;
    let hostile = of(&found, HOSTILE)?;
    let names = hostile["hostnames"].as_array().context("names")?;
    ensure!(names.len() == 4 && hostile["cut"] == true, "as many as are kept: {hostile:#}");
    assert_eq!(hostile["onvif"]["name"], r"\u{1b}[2J\u{202e}\n\xff");
    let strings = found.to_string();
    ensure!(is_clean(&strings), "{strings:?}");
    for arguments in [vec!["discover"], vec!["init", "--print"]] {
        let arguments = [&arguments[..], &on].concat();
        let text = home.amid(&chatter, || camfence.run(&arguments)?.success())?;
        ensure!(text.contains(&HOSTILE.to_string()) && is_clean(&text), "{text:?}");
    }
    Ok(())
}

/// Resident memory at its highest, in KiB, until the process ends.
fn highest(process: u32) -> u64 {
    let mut highest = 0;
    loop {
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let Some(kib) = line.and_then(|line| line.split_whitespace().next()?.parse().ok()) else {
            return highest;
        };
        highest = u64::max(highest, kib);
        thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until there is a packet socket on each of the bridge's five ports, in a list below a heading.
fn wait_until_it_listens(process: u32) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let read = |file: &str| fs::read_to_string(format!("/proc/{process}/{file}"));
    // Before that it is what enters the namespace.
    let is_it = || read("comm").is_ok_and(|name| name.trim_end() == "camfence");
    let sockets = || read("net/packet").map_or(0, |list| list.lines().count());
    while !is_it() || sockets() < 6 {
        ensure!(Instant::now() < deadline, "{} sockets", sockets());
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

#[test]
fn a_flood_is_bounded_and_hides_nobody_elsewhere() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.unconfigured()?;
    let flood: Vec<Vec<u8>> = (0..FLOOD)
        .map(|number| {
            let [_, a, b, c] = number.to_be_bytes();
            let name = format!("made-up-{number}-{}", "x".repeat(40));
            Frame::from(Mac([0x02, 0xee, 0, a, b, c]))
                .to(MDNS_GROUP)
                .ipv4("192.168.1.66", "224.0.0.251")
                .udp(5353, 5353)
                .payload(mdns_address(name, [192, 168, 1, 66]))
                .build()
        })
        .collect();
    let own_names: Vec<Vec<u8>> = (0..1_000)
        .map(|number| {
            let frame = Frame::from(HOSTILE).to(MDNS_GROUP).ipv4("192.168.1.66", "224.0.0.251");
            let name = format!("name-{number}");
            frame.udp(5353, 5353).payload(mdns_address(name, [192, 168, 1, 66])).build()
        })
        .collect();
    let wire = home.wire("hostile")?;
    let on = ["discover", "--interface", "br-cam", "--for", "8s", "--json"];
    let outcome = home.amid(&chatter(), || {
        let daemon = camfence.start(on)?;
        let process = daemon.id();
        thread::scope(|scope| {
            wait_until_it_listens(process)?;
            let memory = scope.spawn(move || highest(process));
            wire.send_many(&own_names, 1_000, RATE)?;
            let sent = wire.send_many(&flood, FLOOD.into(), RATE)?;
            ensure!(sent.accepted == u64::from(FLOOD), "{sent:?}");
            let outcome = daemon.ended(PATIENCE)?;
            let memory = memory.join().expect("no panic");
            ensure!((1..MOST_KIB).contains(&memory), "{memory} KiB");
            Ok(outcome)
        })
    })?;
    let found: Value = outcome.json()?;
    let sources = found["sources"].as_array().context("sources")?;
    ensure!(sources.len() <= 1_024 + 5, "{}", sources.len());
    let heard = |key: &str| found[key].as_u64().unwrap_or_default();
    ensure!(heard("left_out") + heard("lost") >= u64::from(FLOOD) - 1_024, "{}", heard("left_out"));
    ensure!(heard("left_out") > 0);
    assert_eq!(of(&found, ONVIF)?["likeness"], "camera", "of another port");
    assert_eq!(of(&found, HOSTILE)?["hostnames"].as_array().map(Vec::len), Some(4));
    assert_eq!(of(&found, HOSTILE)?["cut"], json!(true));
    Ok(())
}
