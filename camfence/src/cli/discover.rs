//! `camfence discover`

use std::{ops::RangeInclusive, path::Path, process::ExitCode, time::Duration};

use camfence::{
    config::{Config, DEFAULT_PATH},
    discover::{
        self, Discovery, Inquiry, Site, Step,
        likeness::Likeness,
        report::{Found, FoundPeer},
    },
    kernel::netlink::Netlink,
    printable::Printable,
};
use clap::Args;

use super::{Options, output, progress::Progress};

/// Sources that are shown and look like nothing in particular; all are in the JSON.
const MOST_OTHERS: usize = 50;
/// Longest cell of a table, in characters.
const MOST_CHARS: usize = 32;
/// How long it can listen.
const TIMES: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(1);
/// Peers that are shown of a source.
const MOST_PEERS: usize = 3;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(super) listening: Listening,
    /// Ask on a terminal which to add, and by what name
    #[arg(long)]
    add: bool,
}

/// What `discover` and `init` have in common.
#[derive(Debug, Args)]
pub(crate) struct Listening {
    /// Listen on this interface, a bridge's ports if it is one; may be repeated
    #[arg(long = "interface", value_name = "NAME")]
    pub(super) interfaces: Vec<String>,
    /// How long to listen: 1s to 1h
    #[arg(long = "for", value_name = "TIME", default_value = "10s", value_parser = time)]
    time: Duration,
    /// Ask as well, by WS-Discovery, mDNS and RTSP; without it nothing is sent
    #[arg(long)]
    probe: bool,
}

/// Reads a time to listen.
fn time(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if TIMES.contains(&time) { Ok(time) } else { Err("it has to be 1s to 1h".into()) }
}

pub(crate) async fn run(options: &Options, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if arguments.add
        && let Err(problem) = super::prompt::check("camfence add MAC --name NAME adds one")
    {
        return Ok(super::failure::usage(&problem));
    }
    let config = config(options)?;
    let named = config.as_ref().map(|config| config.fence.interfaces.as_slice());
    let named = named.unwrap_or_default();
    let interfaces = match &arguments.listening.interfaces[..] {
        [] => named,
        interfaces => interfaces,
    };
    let site = Site::look(&Netlink::connect()?).await?;
    let found = look(options, &site, &arguments.listening, interfaces, config.as_ref()).await?;
    if options.json {
        output::json(&found)?;
    } else {
        print(&found, &options.config);
    }
    if arguments.add {
        return super::adding::ask(options, &found).await;
    }
    Ok(ExitCode::SUCCESS)
}

/// The configuration, if there is one.
fn config(options: &Options) -> anyhow::Result<Option<Config>> {
    if options.config.try_exists().is_ok_and(|exists| !exists) {
        return Ok(None);
    }
    options.load().map(Some)
}

/// Listens, and shows on a terminal how far it is.
pub(super) async fn look(
    options: &Options,
    site: &Site,
    listening: &Listening,
    interfaces: &[String],
    config: Option<&Config>,
) -> anyhow::Result<Discovery> {
    let inquiry = Inquiry { interfaces, time: listening.time, probe: listening.probe, config };
    let mut line = Progress::new();
    let show = |step| line.say(&said(step, interfaces));
    let found = discover::discover(&options.fence()?, site, &inquiry, show).await;
    drop(line);
    Ok(found?)
}

fn said(step: Step, interfaces: &[String]) -> String {
    match step {
        Step::Listening { left } => {
            // Rounded up: at the end there is still a moment.
            let left = left + Duration::from_millis(999);
            format!("listening on {}: {} s left", interfaces.join(", "), left.as_secs())
        }
        Step::Asking { addresses } => {
            let of = if addresses == 1 { "address" } else { "addresses" };
            format!("asking {addresses} {of} for RTSP")
        }
    }
}

fn print(discovery: &Discovery, config: &Path) {
    let (others, told): (Vec<&Found>, Vec<&Found>) = discovery
        .sources
        .iter()
        .partition(|found| found.camera.is_none() && found.likeness == Likeness::No);
    let hidden = others.len().saturating_sub(MOST_OTHERS);
    let shown = told.into_iter().chain(others.into_iter().take(MOST_OTHERS));
    let rows: Vec<Vec<String>> =
        shown.enumerate().map(|(index, found)| row(index + 1, found)).collect();
    if rows.is_empty() {
        output::line("nobody was heard");
    } else {
        let header =
            ["", "MAC", "PORT", "VENDOR", "ADDRESS", "NAME", "CAMERA?", "REGISTERED", "TALKS TO"];
        output::table(&header, header.len(), rows);
    }
    if hidden > 0 {
        output::line(&format!(
            "and {hidden} more that do not look like cameras; --json lists them"
        ));
    }
    let commands: Vec<String> =
        discovery.candidates().map(|found| command(found, config)).collect();
    if !commands.is_empty() {
        output::line(&format!("\n{}", commands.join("\n")));
    }
    complain(discovery);
}

/// What was missed, and what could not be done.
pub(super) fn complain(discovery: &Discovery) {
    for notice in &discovery.notices {
        eprintln!("notice: {notice}");
    }
    if discovery.lost > 0 {
        eprintln!("notice: {} frames came too fast to be read", discovery.lost);
    }
    if discovery.left_out > 0 {
        eprintln!(
            "notice: {} times something came of more sources than are kept: somebody makes them up",
            discovery.left_out
        );
    }
}

fn row(number: usize, found: &Found) -> Vec<String> {
    let private = if found.private { "private (randomised)" } else { "" };
    let vendor = found.vendor.as_ref().map_or_else(|| private.to_string(), cut);
    let name =
        found.hostnames.first().or(found.onvif.as_ref().and_then(|onvif| onvif.name.as_ref()));
    vec![
        number.to_string(),
        found.mac.to_string(),
        first_of(&found.interfaces),
        vendor,
        first_of(&found.addresses.iter().map(ToString::to_string).collect::<Vec<_>>()),
        name.map(cut).unwrap_or_default(),
        looks(found),
        found.camera.clone().unwrap_or_default(),
        talks_to(&found.peers),
    ]
}

/// "camera: ONVIF, vendor".
pub(super) fn looks(found: &Found) -> String {
    match &found.signs[..] {
        [] => found.likeness.to_string(),
        signs => format!("{}: {}", found.likeness, signs.join(", ")),
    }
}

/// Peers elsewhere, those with the most bytes.
fn talks_to(peers: &[FoundPeer]) -> String {
    let outside: Vec<&FoundPeer> = peers.iter().filter(|peer| !peer.near).collect();
    let told =
        outside.iter().take(MOST_PEERS).map(|peer| format!("{} {}", peer.peer, peer.service));
    with_more(&told.collect::<Vec<_>>(), outside.len())
}

fn first_of(all: &[String]) -> String {
    with_more(&all[..all.len().min(1)], all.len())
}

fn with_more(shown: &[String], all: usize) -> String {
    let more = all - shown.len();
    let text = shown.join(", ");
    if more == 0 { text } else { format!("{text} +{more}") }
}

/// As much as a table has room for.
fn cut(text: &Printable) -> String {
    let text = text.as_str();
    match text.char_indices().nth(MOST_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into(),
    }
}

/// The command that adds it.
fn command(found: &Found, config: &Path) -> String {
    let name = found.suggested_name.as_deref().unwrap_or_default();
    let option = if config == Path::new(DEFAULT_PATH) {
        String::new()
    } else {
        format!(" --config {}", quoted(&config.to_string_lossy()))
    };
    format!("camfence add {} --name {name}{option}", found.mac)
}

/// As a shell takes it for one word.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    if text.chars().all(is_plain) {
        text.into()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}
