//! `camfence explain`

use std::{net::IpAddr, process::ExitCode};

use camfence::explain::Question;
use clap::Args;

use super::{Options, failure, output};

/// Nothing is asked of the kernel: the configuration alone is judged by, so that a fence that was
/// opened, or that "auto" adds to, is not seen.
#[derive(Debug, Args)]
#[command(override_usage = "\
camfence explain [OPTIONS] CAMERA to ADDRESS [PROTO[/PORT]] [asking NAME]
       camfence explain [OPTIONS] CAMERA from ADDRESS [PROTO[/PORT]]")]
pub(crate) struct Arguments {
    /// A camera's name or a MAC, and the other end: `driveway to 8.8.8.8 udp/53`. The port is the
    /// other end's; protocols are written as in allowances
    #[arg(value_name = "WORDS", required = true)]
    words: Vec<String>,
    /// The camera's own address, if it matters
    #[arg(long, value_name = "ADDRESS")]
    source: Option<IpAddr>,
}

pub(crate) fn run(options: &Options, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let question = match Question::parse(&arguments.words, arguments.source) {
        Ok(question) => question,
        Err(problem) => return Ok(failure::usage(&problem)),
    };
    let explanation = question.answer(&options.load()?)?;
    if options.json {
        output::json(&explanation)?;
    } else {
        output::line(&explanation.to_string());
    }
    Ok(ExitCode::SUCCESS)
}
