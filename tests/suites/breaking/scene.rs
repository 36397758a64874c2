//! The fence that is being broken, its daemon, and what has to hold after each blow.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use camfence_tests::cmd::{Daemon, Outcome};
use camfence_tests::{BpffsRoot, Camfence, Lab};
use fastrand::Rng;
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::books::{Books, Expect};
use crate::disk::Disk;
use crate::home::{self, BRIDGES, CAMERAS, METRICS};
use crate::pins::{Pinned, pins};
use crate::stamp::Kind;
use crate::traffic::Traffic;
use crate::windows::{Why, Windows};

/// How long a daemon may take to start, and a fence to be whole again.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// How far the daemon's account of a time may be off.
const TOLERANCE: Duration = Duration::from_millis(25);
/// For how long calls away have to be dropped before a port counts as fenced again.
const QUIET: u64 = 250_000_000;

pub(crate) const EXACT: [Expect; 3] = [Expect::Exact; 3];

/// A fence under fire.
pub(crate) struct Scene<'a> {
    pub(crate) lab: &'a Lab,
    pub(crate) bpffs: &'a BpffsRoot,
    pub(crate) traffic: &'a Traffic<'a>,
    // Dropped in this order: the configuration's directory is the disk's mount point.
    pub(crate) daemon: Option<Daemon>,
    pub(crate) disk: Disk,
    pub(crate) camfence: Camfence<'a>,
    /// What daemons that have ended had printed.
    pub(crate) past_logs: String,
    pub(crate) windows: Windows,
    pub(crate) books: Books,
    pub(crate) rng: Rng,
    pub(crate) tcx: bool,
    /// The two builds, and which of them is in use.
    pub(crate) builds: [PathBuf; 2],
    pub(crate) build: usize,
    pub(crate) max_cameras: u32,
    /// For how long ports were not fenced by the daemon's own account.
    pub(crate) accounts: Vec<(&'static str, Duration)>,
    /// How often it told of less than was measured.
    pub(crate) understated: u32,
    /// The action that is under way.
    pub(crate) action: &'static str,
}

impl Scene<'_> {
    /// A moment of random length, to be somewhere else in time.
    pub(crate) fn moment(&mut self) {
        thread::sleep(Duration::from_millis(self.rng.u64(0..120)));
    }

    /// One of the cameras.
    pub(crate) fn any_camera(&mut self) -> usize {
        self.rng.usize(0..CAMERAS.len())
    }

    /// The name of a camera's port.
    pub(crate) fn port(&self, camera: usize) -> &str {
        self.lab.port(CAMERAS[camera].name)
    }

    /// Expects exact counters of all cameras but one.
    pub(crate) fn all_but(camera: usize, expect: Expect) -> [Expect; 3] {
        let mut expects = EXACT;
        expects[camera] = expect;
        expects
    }

    /// The configuration as it should be.
    pub(crate) fn configure(&self) -> Result<()> {
        self.camfence.configure(&home::config(self.max_cameras))
    }

    /// Runs a verb to its end.
    pub(crate) fn verb(&self, arguments: &[&str]) -> Result<Outcome> {
        self.camfence.run(self.options().into_iter().chain(arguments.iter().copied()))
    }

    /// Runs a verb that has to succeed.
    pub(crate) fn must(&self, arguments: &[&str]) -> Result<()> {
        self.verb(arguments)?.success().map(drop).with_context(|| format!("{arguments:?}"))
    }

    /// Runs a verb that has to fail, with one line and a hint at the most.
    pub(crate) fn refuse(&self, arguments: &[&str]) -> Result<Outcome> {
        let outcome = self.verb(arguments)?;
        let lines: Vec<_> = outcome.stderr.lines().collect();
        let plain = match lines.as_slice() {
            [error, hint] => error.starts_with("error: ") && hint.starts_with("hint: "),
            // One of the configuration shows where.
            [error, ..] => error.starts_with("error: "),
            [] => false,
        };
        ensure!(outcome.code == Some(1) && plain, "{arguments:?}: {outcome:?}");
        Ok(outcome)
    }

    /// What `status --json` says.
    pub(crate) fn status(&self) -> Result<Value> {
        self.camfence.json(self.options().into_iter().chain(["status"]))
    }

    /// Starts the daemon; it serves when this returns.
    pub(crate) fn start(&mut self) -> Result<()> {
        self.camfence.set_program(&self.builds[self.build]);
        let daemon = self.camfence.start(self.options().into_iter().chain(["run"]))?;
        let daemon = self.daemon.insert(daemon);
        let deadline = Instant::now() + PATIENCE;
        while connect(&self.camfence).is_err() {
            ensure!(daemon.is_running()?, "the daemon has ended");
            ensure!(Instant::now() < deadline, "the daemon does not serve");
            thread::sleep(Duration::from_millis(3));
        }
        // The reload waits for the start.
        self.must(&["reload"])
    }

    /// Ends the daemon: SIGKILL, or SIGTERM and what comes of it.
    pub(crate) fn end(&mut self, signal: Signal) -> Result<()> {
        let daemon = self.daemon.take().context("no daemon runs")?;
        if signal == Signal::SIGTERM {
            let outcome = daemon.stop(PATIENCE)?;
            self.past_logs += &outcome.stderr;
            ensure!(outcome.code == Some(0), "{outcome:?}");
        } else {
            self.past_logs += &daemon.log()?;
            daemon.signal(signal)?;
        }
        Ok(())
    }

    /// The daemon that runs.
    pub(crate) fn daemon(&mut self) -> Result<&mut Daemon> {
        self.daemon.as_mut().context("no daemon runs")
    }

    /// All that daemons have printed.
    pub(crate) fn log(&self) -> String {
        let now = self.daemon.as_ref().and_then(|daemon| daemon.log().ok()).unwrap_or_default();
        format!("{}{now}", self.past_logs)
    }

    /// Opens a window for a camera.
    pub(crate) fn open_window(&mut self, camera: usize, why: Why) {
        self.windows.open(self.traffic, self.action, camera, why);
    }

    /// Waits until the calls to and from a camera are dropped again, and closes its windows.
    pub(crate) fn await_fenced(&mut self, camera: usize) -> Result<()> {
        let traffic = self.traffic;
        let deadline = Instant::now() + PATIENCE;
        let begin = traffic.now();
        let sent = || [Kind::Away, Kind::Inbound].map(|kind| traffic.camera(camera).sent(kind));
        let mut before = sent();
        loop {
            thread::sleep(Duration::from_millis(20));
            let leaks = traffic.leaks();
            let of_camera = leaks.iter().filter(|leak| usize::from(leak.stamp.camera) == camera);
            let last = of_camera.map(|leak| leak.stamp.sent_at).max().unwrap_or(0);
            if last.max(begin) + QUIET < traffic.now() {
                let now = sent();
                // That nothing was sent proves nothing.
                if now.iter().zip(before).all(|(now, before)| *now > before + 50) {
                    break;
                }
            } else {
                before = sent();
            }
            ensure!(Instant::now() < deadline, "{} is not fenced again", CAMERAS[camera].name);
        }
        self.windows.close(traffic, camera);
        Ok(())
    }

    /// Waits until `status` says that all ports are enforcing.
    pub(crate) fn await_enforcing(&self) -> Result<Value> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let status = self.status();
            match status {
                Ok(status) if enforcing(&status) => return Ok(status),
                Ok(status) if Instant::now() > deadline => {
                    bail!("not all ports are enforcing: {}", status["interfaces"]);
                }
                Err(error) if Instant::now() > deadline => return Err(error),
                _ => thread::sleep(Duration::from_millis(100)),
            }
        }
    }

    /// Waits until the pins are there again, and all ports are enforcing.
    pub(crate) fn await_whole(&self) -> Result<()> {
        self.wait("there are pins missing", |scene| {
            let root = scene.bpffs.path();
            let missing = [Pinned::Maps, Pinned::Programs].map(|of| pins(root, of));
            // One may vanish while they are listed.
            Ok(missing.into_iter().flatten().filter(|pins| !pins.is_empty()).count() == 2)
        })?;
        self.await_enforcing().map(drop)
    }

    /// Waits for something.
    pub(crate) fn wait(&self, otherwise: &str, done: impl Fn(&Self) -> Result<bool>) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !done(self)? {
            ensure!(Instant::now() < deadline, "{otherwise}");
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Checks all that has to hold once an action is over.
    pub(crate) fn check(&mut self, expects: [Expect; 3]) -> Result<()> {
        let traffic = self.traffic;
        traffic.health()?;
        ensure!(self.daemon()?.is_running()?, "the daemon has ended");
        self.await_enforcing()?;
        traffic.pause()?;
        let bystander = traffic.bystander.sent();
        let status = self.status()?;
        let leaks = traffic.leaks();
        self.windows.judge(&leaks)?;
        self.books.compare(traffic, &leaks, &status, expects)?;
        traffic.resume()?;
        self.wait("frames of the bystander are missing", |scene| {
            Ok(scene.traffic.bystander.has_all_below(bystander))
        })
    }

    /// Frames to the sink that the kernel had no room for.
    pub(crate) fn overrun(&self) -> Result<u64> {
        let stats = self.lab.box_ns().link_stats(self.lab.port("sink"))?;
        Ok(stats["tx"]["dropped"].as_u64().unwrap_or_default())
    }

    /// For how long ports were not fenced, all together, by the daemon's metrics.
    pub(crate) fn unfenced(&self) -> Result<Duration> {
        let mut stream = self.lab.box_ns().run(|| TcpStream::connect(METRICS))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(format!("GET /metrics HTTP/1.1\r\nHost: {METRICS}\r\n\r\n").as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let series = "camfence_unfenced_seconds_total{";
        let lines = answer.lines().filter(|line| line.starts_with(series));
        let values = lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok());
        Ok(Duration::from_secs_f64(values.sum()))
    }

    /// Notes what has come to it since, which must be no less than what got through.
    pub(crate) fn note_unfenced(&mut self, before: Duration) -> Result<()> {
        let measured = self.windows.durations(&self.traffic.leaks()).pop();
        let (_, measured) = measured.context("no window was opened")?;
        // It tells once it has tried what it attached, which takes it a moment.
        let deadline = Instant::now() + Duration::from_secs(2);
        let mut told = Duration::ZERO;
        while told + TOLERANCE < measured && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(50));
            told = self.unfenced()?.saturating_sub(before);
        }
        self.understated += u32::from(told + TOLERANCE < measured);
        told = self.unfenced()?.saturating_sub(before);
        self.accounts.push((self.action, told));
        Ok(())
    }

    /// Moves a camera's port to a bridge.
    pub(crate) fn move_to(&self, camera: usize, bridge: usize) -> Result<()> {
        let port = self.port(camera);
        self.lab.box_ns().ip(&format!("link set {port} master {}", BRIDGES[bridge]))?;
        self.traffic.camera(camera).bridge.store(bridge, std::sync::atomic::Ordering::SeqCst);
        Ok(())
    }

    fn options(&self) -> Vec<&'static str> {
        if self.tcx { vec![] } else { vec!["--without-tcx"] }
    }
}

fn enforcing(status: &Value) -> bool {
    let ports = status["interfaces"].as_array();
    ports.is_some_and(|ports| !ports.is_empty() && ports.iter().all(|p| p["enforcing"] == true))
}

/// The daemon's control socket, when somebody listens.
pub(crate) fn connect(camfence: &Camfence) -> Result<UnixStream> {
    let files = fs::read_dir(camfence.dir())?.flatten().map(|entry| entry.path());
    let socket = files.into_iter().find(|path| path.extension() == Some("sock".as_ref()));
    Ok(UnixStream::connect(socket.context("no socket")?)?)
}
