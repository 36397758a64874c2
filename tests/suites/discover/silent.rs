//! What is sent: nothing, unless it is asked for.

use std::{thread, time::Duration};

use anyhow::{Result, ensure};
use camfence_tests::Frame;
use serde_json::{Value, json};

use crate::home::{BOX, Home, NAMED, ONVIF, of, wsd};

const QUIET: Duration = Duration::from_millis(300);

/// What the box sends to a device's port while it discovers.
fn sent(home: &Home, options: &[&str]) -> Result<Vec<Vec<u8>>> {
    let camfence = home.unconfigured()?;
    // A router joins groups by itself, when it likes.
    home.lab.box_ns().sysctl("net/ipv6/conf/br-cam/disable_ipv6", "1")?;
    // Somebody who could be asked.
    home.wire("named")?.send(&Frame::from(NAMED).arp_announcement("192.168.1.33").build())?;
    let wire = home.wire("onvif")?;
    wire.discard()?;
    let arguments = ["discover", "--interface", "br-cam", "--for", "1s"];
    camfence.run([&arguments, options].concat())?.success()?;
    let mut frames = wire.capture_until_quiet(QUIET)?;
    frames.retain(|frame| frame.get(6..12) == Some(&BOX.0));
    Ok(frames)
}

#[test]
fn nothing_is_sent_unless_it_is_asked_for() -> Result<()> {
    let home = Home::new()?;
    let frames = sent(&home, &[])?;
    ensure!(frames.is_empty(), "{frames:02x?}");
    let frames = sent(&home, &["--probe"])?;
    // The destination's port, behind Ethernet and IPv4.
    let to_port = |port: u16| {
        let bytes = port.to_be_bytes();
        frames.iter().filter(|frame| frame.get(36..38) == Some(&bytes)).count()
    };
    assert_eq!((to_port(3702), to_port(5353)), (1, 1), "{frames:02x?}");
    Ok(())
}

#[test]
fn the_internet_hears_nothing() -> Result<()> {
    let home = Home::new()?;
    let wire = home.wire("internet")?;
    // Somebody says that it has addresses outside.
    let liar = home.wire("onvif")?;
    let camfence = home.unconfigured()?;
    let arguments = ["discover", "--interface", "br-cam", "--for", "1s", "--probe"];
    thread::scope(|scope| -> Result<()> {
        let run = scope.spawn(|| camfence.run(arguments));
        for _ in 0..20 {
            liar.send(&Frame::from(ONVIF).arp_announcement("203.0.113.7").build())?;
            thread::sleep(Duration::from_millis(50));
        }
        run.join().expect("no panic")?.success()?;
        Ok(())
    })?;
    let frames = wire.capture_until_quiet(QUIET)?;
    let is_ip = |frame: &&Vec<u8>| frame.get(12..14) == Some(&[8, 0]);
    assert_eq!(frames.iter().filter(is_ip).count(), 0, "{frames:02x?}");
    Ok(())
}

#[test]
fn a_probe_is_answered() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.unconfigured()?;
    let wire = home.wire("onvif")?;
    let arguments = ["discover", "--interface", "br-cam", "--for", "2s", "--probe"];
    let found = thread::scope(|scope| -> Result<_> {
        let run = scope.spawn(|| camfence.json(arguments));
        let is_probe = |frame: &[u8]| frame.get(36..38) == Some(&3702_u16.to_be_bytes());
        let probe = wire.capture_matching(Duration::from_secs(20), is_probe)?;
        let probe = probe.ok_or_else(|| anyhow::anyhow!("nobody asked"))?;
        let text = String::from_utf8_lossy(&probe);
        ensure!(text.contains("<d:Types>dn:NetworkVideoTransmitter</d:Types>"), "{text}");
        let port = u16::from_be_bytes([probe[34], probe[35]]);
        let answer = Frame::from(ONVIF)
            .to(BOX)
            .ipv4("192.168.1.31", "192.168.1.1")
            .udp(40_000, port)
            .payload(wsd("ProbeMatches", "Garden"));
        wire.send(&answer.build())?;
        run.join().expect("no panic")
    })?;
    let onvif = of(&found, ONVIF)?;
    assert_eq!(onvif["onvif"]["name"], "Garden");
    assert_eq!(onvif["likeness"], "camera");
    let notices = found["notices"].as_array().map(Vec::as_slice).unwrap_or_default();
    let told = notices.iter().filter_map(Value::as_str).collect::<Vec<_>>();
    let [notice] = told[..] else { panic!("{told:?}") };
    assert!(
        notice.starts_with("br-cam: nobody was asked by IPv6: "),
        "it has no address: {notice}"
    );
    Ok(())
}

#[test]
fn groups_are_asked_by_ipv6_too() -> Result<()> {
    let home = Home::new()?;
    home.lab.box_ns().ip("addr add fd00:1::1/64 dev br-cam nodad")?;
    let camfence = home.unconfigured()?;
    let wire = home.wire("onvif")?;
    let arguments = ["discover", "--interface", "br-cam", "--for", "1s", "--probe"];
    let found = camfence.json(arguments)?;
    assert_eq!(found["notices"], json!([]), "{found:#}");
    let frames = wire.capture_until_quiet(QUIET)?;
    let to_group = |last: u8| {
        let address = [0x33, 0x33, 0, 0, 0, last];
        frames.iter().filter(|frame| frame.get(..6) == Some(&address)).count()
    };
    assert_eq!((to_group(0x0c), to_group(0xfb)), (1, 1), "{frames:02x?}");
    Ok(())
}
