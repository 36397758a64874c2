//! `camfence ledger`

use std::{collections::BTreeMap, num::NonZero, process::ExitCode};

use camfence::{
    daemon::{client, protocol::Request},
    fence::{Fence, FenceError},
    history::{
        query::{Joined, Span},
        store::Reader,
    },
    kernel::KernelError,
    names::NameLine,
    networks::{Network, Networks},
    operations,
    telemetry::{
        ledger::{Context, Entry, Evicted, Ledger, Selection, spans},
        now::Now,
    },
};
use camfence_common::{
    flow::{FlowKey, Missing},
    mac::Mac,
};
use clap::Args;

use super::{Options, output, past};

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
    /// Only what the kernel has, without the history
    #[arg(long)]
    live: bool,
}

pub(crate) async fn run(options: &Options, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let config = options.load()?;
    let camera = arguments.camera.as_deref();
    let mac = camera.map(|camera| operations::mac_of(&config, camera)).transpose()?;
    let since = arguments.since.map(Into::into);
    let selection = Selection { mac, since, top: arguments.top };
    let networks = past::networks(&config);
    let reader = if arguments.live { None } else { past::open_if_any(&config) };
    let (flows, missing) = if let Some(reader) = &reader {
        joined(reader, &options.fence()?, mac)?
    } else {
        let contents = options.fence()?.ledger()?;
        (spans(&contents, Now::awake()), contents.missing)
    };
    let last_names = reader.map_or(Ok(BTreeMap::new()), |reader| reader.names())?;
    let now = Now::awake().since_epoch();
    let context = Context { config: &config, last_names, networks: &networks, now };
    let mut ledger = Ledger::new(&flows, &missing, selection, &context);
    ledger.name(&names(options).await);
    if options.json {
        output::json(&ledger)?;
    } else {
        print(&ledger, &networks);
    }
    Ok(ExitCode::SUCCESS)
}

/// What the history has and what the kernel counted since. Without a fence, only the history.
fn joined(
    reader: &Reader,
    fence: &Fence,
    mac: Option<Mac>,
) -> anyhow::Result<(BTreeMap<FlowKey, Span>, Missing)> {
    let (mut missing, mut failure) = (Missing::default(), None);
    let joined = Joined::new(reader, || match fence.reading() {
        Ok(reading) => {
            missing = reading.ledger.missing;
            Some(reading)
        }
        Err(FenceError::Kernel(KernelError::Down { .. })) => None,
        Err(error) => {
            failure = Some(error);
            None
        }
    })?;
    if let Some(error) = failure {
        return Err(error.into());
    }
    Ok((joined.flows(mac)?, missing))
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

fn print(ledger: &Ledger, networks: &Networks) {
    if ledger.entries.is_empty() {
        output::line("nothing was seen");
    } else {
        let columns = Columns {
            name: ledger.entries.iter().any(|entry| entry.name.is_some()),
            country: networks.has_countries(),
            network: networks.has_networks(),
        };
        let mut header = vec!["CAMERA", "DIRECTION", "VERDICT", "REASON", "PEER"];
        header.extend(columns.name.then_some("NAME"));
        header.extend(columns.country.then_some("COUNTRY"));
        header.extend(columns.network.then_some("NETWORK"));
        header.push("PROTOCOL");
        let left = header.len();
        header.extend(["PACKETS", "BYTES", "FIRST SEEN", "LAST SEEN"]);
        let rows = ledger.entries.iter().map(|entry| row(entry, columns));
        output::table(&header, left, rows.collect());
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

/// Columns that are there only if there is something to say.
#[derive(Clone, Copy)]
struct Columns {
    name: bool,
    country: bool,
    network: bool,
}

fn row(entry: &Entry, columns: Columns) -> Vec<String> {
    let verdict = if entry.verdict == "pass" { "passed" } else { "dropped" };
    let [first, last] = entry.ago.map(output::ago);
    let camera = entry.camera.clone().or_else(|| entry.last_name.clone());
    let mut row = vec![
        camera.unwrap_or_else(|| entry.mac.to_string()),
        entry.direction.into(),
        verdict.into(),
        entry.reason.into(),
        entry.peer.to_string(),
    ];
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".into());
    if columns.name {
        row.push(or_none(entry.name.as_ref().map(ToString::to_string)));
    }
    if columns.country {
        row.push(or_none(entry.country.as_ref().map(ToString::to_string)));
    }
    if columns.network {
        row.push(or_none(entry.network.as_ref().map(owner)));
    }
    row.extend([
        entry.service.to_string(),
        entry.count.packets.to_string(),
        output::bytes(entry.count.bytes),
        first,
        last,
    ]);
    row
}

/// Whose a network is, or its number.
fn owner(Network { asn, owner }: &Network) -> String {
    if owner.is_empty() { format!("AS{asn}") } else { owner.to_string() }
}
