//! `camfence ledger`

use std::{num::NonZero, process::ExitCode};

use camfence::{
    daemon::{client, protocol::Request},
    names::NameLine,
    operations,
    telemetry::{
        ledger::{Entry, Evicted, Ledger, Selection},
        now::Now,
    },
};
use clap::Args;

use super::{Options, output};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Only of this camera, by name or MAC
    #[arg(value_name = "NAME|MAC")]
    camera: Option<String>,
    /// Only what was seen in this time, such as 24h
    #[arg(long, value_name = "TIME")]
    since: Option<humantime::Duration>,
    /// Only so many, those with the most bytes; without it, those seen last come first
    #[arg(long, value_name = "N")]
    top: Option<NonZero<usize>>,
}

pub(crate) async fn run(options: &Options, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let config = options.load()?;
    let camera = arguments.camera.as_deref();
    let mac = camera.map(|camera| operations::mac_of(&config, camera)).transpose()?;
    let since = arguments.since.map(Into::into);
    let selection = Selection { mac, since, top: arguments.top };
    let contents = options.fence()?.ledger()?;
    let mut ledger = Ledger::new(&contents, &config, selection, Now::awake());
    ledger.name(&names(options).await);
    if options.json {
        output::json(&ledger)?;
    } else {
        print(&ledger);
    }
    Ok(ExitCode::SUCCESS)
}

/// The names that the daemon knows; without a daemon, or with one that does not say, none.
pub(super) async fn names(options: &Options) -> Vec<NameLine> {
    let asked = client::lines(&options.bpffs, &options.config, &Request::Names).await;
    let mut names = Vec::new();
    let Ok(Some(mut lines)) = asked else { return names };
    while let Ok(Some(line)) = lines.next().await {
        names.extend(serde_json::from_str::<NameLine>(&line));
    }
    names
}

fn print(ledger: &Ledger) {
    if ledger.entries.is_empty() {
        output::line("nothing was seen");
    } else {
        let named = ledger.entries.iter().any(|entry| entry.name.is_some());
        let name: &[&str] = if named { &["NAME"] } else { &[] };
        let header = [
            &["CAMERA", "DIRECTION", "VERDICT", "REASON", "PEER"],
            name,
            &["PROTOCOL", "PACKETS", "BYTES", "FIRST SEEN", "LAST SEEN"],
        ]
        .concat();
        let rows = ledger.entries.iter().map(|entry| row(entry, named));
        output::table(&header, 6 + name.len(), rows.collect());
    }
    let Evicted { entries, count } = ledger.evicted;
    if entries > 0 {
        output::line(&format!(
            "evicted: {} with {} packets, {}; more entries under [ledger] keep more",
            output::counted(usize::try_from(entries).unwrap_or(usize::MAX), "flow"),
            count.packets,
            output::bytes(count.bytes),
        ));
    }
    if ledger.lost.packets > 0 {
        let bytes = output::bytes(ledger.lost.bytes);
        output::line(&format!("lost: {} packets, {bytes}", ledger.lost.packets));
    }
}

fn row(entry: &Entry, named: bool) -> Vec<String> {
    let verdict = if entry.verdict == "pass" { "passed" } else { "dropped" };
    let [first, last] = entry.ago.map(output::ago);
    let name = entry.name.as_ref().map_or_else(|| "-".into(), ToString::to_string);
    let who = [
        entry.camera.clone().unwrap_or_else(|| entry.mac.to_string()),
        entry.direction.into(),
        verdict.into(),
        entry.reason.into(),
        entry.peer.to_string(),
    ];
    let what = [
        entry.service.to_string(),
        entry.count.packets.to_string(),
        output::bytes(entry.count.bytes),
        first,
        last,
    ];
    who.into_iter().chain(named.then_some(name)).chain(what).collect()
}
