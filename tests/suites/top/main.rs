//! `camfence top`, at a terminal of 80 columns and 24 rows.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use camfence_tests::terminal::Terminal;
use camfence_tests::{BpffsRoot, Camfence, Frame, Host, Lab, Mac, RawPort, mac};

const CAM: Mac = mac("b0:c5:54:25:5b:0e");
const CAM2: Mac = mac("b0:c5:54:25:5b:1f");
const STRANGER: Mac = mac("02:cf:bb:00:00:01");
const GW: Mac = mac("02:cf:aa:00:00:01");

const ENTER: &str = "\r";
const ESCAPE: &str = "\x1b";
const DOWN: &str = "\x1b[B";
const CTRL_C: &str = "\x03";

/// How long nothing may arrive before everything has.
const QUIET: Duration = Duration::from_millis(40);

struct Home {
    lab: Lab,
    bpffs: BpffsRoot,
}

impl Home {
    fn new() -> Result<Self> {
        let lab = Lab::builder()
            .bridge("br-cam")
            .host(Host::new("driveway").mac(CAM).silent())
            .host(Host::new("garage").mac(CAM2).silent())
            .host(Host::new("stranger").mac(STRANGER).silent())
            .host(Host::new("gw").mac(GW).silent())
            .build()?;
        Ok(Self { lab, bpffs: BpffsRoot::new()? })
    }

    /// A fence where strangers are let through and seen.
    fn fenced(&self) -> Result<Camfence<'_>> {
        let config = format!(
            "[fence]\ninterfaces = [\"br-cam\"]\n\n[interface.{}]\nunknown = \"drop\"\n\n\
             [[camera]]\nmac = \"{CAM}\"\nname = \"driveway\"\n\n\
             [[camera]]\nmac = \"{CAM2}\"\nname = \"garage\"\n",
            self.lab.port("stranger"),
        );
        let camfence = Camfence::new(self.lab.box_ns(), &config, &self.bpffs)?;
        camfence.run(["up"])?.success()?;
        Ok(camfence)
    }

    fn wire(&self, host: &str) -> Result<RawPort> {
        RawPort::open(self.lab.host(host), "eth0")
    }
}

fn top(camfence: &Camfence<'_>, variables: &[(&str, &str)]) -> Result<Terminal> {
    let mut command = camfence.command(["top"])?;
    for variable in ["NO_COLOR", "LC_ALL", "LC_CTYPE", "LANG"] {
        command.env_remove(variable);
    }
    command.envs(variables.iter().copied());
    let top = Terminal::start(command, 80, 24)?;
    top.shows("enforcing")?;
    Ok(top)
}

fn call(from: Mac, to: &str) -> Vec<u8> {
    Frame::from(from).to(GW).ipv4("192.168.1.31", to).udp(5000, 10240).payload(b"hello").build()
}

/// The line of a camera, as words.
fn row<'a>(screen: &'a str, name: &str) -> Vec<&'a str> {
    let line = screen.lines().find(|line| line.starts_with(name));
    line.unwrap_or_default().split_whitespace().collect()
}

fn hears(port: &RawPort) -> Result<bool> {
    Ok(!port.capture_until_quiet(QUIET)?.is_empty())
}

#[test]
fn it_shows_what_cameras_do_and_opens_the_fence() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.fenced()?;
    let (driveway, gw) = (home.wire("driveway")?, home.wire("gw")?);
    let mut top = top(&camfence, &[("LANG", "C.UTF-8")])?;
    ensure!(top.is_alternate());
    let screen = top.shows("garage")?;
    ensure!(screen.starts_with("camfence  4 ports, all enforcing"), "{screen}");

    // What is dropped shows within a second or two.
    for to in ["203.0.113.7", "203.0.113.8", "203.0.113.8"] {
        driveway.send(&call(CAM, to))?;
    }
    ensure!(!hears(&gw)?);
    let screen = top.wait_for("drops", |screen| screen.contains('█'))?;
    ensure!(row(&screen, "driveway").last() == Some(&"█"), "{screen}");
    ensure!(!row(&screen, "garage").contains(&"█"), "{screen}");

    // Whom it wanted to reach.
    top.press(ENTER)?;
    let screen = top.shows("driveway (b0:c5:54:25:5b:0e)")?;
    let flows: Vec<_> = screen.lines().filter(|line| line.starts_with("out ")).collect();
    ensure!(flows.len() == 2 && flows[0].contains("203.0.113.8"), "{screen}");
    let words: Vec<_> = flows[0].split_whitespace().collect();
    assert_eq!(words[..5], ["out", "203.0.113.8", "udp/10240", "not-local", "2"], "{screen}");
    ensure!(screen.contains("udp/10240 to 203.0.113.8"), "{screen}");
    top.press(DOWN)?;
    top.shows("udp/10240 to 203.0.113.7")?;

    // Opened from here, for as long as was typed; and closed again.
    top.press("o")?;
    top.shows("open driveway for: 10m")?;
    top.press("\x7f\x7f\x7f1h")?;
    top.shows("open driveway for: 1h")?;
    top.press(ENTER)?;
    top.shows("driveway is open for 1h")?;
    driveway.send(&call(CAM, "203.0.113.7"))?;
    ensure!(hears(&gw)?, "it is open");
    top.press(ESCAPE)?;
    top.wait_for("a countdown", |screen| row(screen, "driveway").get(1) == Some(&"open"))?;
    top.press("c")?;
    top.shows("driveway is closed")?;
    driveway.send(&call(CAM, "203.0.113.7"))?;
    ensure!(!hears(&gw)?, "it is closed");

    top.press("?")?;
    top.shows("any key goes on")?;
    top.press(" ")?;
    top.wait_for("no help", |screen| !screen.contains("any key goes on"))?;
    top.press("q")?;
    let (code, screen) = top.ended()?;
    ensure!(code == Some(0) && !screen.contains("driveway"), "{code:?} {screen}");
    Ok(())
}

#[test]
fn an_unknown_source_is_made_a_camera() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.fenced()?;
    let stranger = home.wire("stranger")?;
    stranger.send(&call(STRANGER, "203.0.113.7"))?;
    let mut top = top(&camfence, &[])?;
    top.press("u")?;
    top.shows(&STRANGER.to_string())?;
    top.press("a")?;
    top.shows("add 02:cf:bb:00:00:01 as camera: ")?;
    top.press("garage\r")?;
    let screen = top.wait_for("an error", |screen| screen.contains("garage\""))?;
    ensure!(screen.lines().last().is_some_and(|line| line.contains("name")), "{screen}");
    top.press("aporch\r")?;
    top.shows("added porch (02:cf:bb:00:00:01)")?;
    top.press(ESCAPE)?;
    top.shows("porch")?;
    let list = camfence.run(["list"])?.success()?;
    ensure!(list.contains("porch"), "{list}");
    top.press(CTRL_C)?;
    assert_eq!(top.ended()?.0, Some(0));
    Ok(())
}

#[test]
fn it_uses_only_what_the_terminal_has() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.fenced()?;
    let driveway = home.wire("driveway")?;
    for (variables, colours, unicode) in [
        (&[("LANG", "C.UTF-8")][..], true, true),
        (&[("LANG", "C.UTF-8"), ("NO_COLOR", "1")], false, true),
        (&[("LANG", "C")], true, false),
    ] {
        let mut top = top(&camfence, variables)?;
        driveway.send(&call(CAM, "203.0.113.7"))?;
        top.wait_for("drops", |screen| row(screen, "driveway").len() == 6)?;
        top.press("?")?;
        top.shows("any key goes on")?;
        let written = top.written();
        let is_coloured =
            written.windows(5).any(|bytes| bytes == b"\x1b[38;" || bytes == b"\x1b[31m");
        assert_eq!(is_coloured, colours, "{variables:?}");
        assert_eq!(!written.is_ascii(), unicode, "{variables:?}");
    }
    Ok(())
}

#[test]
fn what_is_wrong_is_said_where_it_can_be_read() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.fenced()?;
    let piped = camfence.run(["top"])?;
    ensure!(piped.code == Some(1) && piped.stderr.contains("needs a terminal"), "{piped:?}");
    ensure!(piped.stderr.contains("hint: `camfence status`"), "{piped:?}");

    let top = top(&camfence, &[])?;
    camfence.run(["down"])?.success()?;
    top.shows("no fence stands under")?;
    camfence.run(["up"])?.success()?;
    top.shows("all enforcing")?;
    drop(top);

    camfence.run(["down"])?.success()?;
    let refused = Terminal::start(camfence.command(["top"])?, 80, 24)?;
    let (code, screen) = refused.ended()?;
    ensure!(code == Some(1) && screen.contains("hint: run `camfence up`"), "{code:?} {screen}");
    Ok(())
}

#[test]
fn a_small_window_is_enough() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.fenced()?;
    let mut top = Terminal::start(camfence.command(["top"])?, 40, 8)?;
    top.shows("enforcing")?;
    let screen = top.shows("driveway")?;
    ensure!(screen.lines().all(|line| line.chars().count() <= 40), "{screen}");
    top.press("q")?;
    assert_eq!(top.ended()?.0.context("a code")?, 0);
    Ok(())
}
