//! Adding what was found, at a terminal.

use anyhow::Result;
use camfence_tests::{Camfence, Frame, Mac, home, terminal::Terminal};
use serde_json::json;

use crate::home::{BOX, Home, ONVIF, PHONE, RTSP, chatter};

const CONFIG: &str = "# mine\n[fence]\ninterfaces = [\"br-cam\"]\nmax_cameras = 64\n";

fn add(home: &Home, camfence: &Camfence<'_>) -> Result<()> {
    let command = camfence.command(["discover", "--for", "1s", "--add"])?;
    let mut terminal = home.amid(&chatter(), || {
        let mut terminal = Terminal::start(command, 200, 60)?;
        terminal.answer("add which", "1")?;
        Ok(terminal)
    })?;
    terminal.answer("name [front-door]?", "")?;
    terminal.answer("add which", &RTSP.to_string())?;
    terminal.answer("name [", "\u{7}")?;
    terminal.answer("name [", "garage")?;
    terminal.answer("add which", "99")?;
    terminal.answer("there is no such line", &PHONE.to_string())?;
    // A name that is taken: the next question comes all the same.
    terminal.answer("name [", "garage")?;
    terminal.answer("add which", "")?;
    let (code, screen) = terminal.ended()?;
    assert_eq!(code, Some(1), "one could not be added: {screen}");
    Ok(())
}

/// What the fence has of the cameras, and whether it drops what they send outside.
fn check(home: &Home, camfence: &Camfence<'_>) -> Result<()> {
    let cameras = camfence.json(["list"])?;
    let camera =
        |mac: Mac, name| json!({"mac": mac.to_string(), "name": name, "profile": "default"});
    assert_eq!(cameras["cameras"], json!([camera(ONVIF, "front-door"), camera(RTSP, "garage")]));
    let text = std::fs::read_to_string(camfence.config_path())?;
    assert!(text.starts_with("# mine\n"), "{text}");
    let outward = Frame::from(RTSP).to(BOX).ipv4("192.168.1.32", "203.0.113.7").udp(5, 10_240);
    home.wire("rtsp")?.send(&outward.build())?;
    let status = camfence.json(["status"])?;
    let garage = &status["cameras"][1];
    assert_eq!(garage["name"], "garage", "{status:#}");
    assert_eq!(garage["outbound"]["dropped"]["packets"], 1, "{status:#}");
    Ok(())
}

#[test]
fn what_is_added_is_live() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.configured(CONFIG)?;
    camfence.run(["up"])?.success()?;
    add(&home, &camfence)?;
    check(&home, &camfence)
}

#[test]
fn what_is_added_is_live_with_a_daemon() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.configured(CONFIG)?;
    let _daemon = home::run(&camfence)?;
    add(&home, &camfence)?;
    check(&home, &camfence)
}
