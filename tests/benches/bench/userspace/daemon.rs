//! A bridge with a camera behind it, and the daemon that fences it.

use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use camfence_tests::home::{METRICS, get_at};
use camfence_tests::lab::{Bridge, Host};
use camfence_tests::measure::frames::{self, Peer, Shape};
use camfence_tests::{BpffsRoot, Camfence, Lab, RawPort, cmd};

/// Longer than it takes to put a fence up.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a daemon is left alone before it is idle.
pub(super) const SETTLED: Duration = Duration::from_secs(3);

/// Where the page is.
const PAGE: &str = "127.0.0.1:9478";

/// Frames a second.
const RATE: u32 = 200_000;

/// Frames that are made at once.
const BATCH: usize = 10_000;

/// Where the destination is in an IPv4 frame.
const DESTINATION: std::ops::Range<usize> = 30..34;

/// The first of very many destinations.
const FIRST: u32 = 0x0800_0000;

/// A place for a fence.
pub(super) struct Site {
    pub(super) lab: Lab,
    bpffs: BpffsRoot,
}

impl Site {
    pub(super) fn new() -> Result<Self> {
        let camera = Host::new("driveway").mac(frames::camera(0)).ip("192.168.1.31/24");
        let lab = Lab::builder().bridge(Bridge::new("br-cam")).host(camera).build()?;
        Ok(Self { lab, bpffs: BpffsRoot::new()? })
    }

    /// The command line, with a configuration of so many cameras.
    pub(super) fn camfence(&self, cameras: usize, more: &str) -> Result<Camfence<'_>> {
        Camfence::new(self.lab.box_ns(), &config(cameras, more)?, &self.bpffs)
    }

    /// Sends a frame from each of so many cameras to a destination outside.
    pub(super) fn send_from_each(&self, cameras: usize) -> Result<()> {
        let frame = |number| frames::outbound(frames::camera(number), Shape::V4, Peer::Outside);
        let frames: Vec<_> = (0..cameras).map(frame).collect();
        self.send(&frames)
    }

    /// Sends a frame to each of so many destinations outside.
    pub(super) fn send_to_each(&self, destinations: u32) -> Result<()> {
        let mut frame = frames::outbound(frames::camera(0), Shape::V4, Peer::Outside);
        let all: Vec<u32> = (0..destinations).collect();
        for some in all.chunks(BATCH) {
            let frames = some.iter().map(|number| {
                // Checksums are nobody's here.
                frame[DESTINATION].copy_from_slice(&(FIRST + number).to_be_bytes());
                frame.clone()
            });
            self.send(&frames.collect::<Vec<_>>())?;
        }
        Ok(())
    }

    fn send(&self, frames: &[Vec<u8>]) -> Result<()> {
        let wire = RawPort::open(self.lab.host("driveway"), "eth0")?;
        let sent = wire.send_many(frames, frames.len() as u64, RATE)?;
        ensure!(sent.accepted == frames.len() as u64, "{sent:?}");
        Ok(())
    }

    /// Asks for the metrics.
    pub(super) fn scrape(&self) -> Result<()> {
        self.get(METRICS, "/metrics")
    }

    /// Asks for all that somebody who looks at the first camera asks for.
    pub(super) fn look(&self) -> Result<()> {
        let camera = format!("/api/cameras/{}", frames::camera(0));
        self.scrape()?;
        self.get(PAGE, "/api/view")?;
        self.get(PAGE, &format!("{camera}/ledger"))?;
        self.get(PAGE, &format!("{camera}/timeline"))
    }

    fn get(&self, server: &str, path: &str) -> Result<()> {
        let answer = get_at(self.lab.box_ns(), server, path)?;
        ensure!(answer.starts_with("HTTP/1.1 200 "), "{path}: {answer:.200}");
        Ok(())
    }
}

fn config(cameras: usize, more: &str) -> Result<String> {
    let mut text = format!(
        "[fence]\ninterfaces = [\"br-cam\"]\nmax_cameras = {}\n[metrics]\nlisten = \"{METRICS}\"\n\
         [page]\nlisten = \"{PAGE}\"\n{more}",
        cameras.max(1024)
    );
    for number in 0..cameras {
        let mac = frames::camera(number);
        write!(text, "[[camera]]\nmac = \"{mac}\"\nname = \"camera-{number}\"\n")?;
    }
    Ok(text)
}

/// A daemon. Its fence is taken down in the end.
pub(super) struct Daemon<'a> {
    camfence: &'a Camfence<'a>,
    process: cmd::Daemon,
    /// How long it took until the fence was up.
    pub(super) took: Duration,
}

impl<'a> Daemon<'a> {
    /// Starts it, and waits until its fence is up.
    pub(super) fn start(camfence: &'a Camfence<'a>) -> Result<Self> {
        let begun = Instant::now();
        let process = camfence.start(["run"])?;
        process.wait_for_log(PATIENCE, |log| log.contains(" fenced for "))?;
        Ok(Self { camfence, process, took: begun.elapsed() })
    }

    /// A file of its own under `/proc`.
    fn proc(&self, file: &str) -> Result<String> {
        Ok(fs::read_to_string(format!("/proc/{}/{file}", self.process.id()))?)
    }

    /// Bytes of memory, as a line of its status has them.
    pub(super) fn memory(&self, line: &str) -> Result<u64> {
        let status = self.proc("status")?;
        let kib = status.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':'));
        let kib = kib.and_then(|kib| kib.split_whitespace().next()).context(line.to_owned())?;
        Ok(kib.parse::<u64>()? * 1024)
    }

    /// How long its threads have run on a CPU.
    pub(super) fn on_cpu(&self) -> Result<Duration> {
        let mut sum = 0;
        for thread in fs::read_dir(format!("/proc/{}/task", self.process.id()))? {
            // One may have ended meanwhile.
            let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
            sum += text.split_whitespace().next().context("schedstat")?.parse::<u64>()?;
        }
        Ok(Duration::from_nanos(sum))
    }

    /// Has it and its fence end.
    pub(super) fn end(self) -> Result<()> {
        let Self { camfence, process, .. } = self;
        process.stop(PATIENCE)?;
        camfence.run(["down"])?.success()?;
        Ok(())
    }
}
