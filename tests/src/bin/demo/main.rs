//! `cargo xtask demo`: a home with IP cameras, before and after camfence, on real sockets.
//!
//! Everything happens in network namespaces of its own, which are gone at the end.

mod acts;
mod counters;
mod plan;
mod report;
mod town;
mod traffic;
mod wire;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use nix::sys::signal::{SigSet, Signal};

use self::report::Report;

fn main() -> ExitCode {
    let mut report = Report::new();
    let outcome = on_ctrl_c().and_then(|stop| acts::play(&mut report, &stop));
    if let Err(error) = outcome {
        report.failed(&format!("{error:#}"));
    }
    report.finish()
}

/// A flag that Ctrl-C sets. The acts look at it, so that ending early cleans up too.
fn on_ctrl_c() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGINT);
    signals.add(Signal::SIGTERM);
    // Threads inherit this, so that only the one below is told.
    signals.thread_block()?;
    let flag = Arc::clone(&stop);
    thread::spawn(move || {
        if signals.wait().is_ok() {
            flag.store(true, Ordering::Relaxed);
        }
    });
    Ok(stop)
}
