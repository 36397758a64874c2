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
    let line = match closed.was_open {
        true => format!("{} is closed", closed.camera),
        false => format!("{} was not open", closed.camera),
    };
    print(options, &closed, &line)
}
