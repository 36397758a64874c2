//! `camfence up`

use std::process::ExitCode;

use camfence::{daemon::protocol::Request, fence::Demand, operations};
use clap::Args;

use super::{Options, change, output::counted};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Fence the interfaces that are there, and only say which are not
    #[arg(long)]
    missing_ok: bool,
}

pub(crate) async fn run(options: &Options, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let summary = if let Some(summary) = change::ask(options, &Request::Up).await? {
        summary
    } else {
        let demand = if arguments.missing_ok { Demand::Possible } else { Demand::All };
        (&operations::up(&options.fence()?, &options.config, demand).await?).into()
    };
    let cameras = counted(options.load()?.cameras.len(), "camera");
    change::print(&summary, &format!("the fence is up: {cameras}"), options.json)?;
    Ok(ExitCode::SUCCESS)
}
