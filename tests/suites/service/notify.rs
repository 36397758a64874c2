//! What the service manager is told, on a socket like its own.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use camfence_tests::cmd::Daemon;
use camfence_tests::home::{Home, SOON};
use camfence_tests::{Camfence, home};
use nix::sys::signal::Signal;

/// The manager's end.
struct Manager(UnixDatagram);

impl Manager {
    /// Starts the daemon with this manager, which wants a sign of life so often.
    fn start(camfence: &Camfence, watchdog: Option<Duration>) -> Result<(Self, Daemon)> {
        let path = camfence.dir().join("notify");
        let socket = UnixDatagram::bind(&path)?;
        let mut command = camfence.command(["run"])?;
        command.env("NOTIFY_SOCKET", &path).env_remove("WATCHDOG_PID");
        if let Some(watchdog) = watchdog {
            command.env("WATCHDOG_USEC", watchdog.as_micros().to_string());
        }
        Ok((Self(socket), Daemon::spawn(command)?))
    }

    /// The next message.
    fn next(&self, patience: Duration) -> Result<String> {
        self.0.set_read_timeout(Some(patience))?;
        let mut message = [0; 4096];
        let length = self.0.recv(&mut message)?;
        Ok(String::from_utf8(message[..length].to_vec())?)
    }

    /// Waits for a message that has a line; gives it.
    fn wait_for(&self, line: &str) -> Result<String> {
        let deadline = Instant::now() + SOON;
        while Instant::now() < deadline {
            let message = self.next(SOON)?;
            if message.lines().any(|have| have == line) {
                return Ok(message);
            }
            ensure!(message.contains("WATCHDOG=1"), "before {line}: {message}");
        }
        bail!("no {line}");
    }
}

#[test]
fn it_is_ready_when_the_fence_is_up() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence()?;
    let (manager, daemon) = Manager::start(&camfence, None)?;
    let ready = manager.wait_for("READY=1")?;
    home.assert_fenced(&["driveway"])?;
    ensure!(ready.contains("STATUS=br-cam fenced for 1 cameras, attached to"), "{ready}");

    daemon.signal(Signal::SIGHUP)?;
    let reloading = manager.wait_for("RELOADING=1")?;
    ensure!(reloading.contains("MONOTONIC_USEC="), "{reloading}");
    ensure!(manager.wait_for("READY=1")?.contains("STATUS=br-cam fenced for 1 cameras"));

    camfence.configure("[fence\n")?;
    daemon.signal(Signal::SIGHUP)?;
    manager.wait_for("RELOADING=1")?;
    let failed = manager.wait_for("READY=1")?;
    ensure!(failed.contains("STATUS=reload failed; the fence stands as it did"), "{failed}");

    daemon.signal(Signal::SIGTERM)?;
    manager.wait_for("STOPPING=1")?;
    ensure!(daemon.ended(SOON)?.code == Some(0));
    home.assert_fenced(&["driveway"])
}

#[test]
fn without_a_fence_it_is_never_ready() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence()?;
    camfence.configure("[fence]\ninterfaces = [\"br-cam\"]\nmistake = 1\n")?;
    let (manager, daemon) = Manager::start(&camfence, None)?;
    ensure!(daemon.ended(SOON)?.code == Some(1));
    let said = manager.next(Duration::from_millis(100));
    ensure!(!said.as_ref().is_ok_and(|said| said.contains("READY")), "{said:?}");
    Ok(())
}

#[test]
fn it_gives_signs_of_life_at_half_the_interval() -> Result<()> {
    const WATCHDOG: Duration = Duration::from_secs(1);
    let home = Home::new()?;
    let camfence = home.camfence()?;
    let (manager, daemon) = Manager::start(&camfence, Some(WATCHDOG))?;
    manager.wait_for("READY=1")?;
    let start = Instant::now();
    for _ in 0..4 {
        ensure!(manager.next(WATCHDOG)?.contains("WATCHDOG=1"));
    }
    ensure!(start.elapsed() > WATCHDOG, "{:?}: too often", start.elapsed());

    // A process that no longer runs gives none.
    daemon.signal(Signal::SIGSTOP)?;
    while manager.next(Duration::from_millis(50)).is_ok() {}
    manager.next(WATCHDOG * 2).expect_err("it is stopped");
    daemon.signal(Signal::SIGCONT)?;
    ensure!(manager.next(WATCHDOG * 2)?.contains("WATCHDOG=1"));
    Ok(())
}

#[test]
fn a_manager_that_is_gone_is_no_reason_to_end() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence()?;
    let (manager, mut daemon) = Manager::start(&camfence, Some(Duration::from_millis(200)))?;
    manager.wait_for("READY=1")?;
    drop(manager);
    fs::remove_file(camfence.dir().join("notify"))?;
    daemon.wait_for_log(SOON, |log| log.contains("cannot tell the service manager"))?;
    assert!(daemon.is_running()?);
    ensure!(home::ask(&camfence, serde_json::json!({"verb": "reload"}))?["ok"].is_object());
    home.assert_fenced(&["driveway"])
}
