//! `camfence init`: the first configuration.

use std::{collections::BTreeSet, fs};

use anyhow::{Context as _, Result};
use camfence_tests::{
    BpffsRoot, Camfence, Dhcp, Frame, Host, Lab, kernel::has_vlans, terminal::Terminal,
};
use serde_json::{Value, json};

use crate::home::{BOX, Home, NAMED, ONVIF, PHONE, RTSP, RtspServer, chatter};

const LISTEN: [&str; 2] = ["--for", "1s"];

fn init(home: &Home, camfence: &Camfence<'_>, options: &[&str]) -> Result<String> {
    let arguments = [&["init"], &LISTEN[..], options].concat();
    home.amid(&chatter(), || camfence.run(arguments)?.success())
}

fn texts<'a>(list: &'a Value, key: &str) -> BTreeSet<&'a str> {
    list.as_array().into_iter().flatten().filter_map(|one| one[key].as_str()).collect()
}

#[test]
fn what_is_written_fences_the_right_ports_and_cameras() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.unconfigured()?;
    let _server = RtspServer::open(&home, "rtsp", 8554)?;
    let text = init(&home, &camfence, &["--yes", "--probe"])?;
    for next in ["written to", "camfence doctor", "camfence up"] {
        assert!(text.contains(next), "no {next:?} in {text}");
    }
    let written = fs::read_to_string(camfence.config_path())?;
    assert!(text.starts_with(written.trim_end()), "it shows what it writes: {text}");
    assert!(written.contains("interfaces = [\"br-cam\"]"), "{written}");
    assert!(written.contains("local = [\"192.168.1.0/24\", \"auto\"]"), "{written}");
    assert!(written.contains(&format!("#     {PHONE} no camera")), "{written}");
    camfence.run(["check"])?.success()?;
    camfence.run(["up"])?.success()?;
    let status = camfence.json(["status"])?;
    let ports = ["port-onvif", "port-rtsp", "port-named", "port-phone", "port-hostile"];
    assert_eq!(texts(&status["interfaces"], "name"), BTreeSet::from(ports));
    for interface in status["interfaces"].as_array().context("interfaces")? {
        assert_eq!(interface["enforcing"], true, "{interface}");
    }
    let macs = [ONVIF, RTSP, NAMED].map(|mac| mac.to_string());
    let expected: BTreeSet<&str> = macs.iter().map(String::as_str).collect();
    assert_eq!(texts(&status["cameras"], "mac"), expected);
    let outward = |mac, ip| Frame::from(mac).to(BOX).ipv4(ip, "203.0.113.7").udp(5, 10_240).build();
    home.wire("named")?.send(&outward(NAMED, "192.168.1.33"))?;
    home.wire("named")?
        .send(&Frame::from(NAMED).to(BOX).ipv4("192.168.1.33", "192.168.1.1").udp(5, 6).build())?;
    let status = camfence.json(["status"])?;
    let cameras = status["cameras"].as_array().context("cameras")?;
    let named = cameras.iter().find(|camera| camera["name"] == "ipcam-7").context("ipcam-7")?;
    let one = |direction: &str| named["outbound"][direction]["packets"].clone();
    assert_eq!((one("dropped"), one("passed")), (json!(1), json!(1)), "{named:#}");
    let doctor = camfence.run(["doctor"])?;
    assert!(!doctor.stdout.contains("failure  config"), "{}", doctor.stdout);
    Ok(())
}

#[test]
fn nothing_is_written_over() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.unconfigured()?;
    let printed = init(&home, &camfence, &["--print"])?;
    assert!(!camfence.config_path().exists());
    assert!(printed.contains("name = \"front-door\""), "{printed}");
    init(&home, &camfence, &["--yes"])?;
    fs::write(camfence.config_path(), "# mine\n")?;
    let outcome = camfence.run(["init", "--yes"])?;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(
        outcome.stderr.contains("already") && outcome.stderr.contains("--force"),
        "{outcome:?}"
    );
    assert_eq!(fs::read_to_string(camfence.config_path())?, "# mine\n");
    let arguments = [&["init", "--yes", "--force"], &LISTEN[..]].concat();
    let report = home.amid(&chatter(), || camfence.json(&arguments))?;
    assert_eq!(report["written"], true, "{report}");
    assert_eq!(report["interfaces"], json!(["br-cam"]));
    assert_eq!(report["path"], json!(camfence.config_path()));
    assert_eq!(report["text"], fs::read_to_string(camfence.config_path())?);
    let names = texts(&report["cameras"], "name");
    assert_eq!(names, BTreeSet::from(["front-door", "ipcam-7"]));
    Ok(())
}

#[test]
fn nobody_is_asked_where_nobody_can_answer() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.unconfigured()?;
    let outcome = camfence.run(["init"])?;
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(
        outcome.stderr.contains("no terminal") && outcome.stderr.contains("--yes"),
        "{outcome:?}"
    );
    assert!(!camfence.config_path().exists());
    Ok(())
}

#[test]
fn somebody_at_a_terminal_decides() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.unconfigured()?;
    let decide = |answer: &str| {
        let command = camfence.command(["init", "--for", "1s"])?;
        home.amid(&chatter(), || {
            let mut terminal = Terminal::start(command, 200, 60)?;
            let shown = terminal.answer("write this to", answer)?;
            assert!(shown.contains("listening on br-cam: 1 s left"), "{shown}");
            assert!(shown.contains("name = \"front-door\""), "{shown}");
            terminal.ended()
        })
    };
    for no in ["n", "", "what?"] {
        let (code, screen) = decide(no)?;
        assert_eq!(code, Some(1), "{screen}");
        assert!(screen.contains("nothing was written"), "{screen}");
        assert!(!camfence.config_path().exists());
    }
    let (code, screen) = decide("y")?;
    assert_eq!(code, Some(0), "{screen}");
    assert!(screen.contains("camfence up"), "{screen}");
    camfence.run(["check"])?.success()?;
    Ok(())
}

#[test]
fn an_interface_can_be_named() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.unconfigured()?;
    let text = init(&home, &camfence, &["--print", "--interface", "port-named"])?;
    assert!(text.contains("interfaces = [\"port-named\"]"), "{text}");
    assert!(!text.contains("front-door"), "of another port: {text}");
    let outcome = camfence.run(["init", "--print", "--interface", "br-none"])?;
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("br-none: there is no such interface"), "{outcome:?}");
    Ok(())
}

/// A router whose cameras are behind a card of its own.
#[test]
fn a_card_is_found_on_a_router() -> Result<()> {
    let lab = Lab::builder()
        .host(Host::new("switch").mac(NAMED).silent().port("lan0").direct(&["192.168.20.1/24"]))
        .host(Host::internet_behind_box())
        .build()?;
    let home = Home { lab, bpffs: BpffsRoot::new()? };
    let dhcp = Dhcp::discover(NAMED).hostname("ipcam-7");
    let frames = vec![Frame::from(NAMED).broadcast().dhcp(&dhcp).build()];
    is_found(&home, frames, "lan0", "lan0 is a network card\n")
}

/// A router with a camera VLAN: that is fenced, and not the card that carries it.
#[test]
fn a_vlan_is_found_on_a_router() -> Result<()> {
    if !has_vlans()? {
        return Ok(());
    }
    let lab = Lab::builder()
        .host(Host::new("switch").mac(NAMED).silent().port("lan0").direct(&[]))
        .host(Host::internet_behind_box())
        .build()?;
    let lines = [
        "link add link lan0 name lan0.20 type vlan id 20",
        "link set lan0.20 up",
        "addr add 192.168.20.1/24 dev lan0.20",
    ];
    lab.box_ns().ip_batch(&lines.map(String::from))?;
    let home = Home { lab, bpffs: BpffsRoot::new()? };
    let dhcp = Dhcp::discover(NAMED).hostname("ipcam-7");
    let tagged = Frame::from(NAMED).broadcast().vlan(20).dhcp(&dhcp).build();
    let untagged = Frame::from(ONVIF).arp_announcement("192.168.1.31").build();
    is_found(&home, vec![tagged, untagged], "lan0.20", "lan0.20 is a VLAN\n")
}

/// Fails unless the camera is written, and this interface and no other fenced.
fn is_found(home: &Home, frames: Vec<Vec<u8>>, interface: &str, about: &str) -> Result<()> {
    let camfence = home.unconfigured()?;
    let arguments = [&["init", "--yes"], &LISTEN[..]].concat();
    let report = home.amid(&vec![("switch", frames)], || camfence.json(&arguments))?;
    assert_eq!(report["interfaces"], json!([interface]), "{report}");
    assert_eq!(report["cameras"], json!([{"mac": NAMED.to_string(), "name": "ipcam-7"}]));
    let text = report["text"].as_str().context("the text")?;
    assert!(text.contains(about), "{text}");
    assert!(text.contains("local = [\"192.168.20.0/24\", \"auto\"]"), "{text}");
    assert!(!text.contains(&ONVIF.to_string()), "not on that VLAN: {text}");
    camfence.run(["up"])?.success()?;
    let status = camfence.json(["status"])?;
    assert_eq!(texts(&status["interfaces"], "name"), BTreeSet::from([interface]));
    Ok(())
}
