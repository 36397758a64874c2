//! First contacts and drops: each destination once, and in the end as many as were sent.

use std::{thread, time::Duration};

use anyhow::{Result, ensure};
use camfence_tests::home::{Home, run};

use crate::{Scene, call, dropped, of_kind};

const VENDORS: [&str; 3] = ["203.0.113.7", "203.0.113.8", "198.51.100.99"];

#[test]
fn three_destinations_are_told_once_and_counted_second_by_second() -> Result<()> {
    let home = Home::new()?;
    let scene = Scene::new(&home)?;
    let follower = scene.follow(&[])?;
    let mut sent = [(0, 0); 3];
    for second in 0..4 {
        for (vendor, sent) in VENDORS.iter().zip(&mut sent).skip(usize::from(second == 0)) {
            for count in [10 + second, 5] {
                sent.0 += count;
                sent.1 += call(&home, "driveway", &format!("{vendor}:10240"), count)?;
                thread::sleep(Duration::from_millis(150));
            }
        }
        thread::sleep(Duration::from_millis(300));
    }
    let total = sent.iter().map(|(packets, _)| packets).sum::<u64>();
    let is_all = |events: &[serde_json::Value]| dropped(events, |_| true).0 >= total;
    let events = follower.wait("all drops", is_all)?;
    for (vendor, sent) in VENDORS.iter().zip(sent) {
        let is_vendors = |event: &serde_json::Value| {
            event["peer"] == *vendor && event["port"] == 10_240 && event["camera"] == "driveway"
        };
        assert_eq!(dropped(&events, is_vendors), sent, "{vendor}: {events:#?}");
        let contacts = of_kind(&events, "first-contact");
        let contacts: Vec<_> = contacts.into_iter().filter(|event| is_vendors(event)).collect();
        assert_eq!(contacts.len(), 1, "{vendor}");
        let contact = contacts[0];
        for (key, value) in [
            ("protocol", "udp"),
            ("direction", "outbound"),
            ("verdict", "drop"),
            ("reason", "not-local"),
            ("mac", "b0:c5:54:25:5b:0e"),
            ("interface", home.lab.port("driveway")),
        ] {
            assert_eq!(contact[key], value, "{contact}");
        }
        let seconds = of_kind(&events, "dropped").into_iter().filter(|event| is_vendors(event));
        ensure!((2..=8).contains(&seconds.clone().count()), "{:#?}", seconds.collect::<Vec<_>>());
    }
    assert_eq!(dropped(&events, |_| true).0, total, "nothing else");
    let ledger = scene.camfence.json(["ledger", "driveway"])?;
    let entries = ledger["entries"].as_array().into_iter().flatten();
    let counted: u64 = entries
        .filter(|entry| entry["verdict"] == "drop")
        .filter_map(|entry| entry["packets"].as_u64())
        .sum();
    assert_eq!(counted, total);
    // In words, and of somebody else.
    let text = scene.camfence.run(["events", "--no-drops"])?.success()?;
    ensure!(
        text.contains("driveway      first contact  udp/10240 to 203.0.113.7  dropped not-local"),
        "{text}"
    );
    ensure!(!text.contains('\u{1b}') && !text.contains("packets"), "{text}");
    let others = scene.events(&["--camera", &crate::attic()])?;
    ensure!(others.is_empty(), "{others:#?}");
    Ok(())
}

#[test]
fn what_belongs_to_no_flow_is_told_without_a_destination() -> Result<()> {
    use camfence_tests::{Frame, home::DRIVEWAY};
    let home = Home::new()?;
    let scene = Scene::new(&home)?;
    let follower = scene.follow(&[])?;
    let wire = scene.wire("driveway")?;
    let strange = Frame::from(DRIVEWAY).ethertype(0x88b5).payload_of(60).build();
    for _ in 0..7 {
        wire.send(&strange)?;
    }
    let is_all = |events: &[serde_json::Value]| dropped(events, |_| true).0 >= 7;
    let events = follower.wait("the drops", is_all)?;
    let is_strange = |event: &serde_json::Value| {
        event["reason"] == "ethertype" && event["peer"].is_null() && event["camera"] == "driveway"
    };
    assert_eq!(dropped(&events, is_strange), (7, 7 * strange.len() as u64));
    Ok(())
}

#[test]
fn what_is_known_is_not_told_again_by_the_next_daemon() -> Result<()> {
    let home = Home::new()?;
    let scene = Scene::new(&home)?;
    let is_contact = |address: &'static str| {
        move |event: &serde_json::Value| {
            event["event"] == "first-contact" && event["peer"] == address
        }
    };
    call(&home, "driveway", "203.0.113.7:10240", 3)?;
    scene.wait_for("first contact", is_contact("203.0.113.7"))?;
    let Scene { camfence, daemon, .. } = scene;
    daemon.stop(Duration::from_secs(20))?;
    // While nobody listens.
    call(&home, "driveway", "203.0.113.7:10240", 3)?;
    call(&home, "driveway", "203.0.113.8:10240", 3)?;
    let daemon = run(&camfence)?;
    let scene = Scene { home: &home, camfence, daemon };
    scene.wait_for("first contact", is_contact("203.0.113.8"))?;
    call(&home, "driveway", "203.0.113.9:10240", 3)?;
    scene.wait_for("first contact", is_contact("203.0.113.9"))?;
    let events = scene.events(&[])?;
    ensure!(!events.iter().any(is_contact("203.0.113.7")), "{events:#?}");
    // Other maps make nobody unknown.
    let config = std::fs::read_to_string(scene.camfence.config_path())?;
    scene.camfence.configure(&config.replace("max_cameras = 64", "max_cameras = 65"))?;
    scene.camfence.run(["reload"])?.success()?;
    for last in [7, 8, 9, 10] {
        call(&home, "driveway", &format!("203.0.113.{last}:10240"), 1)?;
    }
    scene.wait_for("first contact", is_contact("203.0.113.10"))?;
    let events = scene.events(&[])?;
    let again = events.iter().filter(|event| is_contact("203.0.113.9")(event)).count();
    assert_eq!((again, of_kind(&events, "lost").len()), (1, 0), "{events:#?}");
    Ok(())
}

#[test]
fn without_a_daemon_it_says_what_to_do() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence()?;
    let refused = camfence.run(["events"])?;
    assert_eq!((refused.code, refused.stderr.lines().count()), (Some(1), 2), "{refused:?}");
    ensure!(refused.stderr.contains("hint: start it"), "{refused:?}");
    Ok(())
}
