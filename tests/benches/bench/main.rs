//! The benchmark: camfence beside what people would use instead. `cargo xtask bench` runs it.
//!
//! A part measures one side of it and gives a [`report::Part`]; [`targets`] judges what was measured.
//! Tables, or JSON, go to standard output; what is being done is told on standard error.

mod arguments;
mod docs;
mod live;
mod machine;
mod packet;
mod peers;
mod report;
mod targets;
mod userspace;
mod wire;

use std::io::{IsTerminal as _, Write as _, stderr, stdout};
use std::process::ExitCode;

use anyhow::{Result, ensure};
use camfence_tests::measure::guard::Guard;
use clap::Parser;

use self::arguments::Arguments;
use self::report::{Part, Report};

/// What measures a part.
type Run = fn(&Plan) -> Result<Part>;

/// The parts, in the order in which they run.
const PARTS: [(&str, Run); 6] = [
    ("packet", packet::run),
    ("veth", wire::veth),
    ("driver", wire::driver),
    ("throughput", wire::throughput::run),
    ("live", live::run),
    ("userspace", userspace::run),
];

const ROUNDS: u32 = 15;
const QUICK_ROUNDS: u32 = 3;
/// Of what is recorded for the guard.
const GUARD_ROUNDS: usize = 25;

/// camfence's benchmark: everything in ratios, measured side by side (needs root).
#[derive(Parser)]
#[command(name = "bench")]
struct CommandLine {
    #[command(flatten)]
    arguments: Arguments,
}

/// How parts are to measure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Rounds of each measurement.
    pub(crate) rounds: usize,
    /// Whether samples may be short: nobody judges the figures.
    pub(crate) quick: bool,
    /// Whether somebody sees what is told.
    is_watched: bool,
}

impl Plan {
    /// Tells what is being done, where somebody watches.
    pub(crate) fn tell(&self, what: &str) {
        if self.is_watched {
            // What cannot be told is no reason to stop.
            let _ = write!(stderr(), "\r\x1b[K{what}");
        }
    }
}

fn main() -> ExitCode {
    match run(&CommandLine::parse().arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<ExitCode> {
    let names: Vec<_> = PARTS.iter().map(|(name, _)| *name).collect();
    for part in &arguments.parts {
        ensure!(names.contains(&part.as_str()), "no part {part}: there are {}", names.join(", "));
    }
    let default = if arguments.quick { QUICK_ROUNDS } else { ROUNDS };
    let rounds = arguments.rounds.unwrap_or(default) as usize;
    let plan = Plan { rounds, quick: arguments.quick, is_watched: stderr().is_terminal() };

    let mut report = Report::new(rounds)?;
    let wanted =
        |name: &str| arguments.parts.is_empty() || arguments.parts.iter().any(|p| p == name);
    for (name, run) in PARTS.into_iter().filter(|(name, _)| wanted(name)) {
        plan.tell(&format!("{name}: setting up"));
        // One part that fails leaves the others their turn.
        report.parts.push(run(&plan).unwrap_or_else(|error| Part::failed(name, &error)));
        plan.tell("");
    }
    report.judged = targets::judge(&report.parts);
    let text = if arguments.json { report.json()? } else { report.tables() };
    stdout().write_all(text.as_bytes())?;
    if arguments.record {
        plan.tell("recording");
        Guard::new()?.record(GUARD_ROUNDS)?.write()?;
        docs::write(&report, arguments.parts.is_empty())?;
        plan.tell("");
    }
    let good = report.is_complete() && (arguments.no_judge || report.is_met());
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
