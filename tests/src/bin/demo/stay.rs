//! The lab that stays: its cameras go on calling, and whoever is curious looks.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use camfence_tests::cmd::{Daemon, binary};
use camfence_tests::home::await_up;
use camfence_tests::lab::INTERNET_V4;
use camfence_tests::{BpffsRoot, Camfence};

use crate::door::Door;
use crate::plan;
use crate::report::Report;
use crate::town::{CAMERA_NAMES, CONFIG, SKETCH, Town};
use crate::traffic;

/// Who makes the calls of the field report, and the port they are for.
const CALLER: &str = CAMERA_NAMES[0];
const PORT: u16 = 10_240;

/// The camera that is not registered.
const STRANGER: &str = CAMERA_NAMES[2];

/// Ports on the box's loopback.
const METRICS: u16 = 9477;
const PAGE: u16 = 9478;

/// The pause between calls; the text below says so too.
const PAUSE: Duration = Duration::from_secs(5);

/// How often it is looked whether to end.
const TICK: Duration = Duration::from_millis(20);

/// How long `camfence run` may take to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// Puts the fence up and has the cameras call until it shall stop.
pub(crate) fn stay(
    town: &Town,
    bpffs: &BpffsRoot,
    report: &mut Report,
    stop: &Arc<AtomicBool>,
) -> Result<()> {
    report.line(SKETCH);
    let camfence = Camfence::new(town.lab.box_ns(), &config(), bpffs)?
        .using(binary()?.canonicalize().context("the camfence program")?);
    let wrapper = write_wrapper(&camfence)?;
    let (page, metrics) = (Door::open(PAGE)?, Door::open(METRICS)?);
    let mut calls = Calls::new(town, camfence.dir())?;
    let mut daemon = run(&camfence)?;
    thread::scope(|scope| {
        let _over = Over(stop);
        for door in [&page, &metrics] {
            door.pass_on(scope, town.lab.box_ns(), stop);
        }
        calls.write()?;
        invite(report, town, &wrapper, &calls.path, [page.address()?, metrics.address()?]);
        end_on_enter(stop);
        go_on(town, &mut calls, &mut daemon, stop)?;
        report.line("  Removing the lab.");
        let outcome = daemon.stop(PATIENCE)?;
        report.check("camfence run ended as it should", &0, &outcome.code.unwrap_or(-1));
        Ok(())
    })
}

/// That of the acts, with what `camfence run` serves.
fn config() -> String {
    format!(
        "{CONFIG}\n[metrics]\nlisten = \"127.0.0.1:{METRICS}\"\n\n\
         [page]\nlisten = \"127.0.0.1:{PAGE}\"\n"
    )
}

/// Starts the daemon, out of the terminal's reach: Ctrl-C is for the demo, which ends it in turn.
fn run(camfence: &Camfence) -> Result<Daemon> {
    let mut command = camfence.command(["run"])?;
    command.process_group(0);
    await_up(camfence, Daemon::spawn(command)?)
}

/// Tells the doors to close, however their scope is left: it waits for them.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Has the cameras do what they do, over and over.
fn go_on(town: &Town, calls: &mut Calls, daemon: &mut Daemon, stop: &AtomicBool) -> Result<()> {
    let life = plan::daily_life();
    loop {
        calls.make();
        calls.write()?;
        // Whoever looks around may have taken away what this needs.
        let _ = traffic::run(town, &life);
        let next = Instant::now() + PAUSE;
        while Instant::now() < next {
            if stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            ensure!(daemon.is_running()?, "camfence run ended:\n{}", daemon.log()?);
            thread::sleep(TICK);
        }
    }
}

/// Says what there is to try.
fn invite(
    report: &Report,
    town: &Town,
    camfence: &Path,
    sent: &Path,
    [page, metrics]: [SocketAddr; 2],
) {
    let (camfence, sent) = (shell_word(camfence), shell_word(sent));
    let stranger = town.lab.mac(STRANGER);
    report.line(&format!(
        "
  The fence is up, and {CALLER} calls its three clouds on UDP {PORT} every 5 seconds.
  Try in another terminal, as root:

    {camfence} ledger {CALLER}    # whom it talks to
    {camfence} top                # a full screen of what goes on
    {camfence} events --follow    # what happens
    {camfence} add {stranger} --name {STRANGER}    # fence the third camera in
    cat {sent}    # what {CALLER} sent to its clouds, to compare

  The page:     http://{page}/
  The metrics:  http://{metrics}/metrics

  Enter or Ctrl-C ends it and removes everything."
    ));
}

/// Ends the demo when somebody presses Enter. That nobody can is not an error.
fn end_on_enter(stop: &Arc<AtomicBool>) {
    let stop = Arc::clone(stop);
    thread::spawn(move || {
        let mut line = String::new();
        if io::stdin().read_line(&mut line).is_ok_and(|length| length > 0) {
            stop.store(true, Ordering::Relaxed);
        }
    });
}

/// The calls of the field report, counted as they are made.
struct Calls {
    socket: UdpSocket,
    sent: [u64; INTERNET_V4.len()],
    /// Where the counts are told.
    path: PathBuf,
}

impl Calls {
    fn new(town: &Town, dir: &Path) -> Result<Self> {
        let socket = town.host(CALLER).run(|| UdpSocket::bind("0.0.0.0:0"))?;
        Ok(Self { socket, sent: [0; INTERNET_V4.len()], path: dir.join("sent") })
    }

    fn make(&mut self) {
        for (cloud, sent) in INTERNET_V4.iter().zip(&mut self.sent) {
            // One that cannot be made is not counted.
            if self.socket.send_to(b"are you there?", (*cloud, PORT)).is_ok() {
                *sent += 1;
            }
        }
    }

    /// Whoever reads meanwhile finds the old counts or the new ones.
    fn write(&self) -> Result<()> {
        let mut text = String::new();
        for (cloud, sent) in INTERNET_V4.iter().zip(&self.sent) {
            writeln!(text, "{cloud:<13} udp/{PORT}  {sent} packets")?;
        }
        let next = self.path.with_extension("next");
        fs::write(&next, text)?;
        Ok(fs::rename(next, &self.path)?)
    }
}

/// Writes a program that is `camfence` for this lab.
fn write_wrapper(camfence: &Camfence) -> Result<PathBuf> {
    let path = camfence.dir().join("camfence");
    fs::write(&path, script(&camfence.command([""; 0])?))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700))?;
    Ok(path)
}

/// A shell script that becomes a command, with the arguments it is given behind the command's own.
fn script(command: &Command) -> String {
    let set = |(name, value): (&OsStr, Option<&OsStr>)| {
        Some(format!("export {}={}\n", name.display(), shell_word(value?)))
    };
    let variables: String = command.get_envs().filter_map(set).collect();
    let words = [command.get_program()].into_iter().chain(command.get_args());
    let words: Vec<_> = words.map(shell_word).collect();
    format!("#!/bin/sh\n{variables}exec {} \"$@\"\n", words.join(" "))
}

/// A word as a shell reads it; those that it reads as they are stay so.
fn shell_word(word: impl AsRef<OsStr>) -> String {
    let word = word.as_ref().display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-=:,".contains(c);
    if word.chars().all(is_plain) { word } else { format!("'{}'", word.replace('\'', r"'\''")) }
}
