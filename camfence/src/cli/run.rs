//! `camfence run`

use std::process::ExitCode;

use camfence::daemon;

use super::Options;

pub(crate) async fn run(options: &Options) -> anyhow::Result<ExitCode> {
    daemon::run(options.fence()?, &options.config, &options.bpffs).await?;
    Ok(ExitCode::SUCCESS)
}
