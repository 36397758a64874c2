//! `camfence down`

use std::process::ExitCode;

use camfence::daemon::protocol::Request;
use serde_json::json;

use super::{Options, change, output};

pub(crate) async fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let stood = match change::ask(options, &Request::Down).await? {
        Some(summary) => summary.live,
        None => options.fence()?.down().await?,
    };
    if options.json {
        output::json(&json!({ "stood": stood }))?;
    } else {
        output::line(if stood {
            "the fence is down: cameras can talk to anyone"
        } else {
            "there was no fence"
        });
    }
    Ok(ExitCode::SUCCESS)
}
