//! A silent home with a daemon that writes often.

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use camfence_tests::cmd::Daemon;
use camfence_tests::kernel::slowed;
use camfence_tests::{BpffsRoot, Camfence, Frame, Host, Lab, Mac, RawPort, home, mac};
use serde_json::Value;

pub(crate) const CAM: Mac = mac("b0:c5:54:25:5b:0e");
pub(crate) const CAM2: Mac = mac("b0:c5:54:25:5b:0f");

/// The destinations of the field report.
pub(crate) const VENDORS: [&str; 3] = ["203.0.113.7", "198.51.100.23", "192.0.2.90"];

/// How often it writes where a test waits for it.
pub(crate) const OFTEN: &str = "50ms";
/// How often where it should not.
pub(crate) const NEVER: &str = "1h";
/// How long anything may take.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) struct Home {
    pub(crate) lab: Lab,
    pub(crate) bpffs: BpffsRoot,
    driveway: RawPort,
}

impl Home {
    pub(crate) fn new() -> Result<Self> {
        let lab = Lab::builder()
            .bridge("br-cam")
            .host(Host::new("driveway").mac(CAM).silent())
            .host(Host::new("gw").silent())
            .build()?;
        let driveway = RawPort::open(lab.host("driveway"), "eth0")?;
        Ok(Self { lab, bpffs: BpffsRoot::new()?, driveway })
    }

    pub(crate) fn camfence(&self) -> Result<Camfence<'_>> {
        Camfence::new(self.lab.box_ns(), &config(""), &self.bpffs)
    }

    /// Sends so many frames of a camera to each vendor.
    pub(crate) fn send(&self, camera: Mac, frames: u64) -> Result<u64> {
        for vendor in VENDORS {
            let frame = Frame::from(camera).ipv4("192.168.1.31", vendor).udp(5000, 10_240);
            let frame = frame.payload(b"hello").build();
            for _ in 0..frames {
                self.driveway.send(&frame)?;
            }
        }
        Ok(frames * VENDORS.len() as u64)
    }
}

/// A configuration of the bridge and a camera, with more lines.
pub(crate) fn config(more: &str) -> String {
    home::config(&[("driveway", CAM)]) + more
}

/// Starts a daemon that writes so often; the fence is up when this returns.
pub(crate) fn run(camfence: &Camfence, interval: &str) -> Result<Daemon> {
    let mut command = camfence.command(["run"])?;
    command.env("CAMFENCE_HISTORY_INTERVAL", interval);
    let mut daemon = Daemon::spawn(command)?;
    let deadline = Instant::now() + slowed(SOON);
    while !daemon.log()?.contains("fenced for") {
        ensure!(daemon.is_running()? && Instant::now() < deadline, "{}", daemon.log()?);
        thread::sleep(Duration::from_millis(5));
    }
    Ok(daemon)
}

/// The database.
pub(crate) fn database(camfence: &Camfence) -> PathBuf {
    camfence.dir().join("history.redb")
}

/// Packets of cameras that were dropped, as `history` says by each width, which is the same.
pub(crate) fn dropped(camfence: &Camfence) -> Result<u64> {
    let sums = ["5min", "hour", "day"].map(|by| -> Result<u64> {
        let report = camfence.json(["history", "--by", by])?;
        let buckets = report["buckets"].as_array().context("buckets")?;
        let of = |it: &Value| it["outbound"]["dropped"]["packets"].as_u64();
        buckets.iter().map(of).sum::<Option<u64>>().context("packets")
    });
    let [minutes, hours, days] = sums;
    let (minutes, hours, days) = (minutes?, hours?, days?);
    ensure!(minutes == hours && hours == days, "{minutes} {hours} {days}");
    Ok(days)
}

/// Packets that `ledger` tells of, with more arguments; each vendor has as many.
pub(crate) fn told(camfence: &Camfence, arguments: &[&str]) -> Result<u64> {
    let ledger = camfence.json([&["ledger"], arguments].concat())?;
    let entries = ledger["entries"].as_array().context("entries")?;
    let of = |it: &Value| it["packets"].as_u64();
    let packets = entries.iter().map(of).collect::<Option<Vec<u64>>>().context("packets")?;
    ensure!(packets.windows(2).all(|pair| pair[0] == pair[1]), "{ledger}");
    ensure!(packets.is_empty() || packets.len() % VENDORS.len() == 0, "{ledger}");
    Ok(packets.iter().sum())
}

/// Waits until both say so much.
#[track_caller]
pub(crate) fn await_sums(camfence: &Camfence, sum: u64) -> Result<()> {
    let deadline = Instant::now() + slowed(SOON);
    loop {
        let found = (dropped(camfence)?, told(camfence, &[])?);
        if found == (sum, sum) {
            return Ok(());
        }
        ensure!(found.0 <= sum && found.1 <= sum, "{found:?} are more than {sum}");
        ensure!(Instant::now() < deadline, "{found:?}, not {sum}");
        thread::sleep(Duration::from_millis(20));
    }
}
