//! `camfence remove`

use std::process::ExitCode;

use camfence::{daemon::protocol::Request, operations};
use clap::Args;

use super::{Options, change};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The camera's name or MAC
    #[arg(value_name = "NAME|MAC")]
    camera: String,
}

pub(crate) async fn run(options: &Options, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let camera = &arguments.camera;
    let request = Request::Remove { camera: camera.clone() };
    let summary = match change::ask(options, &request).await? {
        Some(summary) => summary,
        None => (&operations::remove(&options.fence()?, &options.config, camera).await?).into(),
    };
    change::print(&summary, &format!("removed {camera}"), options.json)?;
    Ok(ExitCode::SUCCESS)
}
