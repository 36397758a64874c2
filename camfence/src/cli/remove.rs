//! `camfence remove`

use std::process::ExitCode;

use camfence::operations;
use clap::Args;

use super::{Options, change::Summary};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The camera's name or MAC
    #[arg(value_name = "NAME|MAC")]
    camera: String,
}

pub(crate) async fn run(options: &Options, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let done = operations::remove(&options.fence()?, &options.config, &arguments.camera).await?;
    Summary::new(done.report).print(&format!("removed {}", arguments.camera), options.json)?;
    Ok(ExitCode::SUCCESS)
}
