//! `camfence close`

use std::process::ExitCode;

use camfence::daemon::protocol::Request;
use clap::Args;

use super::{
    Options,
    open::{carry_out, print},
};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The camera's name or MAC
    #[arg(value_name = "NAME|MAC")]
    camera: String,
}

pub(crate) async fn run(options: &Options, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let camera = &arguments.camera;
    let request = Request::Close { camera: camera.clone() };
    let closed = carry_out(options, &request, camera, None).await?;
    let what = if closed.was_open { "is closed" } else { "was not open" };
    let line = format!("{} {what}", closed.camera);
    print(options, &closed, &line)
}
