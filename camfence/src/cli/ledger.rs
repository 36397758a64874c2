//! `camfence ledger`

use std::{num::NonZero, process::ExitCode};

use camfence::{
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

pub(crate) fn run(options: &Options, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let config = options.load()?;
    let camera = arguments.camera.as_deref();
    let mac = camera.map(|camera| operations::mac_of(&config, camera)).transpose()?;
    let since = arguments.since.map(Into::into);
    let selection = Selection { mac, since, top: arguments.top };
    let contents = options.fence()?.ledger()?;
    let ledger = Ledger::new(&contents, &config, selection, Now::awake());
    if options.json {
        output::json(&ledger)?;
    } else {
        print(&ledger);
    }
    Ok(ExitCode::SUCCESS)
}

fn print(ledger: &Ledger) {
    if ledger.entries.is_empty() {
        output::line("nothing was seen");
    } else {
        let header = [
            "CAMERA",
            "DIRECTION",
            "VERDICT",
            "REASON",
            "PEER",
            "PROTOCOL",
            "PACKETS",
            "BYTES",
            "FIRST SEEN",
            "LAST SEEN",
        ];
        output::table(&header, 6, ledger.entries.iter().map(row).collect());
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

fn row(entry: &Entry) -> Vec<String> {
    let verdict = if entry.verdict == "pass" { "passed" } else { "dropped" };
    let [first, last] = entry.ago.map(output::ago);
    vec![
        entry.camera.clone().unwrap_or_else(|| entry.mac.to_string()),
        entry.direction.into(),
        verdict.into(),
        entry.reason.into(),
        entry.peer.to_string(),
        entry.service.to_string(),
        entry.count.packets.to_string(),
        output::bytes(entry.count.bytes),
        first,
        last,
    ]
}
