//! `camfence replay`

use std::{
    io::{self, IsTerminal as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use camfence::{
    config::Config,
    explain::Explanation,
    replay::{Judged, Replay, ReplayError, ReplayReport},
};
use clap::Args;
use serde::Serialize;

use super::{Options, output, output::counted, progress::Progress, status::print_replayed};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Captures: pcap or pcapng, Ethernet
    #[arg(value_name = "CAPTURE", required = true)]
    captures: Vec<PathBuf>,
    /// Log each verdict as the kernel programs see it
    #[arg(long)]
    pub(crate) kernel_log: bool,
    /// Print a line for each frame of a camera: verdict, reason and rule (with --json, an object a
    /// line and nothing else)
    #[arg(long)]
    each: bool,
}

pub(crate) fn run(options: &Options, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let config = options.load()?;
    let mut replay = Replay::new(&config, arguments.kernel_log)?;
    if arguments.each {
        match run_each(&mut replay, &config, options.json, &arguments.captures) {
            // Nobody reads on, which is theirs to say.
            Err(ReplayError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
                return Ok(ExitCode::SUCCESS);
            }
            done => done?,
        }
        if options.json {
            return Ok(ExitCode::SUCCESS);
        }
        output::line("");
    } else {
        let mut progress = Progress::new();
        for capture in &arguments.captures {
            replay.run(capture, |frames| progress.show(frames))?;
        }
    }
    let report = replay.report()?;
    if options.json {
        output::json(&report)?;
    } else {
        print(&report);
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints a line for each frame that is judged.
fn run_each(
    replay: &mut Replay<'_>,
    config: &Config,
    json: bool,
    captures: &[PathBuf],
) -> Result<(), ReplayError> {
    let mut lines = output::Lines::new();
    // On a terminal the lines are progress enough.
    let mut progress = (!io::stdout().is_terminal()).then(Progress::new);
    let width = config.cameras.iter().map(|camera| camera.name.chars().count()).max();
    let width = width.unwrap_or(0).max(MAC_WIDTH);
    for capture in captures {
        if !json && captures.len() > 1 {
            let name = capture.display().to_string();
            lines.print(format_args!("{}:", name.escape_debug())).map_err(ReplayError::Output)?;
        }
        let each = |judged: &Judged<'_>| {
            let explanation = judged.explain();
            if json {
                let object = Object { capture, frame_number: judged.number, explanation };
                lines.print(format_args!("{}", serde_json::to_string(&object)?))
            } else {
                lines.print(format_args!("{}", row(judged.number, &explanation, width)))
            }
        };
        replay.run_each(capture, each, |frames| {
            if let Some(progress) = &mut progress {
                progress.show(frames);
            }
        })?;
    }
    lines.flush().map_err(ReplayError::Output)?;
    replay.check()
}

/// A line of `--each --json`.
#[derive(Serialize)]
struct Object<'a> {
    #[serde(serialize_with = "lossy")]
    capture: &'a Path,
    frame_number: u64,
    #[serde(flatten)]
    explanation: Explanation,
}

/// A path need not be UTF-8, and a frame of its capture is told of all the same.
fn lossy<S: serde::Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}

/// A line of `--each`. Columns are as wide as what can be in them, since lines are not known
/// beforehand.
fn row(number: u64, explanation: &Explanation, width: usize) -> String {
    let mac = explanation.mac.to_string();
    let name = explanation.camera.as_deref().unwrap_or(&mac);
    let (direction, outcome) = (explanation.direction.name(), explanation.outcome());
    let reason = explanation.reason.map_or("-", |reason| reason.name());
    let rule = explanation.rule.as_ref().map_or_else(|| "built in".into(), ToString::to_string);
    let frame = &explanation.frame;
    format!(
        "{number:>6}  {name:<width$}  {direction:<8}  {outcome:<7}  {reason:<12}  {frame}  [{rule}]"
    )
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
    print_replayed(&report.cameras, report.unknown.as_ref());
}

/// A MAC as text.
const MAC_WIDTH: usize = 17;
