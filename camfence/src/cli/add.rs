//! `camfence add`

use std::process::ExitCode;

use camfence::{config::edit::NewCamera, operations};
use camfence_common::mac::Mac;
use clap::Args;

use super::{Options, change};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The camera's MAC
    mac: Mac,
    /// A name to know it by
    #[arg(long)]
    name: String,
    /// The profile it follows
    #[arg(long)]
    profile: Option<String>,
}

pub(crate) async fn run(options: &Options, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let camera = NewCamera {
        mac: arguments.mac,
        name: arguments.name.clone(),
        profile: arguments.profile.clone(),
    };
    add(options, &camera).await?;
    Ok(ExitCode::SUCCESS)
}

/// Adds a camera, and says so.
pub(super) async fn add(options: &Options, camera: &NewCamera) -> anyhow::Result<()> {
    let summary = match change::ask(options, &camera.into()).await? {
        Some(summary) => summary,
        None => (&operations::add(&options.fence()?, &options.config, camera).await?).into(),
    };
    let line = format!("added {} ({})", camera.name, camera.mac);
    change::print(&summary, &line, options.json)
}
