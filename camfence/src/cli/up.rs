//! `camfence up`

use std::process::ExitCode;

use camfence::operations;

use super::{Options, change, output::counted};

pub(crate) async fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let done = operations::up(&options.fence()?, &options.config).await?;
    let cameras = counted(done.config.cameras.len(), "camera");
    change::print(&(&done).into(), &format!("the fence is up: {cameras}"), options.json)?;
    Ok(ExitCode::SUCCESS)
}
