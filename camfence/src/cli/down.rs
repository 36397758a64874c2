//! `camfence down`

use std::process::ExitCode;

use serde_json::json;

use super::{Options, output};

pub(crate) async fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let stood = options.fence()?.down().await?;
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
