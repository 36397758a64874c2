//! `camfence events`

use std::{fmt, io, process::ExitCode};

use camfence::{
    daemon::{
        client,
        protocol::{Failure, Request},
    },
    events::{Event, Kind},
    operations,
};
use camfence_common::mac::Mac;
use clap::Args;

use super::{Options, output};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Go on with what happens from now on
    #[arg(long, short)]
    follow: bool,
    /// Leave out what was dropped, second by second
    #[arg(long)]
    no_drops: bool,
    /// Only of this camera
    #[arg(long, value_name = "NAME|MAC")]
    camera: Option<String>,
}

pub(crate) async fn run(options: &Options, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let camera = match &arguments.camera {
        Some(camera) => Some(operations::mac_of(&options.load()?, camera)?),
        None => None,
    };
    let (follow, drops) = (arguments.follow, !arguments.no_drops);
    let request = Request::Events { follow, drops, since: 0 };
    let asked = client::lines(&options.bpffs, &options.config, &request).await?;
    let Some(mut lines) = asked else { return Err(nobody(options).into()) };
    let mut printer = Printer { out: output::Lines::new(), colored: output::is_colored() };
    while let Some(line) = lines.next().await? {
        let event: Event = serde_json::from_str(&line)?;
        if !is_wanted(&event, camera) {
            continue;
        }
        let result = if options.json {
            printer.out.print(format_args!("{line}"))
        } else {
            printer.print(&event)
        };
        if result.and_then(|()| printer.out.flush()).is_err() {
            // Nobody reads any more.
            break;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether an event is of a camera, or says that some are missing.
fn is_wanted(event: &Event, camera: Option<Mac>) -> bool {
    let is_of = |mac: Mac| event.mac.as_ref().is_some_and(|text| text.parse() == Ok(mac));
    event.event == Kind::Lost || camera.is_none_or(is_of)
}

fn nobody(options: &Options) -> Failure {
    let message = format!("no camfence run serves {}", options.bpffs.display());
    Failure::new(message, "start it: `systemctl start camfence`, or `camfence run`")
}

struct Printer {
    out: output::Lines,
    colored: bool,
}

impl Printer {
    fn print(&mut self, event: &Event) -> io::Result<()> {
        let (begin, end) = if self.colored { (color(event), "\x1b[0m") } else { ("", "") };
        // The time of day, UTC.
        let time = event.time.get(11..19).unwrap_or(&event.time);
        self.out.print(format_args!("{time} {}  {begin}{event}{end}", padded(event.subject())))
    }
}

/// A name, with blanks behind it so that what follows stands below each other.
fn padded(name: &str) -> impl fmt::Display {
    const WIDTH: usize = 12;
    format!("{name:WIDTH$}")
}

/// Red for what wants somebody, yellow for what somebody may want to know.
fn color(event: &Event) -> &'static str {
    match event.event {
        Kind::NotEnforcing | Kind::Repaired | Kind::Lost | Kind::Down => "\x1b[31m",
        Kind::FirstContact | Kind::UnknownSource | Kind::Opened => "\x1b[33m",
        _ => "",
    }
}
