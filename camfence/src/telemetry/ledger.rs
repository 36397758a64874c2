//! What `ledger` prints: whom cameras talked to.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    fmt,
    net::IpAddr,
    num::NonZero,
    time::Duration,
};

use camfence_common::{
    flow::{Flow, FlowKey, Missing},
    mac::Mac,
    wire::extension::Protocol,
};
use serde::{Deserialize, Serialize};

use super::{
    now::{Now, timestamp},
    report::Count,
};
use crate::{
    config::Config,
    history::query::Span,
    kernel::ledger::Contents,
    names::NameLine,
    networks::{Network, Networks},
    printable::Printable,
};

/// Which flows are asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Selection {
    /// Those of a camera, or of one that was.
    pub mac: Option<Mac>,
    /// Those that were seen in this time.
    pub since: Option<Duration>,
    /// So many, those with the most bytes. Without it all, those seen last first.
    pub top: Option<NonZero<usize>>,
}

/// What flows are told with.
#[derive(Debug)]
pub struct Context<'a> {
    /// The cameras' names.
    pub config: &'a Config,
    /// The last known names, of those too that are not registered any more.
    pub last_names: BTreeMap<Mac, String>,
    /// What is known of addresses.
    pub networks: &'a Networks,
    /// The moment at which it is told, since 1970.
    pub now: Duration,
}

/// What `ledger --json` prints. Others' scripts parse it; its keys do not change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ledger {
    /// The flows.
    pub entries: Vec<Entry>,
    /// What the kernel's table had no room for any more.
    pub evicted: Evicted,
    /// What never came to the kernel's table.
    pub lost: Count,
}

/// A flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The camera's name; null if it is not registered any more.
    pub camera: Option<String>,
    /// Its last known name, if it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    /// Its MAC.
    #[serde(serialize_with = "crate::telemetry::as_text")]
    pub mac: Mac,
    /// Which way its packets go.
    pub direction: &'static str,
    /// The peer's address.
    pub peer: IpAddr,
    /// The country it is in, by its code; not there if that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<Printable>,
    /// The network it is in; not there if that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<Network>,
    /// The name by which the camera asked DNS for it, as far as the daemon knows; not there otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Printable>,
    /// What the packets carry.
    #[serde(flatten)]
    pub service: Service,
    /// The number of its protocol.
    #[serde(skip)]
    pub protocol: Protocol,
    /// Why they pass or are dropped.
    pub reason: &'static str,
    /// "pass" or "drop", whether or not that was carried out.
    pub verdict: &'static str,
    /// Its frames.
    #[serde(flatten)]
    pub count: Count,
    /// When its first packet came: RFC 3339, UTC.
    pub first_seen: String,
    /// When its last packet came.
    pub last_seen: String,
    /// How long ago these were.
    #[serde(skip)]
    pub ago: [Duration; 2],
}

/// A protocol with what tells its uses apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Service {
    /// Its name, or its number.
    pub protocol: String,
    /// The peer's port; null if there is none, or it is not known.
    pub port: Option<u16>,
    /// The type and code of ICMP; not there otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icmp: Option<Icmp>,
}

/// What an ICMP or `ICMPv6` message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Icmp {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: u8,
    /// Its code.
    pub code: u8,
}

/// Entries that made way for others, and what they had counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Evicted {
    /// How many.
    pub entries: u64,
    /// Their frames.
    #[serde(flatten)]
    pub count: Count,
}

/// The flows that the kernel has.
pub fn spans(contents: &Contents, now: Now) -> BTreeMap<FlowKey, Span> {
    contents.flows.iter().map(|(key, flow)| (*key, span(flow, now))).collect()
}

/// What was counted of a flow, in times since 1970.
pub fn span(flow: &Flow, now: Now) -> Span {
    let [first, last] =
        [flow.first, flow.last].map(|moment| now.moment(Duration::from_nanos(moment)));
    Span { tally: flow.tally, first, last }
}

impl Ledger {
    /// What is asked for of what the kernel has.
    pub fn live(contents: &Contents, config: &Config, selection: Selection, now: Now) -> Self {
        let (last_names, networks) = (BTreeMap::new(), &Networks::default());
        let context = Context { config, last_names, networks, now: now.since_epoch };
        Self::new(&spans(contents, now), &contents.missing, selection, &context)
    }

    /// What is asked for.
    pub fn new(
        flows: &BTreeMap<FlowKey, Span>,
        missing: &Missing,
        selection: Selection,
        context: &Context<'_>,
    ) -> Self {
        let Missing { entries, evicted, lost } = *missing;
        let cameras = &context.config.cameras;
        let names = cameras.iter().map(|camera| (camera.mac, camera.name.as_str())).collect();
        Self {
            entries: selected(flows, selection, context.now)
                .into_iter()
                .filter_map(|(key, span)| Entry::new(key, span, &names, context))
                .collect(),
            evicted: Evicted { entries, count: evicted.into() },
            lost: lost.into(),
        }
    }
}

impl Ledger {
    /// Names the peers.
    pub fn name(&mut self, names: &[NameLine]) {
        let names: HashMap<(Mac, IpAddr), &Printable> = names
            .iter()
            .filter_map(|line| Some(((line.mac.parse().ok()?, line.address), &line.name)))
            .collect();
        for entry in &mut self.entries {
            entry.name = names.get(&(entry.mac, entry.peer)).copied().cloned();
        }
    }
}

/// The flows that are asked for, in their order.
fn selected(
    flows: &BTreeMap<FlowKey, Span>,
    selection: Selection,
    now: Duration,
) -> Vec<(&FlowKey, &Span)> {
    let Selection { mac, since, top } = selection;
    let is_meant = |(key, span): &(&FlowKey, &Span)| {
        mac.is_none_or(|mac| key.mac() == mac)
            && since.is_none_or(|since| now.saturating_sub(span.last) <= since)
    };
    let mut flows: Vec<_> = flows.iter().filter(is_meant).collect();
    match top {
        Some(top) => {
            flows.sort_by_key(|(key, span)| (Reverse(span.tally.bytes), **key));
            flows.truncate(top.get());
        }
        None => flows.sort_by_key(|(key, span)| (Reverse(span.last), **key)),
    }
    flows
}

impl Entry {
    /// None if this version has no such reason.
    fn new(
        key: &FlowKey,
        span: &Span,
        names: &HashMap<Mac, &str>,
        context: &Context<'_>,
    ) -> Option<Self> {
        let reason = key.reason()?;
        let Span { tally, first, last } = *span;
        let camera = names.get(&key.mac()).map(ToString::to_string);
        let last_name = context.last_names.get(&key.mac()).filter(|_| camera.is_none()).cloned();
        let found = context.networks.of(key.peer());
        Some(Self {
            camera,
            last_name,
            mac: key.mac(),
            direction: key.direction().name(),
            peer: key.peer(),
            country: found.country,
            network: found.network,
            name: None,
            service: Service::of(key),
            protocol: Protocol(key.protocol()),
            reason: reason.name(),
            verdict: reason.effect().name(),
            count: tally.into(),
            first_seen: timestamp(first),
            last_seen: timestamp(last),
            ago: [first, last].map(|moment| context.now.saturating_sub(moment)),
        })
    }
}

impl Service {
    /// Of a flow.
    pub fn of(key: &FlowKey) -> Self {
        Self::new(Protocol(key.protocol()), key.peer(), key.port())
    }

    /// Of packets to or from a peer. The number is its port, or zero; of ICMP, the type and the code.
    pub fn new(protocol: Protocol, peer: IpAddr, number: u16) -> Self {
        let port = Some(number).filter(|port| *port != 0);
        let [kind, code] = number.to_be_bytes();
        let icmp = Some(Icmp { kind, code });
        let (protocol, port, icmp) = match (protocol, peer) {
            (Protocol::TCP, _) => ("tcp".into(), port, None),
            (Protocol::UDP, _) => ("udp".into(), port, None),
            (Protocol::ICMP, IpAddr::V4(_)) => ("icmp".into(), None, icmp),
            (Protocol::ICMPV6, IpAddr::V6(_)) => ("icmpv6".into(), None, icmp),
            (Protocol(number), _) => (number.to_string(), None, None),
        };
        Self { protocol, port, icmp }
    }
}

/// `udp/10240`, `icmp/8`, `icmp/3.1`, `132`.
impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.protocol)?;
        match (self.port, self.icmp) {
            (Some(port), _) => write!(f, "/{port}"),
            (None, Some(Icmp { kind, code: 0 })) => write!(f, "/{kind}"),
            (None, Some(Icmp { kind, code })) => write!(f, "/{kind}.{code}"),
            (None, None) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
