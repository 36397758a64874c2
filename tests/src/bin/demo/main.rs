//! `cargo xtask demo`: a home with IP cameras, before and after camfence, on real sockets; with
//! `--stay` one that stays, to look around in.
//!
//! Everything happens in network namespaces of its own, which are gone at the end.

mod acts;
mod counters;
mod door;
mod plan;
mod report;
mod stay;
mod town;
mod traffic;
mod wire;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{Result, bail};
use camfence_tests::BpffsRoot;
use camfence_tests::lab::INTERNET;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use self::report::Report;
use self::town::{CAMERA_NAMES, OTHERS, Town};

fn main() -> ExitCode {
    let mut report = Report::new();
    if let Err(error) = play(&mut report) {
        report.failed(&format!("{error:#}"));
    }
    report.finish()
}

/// Builds the lab, plays, then looks whether anything is left.
fn play(report: &mut Report) -> Result<()> {
    let stays = stays()?;
    let stop = on_signals()?;
    let town = Town::build()?;
    let bpffs = BpffsRoot::new()?;
    let left_over = traces(&town, &bpffs);
    let played = if stays {
        stay::stay(&town, &bpffs, report, &stop)
    } else {
        acts::play(&town, &bpffs, report, &stop)
    };
    drop(bpffs);
    drop(town);
    let remain = left_over.iter().filter(|path| path.exists()).count();
    report.check("all namespaces and pins of the demo are gone", &0, &remain);
    played
}

/// Whether `--stay` is given.
fn stays() -> Result<bool> {
    match std::env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [] => Ok(false),
        [argument] if argument == "--stay" => Ok(true),
        others => bail!("unknown arguments {others:?}; there is --stay"),
    }
}

/// What the demo leaves in the file system while it runs.
fn traces(town: &Town, bpffs: &BpffsRoot) -> Vec<PathBuf> {
    let hosts = CAMERA_NAMES.iter().chain(&OTHERS).map(|name| town.host(name).path());
    let rest = [town.lab.box_ns().path(), town.host(INTERNET).path(), bpffs.path().to_owned()];
    hosts.chain(rest).collect()
}

/// A flag that is set when the demo shall end: by Ctrl-C, a terminal that closes, or `kill`. It is
/// looked at, so that ending early cleans up too.
fn on_signals() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let flag = Arc::clone(&stop);
    thread::spawn(move || {
        for _ in signals.forever() {
            flag.store(true, Ordering::Relaxed);
        }
    });
    Ok(stop)
}
