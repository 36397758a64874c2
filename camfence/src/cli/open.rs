//! `camfence open`

use std::process::ExitCode;

use anyhow::Context as _;
use camfence::{
    daemon::protocol::{OpenedSummary, Request},
    opening::OpenTime,
    operations,
};
use clap::{
    Args,
    error::{ContextKind, ContextValue},
};
use serde_json::json;

use super::{Options, change, output};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The camera's name or MAC
    #[arg(value_name = "NAME|MAC")]
    camera: String,
    /// For how long, such as 10m: 1s to 24h, after which it closes by itself
    #[arg(long = "for", value_name = "TIME")]
    time: OpenTime,
}

pub(crate) async fn run(options: &Options, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { camera, time } = arguments;
    let request = Request::Open { camera: camera.clone(), seconds: time.seconds() };
    let opened = carry_out(options, &request, camera, Some(*time)).await?;
    let line = format!("{} is open for {time}; it closes by itself", opened.camera);
    print(options, &opened, &line)
}

/// Opens or closes: by the daemon if there is one, else here.
pub(crate) async fn carry_out(
    options: &Options,
    request: &Request,
    camera: &str,
    time: Option<OpenTime>,
) -> anyhow::Result<OpenedSummary> {
    match change::ask(options, request).await? {
        Some(summary) => summary.opened.context("the daemon did not say what it opened"),
        None => {
            Ok((&operations::open(&options.fence()?, &options.config, camera, time).await?).into())
        }
    }
}

pub(crate) fn print(
    options: &Options,
    opened: &OpenedSummary,
    line: &str,
) -> anyhow::Result<ExitCode> {
    if options.json {
        let OpenedSummary { camera, mac, open_seconds, .. } = opened;
        output::json(&json!({ "camera": camera, "mac": mac, "open_seconds": open_seconds }))?;
    } else {
        output::line(line);
    }
    Ok(ExitCode::SUCCESS)
}

/// Says to who gave no time why one is needed.
pub(crate) fn explain(mut error: clap::Error) -> clap::Error {
    let lacks_time = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::Strings(lacking)) => lacking.iter().any(|arg| arg.contains("--for")),
        _ => false,
    };
    if lacks_time {
        let tip = "a fence that is opened without an end stays open; --for 10m closes it again";
        let tips = ContextValue::StyledStrs(vec![tip.into()]);
        error.insert(ContextKind::Suggested, tips);
    }
    error
}
