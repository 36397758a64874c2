//! Names from the answers of DNS servers.

use anyhow::{Context as _, Result, ensure};
use camfence_tests::{
    Dns, Frame,
    home::{DRIVEWAY, Home},
};
use serde_json::Value;

use crate::{Scene, call};

const HOSTILE: [&[u8]; 3] = [b"\x1b[31mred\x07", "\u{202e}live".as_bytes(), b"<img src=x>\xff\r\n"];

fn answer(home: &Home, message: &Dns) -> Vec<u8> {
    let gw = home.lab.mac("gw");
    let frame = Frame::from(gw).to(DRIVEWAY).ipv4("192.168.1.1", "192.168.1.31");
    frame.udp(53, 40_000).payload(message.bytes()).build()
}

#[test]
fn a_destination_has_the_name_that_was_asked_for() -> Result<()> {
    let home = Home::new()?;
    let scene = Scene::new(&home)?;
    let wire = scene.wire("gw")?;
    let honest = Dns::query("P2P.vendor.example")
        .alias("p2p.vendor.example", "edge.example")
        .address("edge.example", "203.0.113.7");
    let hostile = Dns::labels(HOSTILE).answer_of(HOSTILE, Dns::A, &[203, 0, 113, 8]);
    // The camera is where its port is.
    call(&home, "driveway", "192.168.1.1:9", 1)?;
    for message in [&honest, &hostile] {
        wire.send(&answer(&home, message))?;
    }
    call(&home, "driveway", "203.0.113.7:10240", 2)?;
    call(&home, "driveway", "203.0.113.8:10240", 2)?;
    call(&home, "driveway", "203.0.113.9:10240", 2)?;
    scene.wait_for("last contact", |event| event["peer"] == "203.0.113.9")?;
    let (events, ledger) = (scene.events(&[])?, scene.camfence.json(["ledger"])?);
    let entries = ledger["entries"].as_array().context("entries")?;
    let shown = r"\u{1b}[31mred\u{7}.\u{202e}live.<img src=x>\xff\r\n";
    for (peer, name) in [
        ("203.0.113.7", Some("P2P.vendor.example")),
        ("203.0.113.8", Some(shown)),
        ("203.0.113.9", None),
    ] {
        for all in [&events, entries] {
            let of: Vec<&Value> = all.iter().filter(|of| of["peer"] == peer).collect();
            ensure!(!of.is_empty(), "{peer}");
            assert!(of.iter().all(|of| of["name"].as_str() == name), "{of:#?}");
        }
    }
    for verb in [&["ledger"][..], &["events"]] {
        let text = scene.camfence.run(verb)?.success()?;
        ensure!(text.contains("P2P.vendor.example") && text.contains(shown), "{text}");
        let is_plain = |c: char| c == '\n' || !c.is_control() && c != '\u{202e}';
        ensure!(text.chars().all(is_plain), "{text:?}");
    }
    Ok(())
}

#[test]
fn without_a_daemon_the_ledger_has_no_names() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence()?;
    camfence.run(["up"])?.success()?;
    call(&home, "driveway", "203.0.113.7:10240", 2)?;
    let text = camfence.run(["ledger"])?.success()?;
    ensure!(text.contains("203.0.113.7") && !text.contains("NAME"), "{text}");
    let ledger = camfence.json(["ledger"])?;
    ensure!(ledger["entries"][0].get("name").is_none(), "{ledger}");
    Ok(())
}
