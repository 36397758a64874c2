//! `camfence init`

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use camfence::{
    config::{Config, DEFAULT_PATH},
    discover::Site,
    init::{
        self, InitError,
        place::{self, Candidate},
        text,
    },
    kernel::netlink::Netlink,
};
use clap::Args;
use serde::Serialize;

use super::{Options, discover, failure, output, prompt};

/// Where service managers find the unit.
const UNITS: [&str; 3] = [
    "/etc/systemd/system/camfence.service",
    "/usr/lib/systemd/system/camfence.service",
    "/lib/systemd/system/camfence.service",
];

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    listening: discover::Listening,
    /// Write without asking
    #[arg(long)]
    yes: bool,
    /// Write over a configuration that is there
    #[arg(long)]
    force: bool,
    /// Print what would be written, and write nothing
    #[arg(long, conflicts_with_all = ["yes", "force"])]
    print: bool,
}

/// What `init --json` prints. Others' scripts parse it; its keys do not change.
#[derive(Serialize)]
struct Report<'a> {
    path: &'a Path,
    written: bool,
    interfaces: &'a [String],
    cameras: Vec<Camera<'a>>,
    text: &'a str,
}

#[derive(Serialize)]
struct Camera<'a> {
    mac: String,
    name: &'a str,
}

pub(crate) async fn run(options: &Options, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let path = options.config.as_path();
    if !arguments.print && !arguments.force {
        init::check_absent(path)?;
    }
    if !arguments.print
        && !arguments.yes
        && let Err(problem) = prompt::check("--yes writes without asking, --print only prints")
    {
        return Ok(failure::usage(&problem));
    }
    let (text, config) = compose(options, arguments).await?;
    if !options.json {
        output::line(text.trim_end());
    }
    let write = !arguments.print && (arguments.yes || agreed(path)?);
    if write {
        init::write(path, &text)?;
    }
    if options.json {
        output::json(&report(path, &config, &text, write))?;
    } else if write {
        say_next(path, &config);
    } else if !arguments.print {
        output::line("nothing was written");
    }
    Ok(if write || arguments.print { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn agreed(path: &Path) -> anyhow::Result<bool> {
    Ok(prompt::is_yes(&format!("write this to {}?", path.display()))?)
}

/// Looks around, and puts down what was found.
async fn compose(options: &Options, arguments: &Arguments) -> anyhow::Result<(String, Config)> {
    let site = Site::look(&Netlink::connect()?).await?;
    let listening = &arguments.listening;
    let candidates: Vec<Candidate> = match &listening.interfaces[..] {
        [] => place::candidates(&site),
        names => place::named(&site, names),
    };
    let names: Vec<String> = match &listening.interfaces[..] {
        [] => candidates.iter().map(|one| one.name.clone()).collect(),
        names => names.to_vec(),
    };
    if names.is_empty() {
        return Err(InitError::NoPlace.into());
    }
    let found = discover::look(options, &site, listening, &names, None).await?;
    discover::complain(&found);
    let chosen = if listening.interfaces.is_empty() {
        place::choose(&candidates, &found)
    } else {
        candidates.iter().collect()
    };
    let text = text::configuration(&options.config, &site, &chosen, &found);
    let text = text.context("what was found makes no configuration")?;
    let config = Config::parse(&options.config, &text)?;
    Ok((text, config))
}

fn report<'a>(path: &'a Path, config: &'a Config, text: &'a str, written: bool) -> Report<'a> {
    let camera = |camera: &'a camfence::config::Camera| Camera {
        mac: camera.mac.to_string(),
        name: &camera.name,
    };
    Report {
        path,
        written,
        interfaces: &config.fence.interfaces,
        cameras: config.cameras.iter().map(camera).collect(),
        text,
    }
}

fn say_next(path: &Path, config: &Config) {
    let cameras = output::counted(config.cameras.len(), "camera");
    output::line(&format!("\nwritten to {}: {cameras}", path.display()));
    output::line("next:");
    let default = path == Path::new(DEFAULT_PATH);
    let option = if default { String::new() } else { format!(" --config {}", path.display()) };
    output::line(&format!("  camfence doctor{option}"));
    let is_service = default && UNITS.iter().any(|unit| PathBuf::from(unit).exists());
    if is_service && Path::new("/run/systemd/system").is_dir() {
        output::line("  systemctl enable --now camfence");
    } else {
        output::line(&format!("  camfence up{option}"));
    }
}
