//! `camfence reload`

use std::process::ExitCode;

use camfence::{daemon::protocol::Request, fence::Demand, operations};

use super::{Options, change, output::counted};

pub(crate) async fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let summary = match change::ask(options, &Request::Reload).await? {
        Some(summary) => summary,
        None => {
            (&operations::reload(&options.fence()?, &options.config, Demand::All).await?).into()
        }
    };
    let cameras = counted(options.load()?.cameras.len(), "camera");
    change::print(&summary, &format!("reloaded: {cameras}"), options.json)?;
    Ok(ExitCode::SUCCESS)
}
