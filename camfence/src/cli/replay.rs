//! `camfence replay`

use std::{
    io::IsTerminal as _,
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use camfence::replay::{Replay, ReplayReport};
use clap::Args;

use super::{Options, output, output::counted, status::print_cameras};

/// How often progress is shown.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Captures: pcap or pcapng, Ethernet
    #[arg(value_name = "CAPTURE", required = true)]
    captures: Vec<PathBuf>,
    /// Log each verdict as the kernel programs see it
    #[arg(long)]
    pub(crate) kernel_log: bool,
}

pub(crate) fn run(options: &Options, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let config = options.load()?;
    let mut replay = Replay::new(&config, arguments.kernel_log)?;
    let mut progress = Progress::new();
    for capture in &arguments.captures {
        replay.run(capture, |frames| progress.show(frames))?;
    }
    drop(progress);
    let report = replay.report()?;
    if options.json {
        output::json(&report)?;
    } else {
        print(&report);
    }
    Ok(ExitCode::SUCCESS)
}

fn print(report: &ReplayReport) {
    output::line(&format!(
        "{} frames; {} ({}) from sources that are no cameras",
        report.frames,
        report.bystanders.packets,
        output::bytes(report.bystanders.bytes),
    ));
    output::line(&format!("{}:", counted(report.cameras.len(), "camera")));
    output::line("");
    print_cameras(&report.cameras);
}

/// A line on stderr, if that is a terminal, that long captures keep up to date.
struct Progress {
    terminal: bool,
    shown: Option<Instant>,
    started: Instant,
}

impl Progress {
    fn new() -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self { terminal, shown: None, started: Instant::now() }
    }

    fn show(&mut self, frames: u64) {
        let since = self.shown.unwrap_or(self.started);
        if self.terminal && since.elapsed() >= PROGRESS_EVERY {
            eprint!("\r{frames} frames");
            self.shown = Some(Instant::now());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown.is_some() {
            eprint!("\r\x1b[K");
        }
    }
}
