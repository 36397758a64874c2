//! What `discover` tells.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    path::Path,
    time::Duration,
};

use camfence_common::{mac::Mac, reason::Direction, wire::extension::Protocol};
use serde::Serialize;

use super::{
    Site,
    fact::{Onvif, Peer},
    heard::{Heard, MAX_PEERS, Source},
    likeness::{Evidence, Likeness},
    naming::{self, Names},
    vendor::{self, Vendors},
};
use crate::{
    config::Config,
    printable::Printable,
    telemetry::{
        ledger::{Entry, Ledger, Service},
        report::Count,
    },
};

/// What `discover --json` prints. Others' scripts parse it; its keys do not change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Discovery {
    /// Whoever was there: what looks most like a camera first.
    pub sources: Vec<Found>,
    /// The ports that were listened on.
    pub interfaces: Vec<String>,
    /// For how long.
    pub listened_seconds: u64,
    /// Whether anything was asked.
    pub probed: bool,
    /// Frames that were heard.
    pub frames: u64,
    /// Frames that came too fast to be read.
    pub lost: u64,
    /// How often something came of sources that were not kept, as there were too many: frames, and lines
    /// of the bridges' tables.
    pub left_out: u64,
    /// What the user should know.
    pub notices: Vec<String>,
}

/// A source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Its MAC.
    #[serde(serialize_with = "crate::telemetry::as_text")]
    pub mac: Mac,
    /// Whether that was given by whoever runs the device, and tells no maker.
    pub private: bool,
    /// The ports it was heard on.
    pub interfaces: Vec<String>,
    /// Its maker; null if not known.
    pub vendor: Option<Printable>,
    /// Its addresses.
    pub addresses: BTreeSet<IpAddr>,
    /// What it calls itself.
    pub hostnames: BTreeSet<Printable>,
    /// The types of services it offers.
    pub services: BTreeSet<Printable>,
    /// What it says it is made of.
    pub software: BTreeSet<Printable>,
    /// What it says of itself in ONVIF's terms; not there if it does not speak it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub onvif: Option<Onvif>,
    /// How much it looks like a camera.
    pub likeness: Likeness,
    /// What speaks for it.
    pub signs: Vec<&'static str>,
    /// The name it is registered by; null if it is not.
    pub camera: Option<String>,
    /// A name for it; only if it is not registered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggested_name: Option<String>,
    /// Whom it talks to, most bytes first.
    pub peers: Vec<FoundPeer>,
    /// Whether there was more of something than is kept.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
}

/// Somebody whom a source talks to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FoundPeer {
    /// The address.
    pub peer: IpAddr,
    /// The name by which the camera asked DNS for it, as far as the daemon knows; not there otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Printable>,
    /// What the packets carry.
    #[serde(flatten)]
    pub service: Service,
    /// Frames to it.
    #[serde(flatten)]
    pub count: Count,
    /// "pass" or "drop", by the fence; not there where it was only heard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<&'static str>,
    /// Whether it is on the link of a port, or an address that no router forwards.
    pub near: bool,
}

/// What there is to tell by.
#[derive(Debug)]
pub struct Material<'a> {
    /// What was heard.
    pub heard: &'a Heard,
    /// Where.
    pub site: &'a Site,
    /// The cameras there are; none without a configuration.
    pub config: Option<&'a Config>,
    /// Whom sources talked to; none without a fence.
    pub ledger: Option<&'a Ledger>,
    /// The lists of makers.
    pub vendors: &'a Path,
}

impl Discovery {
    /// What was found. What was done is for others to fill in.
    pub fn new(material: &Material<'_>) -> Self {
        let sources = material.heard.sources();
        let vendors = Vendors::of(sources.keys().copied(), material.vendors);
        let flows = flows(material.ledger);
        let names = material.config.into_iter().flat_map(|config| &config.cameras);
        let names: BTreeMap<Mac, &str> =
            names.map(|camera| (camera.mac, camera.name.as_str())).collect();
        let found = sources.iter().map(|(&mac, source)| {
            let flows = flows.get(&mac).map(Vec::as_slice).unwrap_or_default();
            let camera = names.get(&mac).copied();
            found(mac, source, vendors.name(mac), flows, camera, material.site)
        });
        let mut found: Vec<Found> = found.collect();
        found.sort_by_key(|found| (found.camera.is_none(), Reverse(found.likeness), found.mac));
        name_apart(&mut found, &names);
        Self {
            sources: found,
            interfaces: Vec::new(),
            listened_seconds: 0,
            probed: false,
            frames: material.heard.frames,
            lost: 0,
            left_out: material.heard.left_out,
            notices: Vec::new(),
        }
    }

    /// What looks like a camera and is not registered.
    pub fn candidates(&self) -> impl Iterator<Item = &Found> {
        self.sources.iter().filter(|found| found.is_candidate())
    }

    pub(super) fn did(&mut self, interfaces: Vec<String>, listened: Duration, probed: bool) {
        self.interfaces = interfaces;
        self.listened_seconds = listened.as_secs();
        self.probed = probed;
    }
}

impl Found {
    /// Whether it is likely a camera, or more than that.
    pub fn looks_like_one(&self) -> bool {
        self.likeness >= Likeness::Likely
    }

    /// Whether it looks like a camera and is not registered.
    pub fn is_candidate(&self) -> bool {
        self.camera.is_none() && self.looks_like_one()
    }
}

/// What the ledger has of each source's own packets.
fn flows(ledger: Option<&Ledger>) -> BTreeMap<Mac, Vec<&Entry>> {
    let mut flows: BTreeMap<Mac, Vec<&Entry>> = BTreeMap::new();
    for entry in ledger.into_iter().flat_map(|ledger| &ledger.entries) {
        if entry.direction == Direction::Outbound.name() {
            flows.entry(entry.mac).or_default().push(entry);
        }
    }
    flows
}

fn found(
    mac: Mac,
    source: &Source,
    vendor: Option<&Printable>,
    flows: &[&Entry],
    camera: Option<&str>,
    site: &Site,
) -> Found {
    let in_ledger: Vec<Peer> = flows.iter().map(|entry| peer_of(entry)).collect();
    let (likeness, signs) = Evidence { source, vendor, ledger: &in_ledger }.judge();
    let mut peers: Vec<FoundPeer> = match flows {
        [] => source.peers.iter().map(|(peer, count)| heard_peer(*peer, *count)).collect(),
        flows => flows.iter().map(|entry| flow_peer(entry)).collect(),
    };
    for peer in &mut peers {
        peer.near = site.is_near(peer.peer);
    }
    peers.sort_by_key(|peer| (Reverse(peer.count.bytes), peer.peer));
    let cut = source.cut || peers.len() > MAX_PEERS;
    peers.truncate(MAX_PEERS);
    let name = |index: &u32| site.link(*index).map(|link| link.name.clone());
    Found {
        mac,
        private: vendor::is_private(mac),
        interfaces: source.ports.iter().filter_map(name).collect(),
        vendor: vendor.cloned(),
        addresses: source.addresses.clone(),
        hostnames: source.hostnames.clone(),
        services: source.services.clone(),
        software: source.software.clone(),
        onvif: source.onvif.clone(),
        likeness,
        signs,
        camera: camera.map(ToString::to_string),
        suggested_name: camera.is_none().then(|| naming::suggest(mac, source, vendor)),
        peers,
        cut,
    }
}

/// No two suggestions are the same, or a camera's name.
fn name_apart(found: &mut [Found], cameras: &BTreeMap<Mac, &str>) {
    let mut names = Names::new(cameras.values().copied());
    for name in found.iter_mut().filter_map(|found| found.suggested_name.as_mut()) {
        *name = names.take(name);
    }
}

fn heard_peer(peer: Peer, [packets, bytes]: [u64; 2]) -> FoundPeer {
    FoundPeer {
        peer: peer.address,
        name: None,
        // What kind of ICMP it was is not kept.
        service: Service {
            icmp: None,
            ..Service::new(Protocol(peer.protocol), peer.address, peer.port)
        },
        count: Count { packets, bytes },
        verdict: None,
        near: false,
    }
}

fn flow_peer(entry: &Entry) -> FoundPeer {
    FoundPeer {
        peer: entry.peer,
        name: entry.name.clone(),
        service: entry.service.clone(),
        count: entry.count,
        verdict: Some(entry.verdict),
        near: false,
    }
}

fn peer_of(entry: &Entry) -> Peer {
    let Entry { peer: address, protocol: Protocol(protocol), .. } = *entry;
    Peer { address, protocol, port: entry.service.port.unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use camfence_common::{
        flow::{Flow, FlowKey},
        reason::Reason,
    };
    use serde_json::json;

    use super::*;
    use crate::{
        discover::{fact::Fact, heard::Surroundings},
        kernel::ledger::Contents,
        telemetry::{ledger::Selection, now::Now},
    };

    const CAM: Mac = Mac([0xb0, 0xc5, 0x54, 0x25, 0x5b, 0x0e]);
    const PHONE: Mac = Mac([2, 0, 0, 0, 0, 9]);

    fn discovery(heard: &Heard, config: Option<&Config>) -> Discovery {
        let site = Site::default();
        let vendors = Path::new("/nonexistent");
        Discovery::new(&Material { heard, site: &site, config, ledger: None, vendors })
    }

    #[test]
    fn the_keys_are_those_that_are_documented() {
        let mut heard = Heard::new(Surroundings::default());
        let peer = Peer { address: [203, 0, 113, 7].into(), protocol: 17, port: 10_240 };
        let facts = vec![
            Fact::Address([192, 168, 1, 31].into()),
            Fact::Hostname("ipcam".into()),
            Fact::Onvif(Onvif { name: Some("Front".into()), ..Onvif::default() }),
            Fact::Peer(peer),
        ];
        heard.hear(1, CAM, facts, 100);
        let found = serde_json::to_value(discovery(&heard, None)).unwrap();
        let expected = json!({
            "sources": [{
                "mac": "b0:c5:54:25:5b:0e",
                "private": false,
                "interfaces": [],
                "vendor": "D-Link International",
                "addresses": ["192.168.1.31"],
                "hostnames": ["ipcam"],
                "services": [],
                "software": [],
                "onvif": {"name": "Front"},
                "likeness": "camera",
                "signs": ["ONVIF", "mixed vendor", "hostname", "cloud port"],
                "camera": null,
                "suggested_name": "ipcam",
                "peers": [{"peer": "203.0.113.7", "protocol": "udp", "port": 10240, "packets": 1,
                    "bytes": 100, "near": false}],
            }],
            "interfaces": [],
            "listened_seconds": 0,
            "probed": false,
            "frames": 1,
            "lost": 0,
            "left_out": 0,
            "notices": [],
        });
        assert_eq!(found, expected);
    }

    #[test]
    fn protocols_are_told_as_in_the_ledger_and_read_from_it() {
        for (address, protocol, port, service) in [
            (IpAddr::from([203, 0, 113, 7]), 17, 10_240, "udp/10240"),
            (IpAddr::from([203, 0, 113, 7]), 1, 0, "icmp"),
            (IpAddr::from([203, 0, 113, 7]), 132, 0, "132"),
            (IpAddr::V6(Ipv6Addr::LOCALHOST), 58, 0, "icmpv6"),
        ] {
            let peer = Peer { address, protocol, port };
            assert_eq!(heard_peer(peer, [1, 60]).service.to_string(), service);
            let what = (protocol, port);
            let key = FlowKey::new(CAM, Direction::Outbound, address, what, Reason::NotLocal);
            let flows = [(key, Flow::default())].into_iter().collect();
            let contents = Contents { flows, ..Contents::default() };
            let config = Config::parse(Path::new("x"), "").unwrap();
            let ledger = Ledger::live(&contents, &config, Selection::default(), Now::awake());
            assert_eq!(peer_of(&ledger.entries[0]), peer);
        }
    }

    #[test]
    fn registered_ones_come_first_and_their_names_are_taken() {
        let mut heard = Heard::new(Surroundings::default());
        heard.hear(1, CAM, vec![Fact::Hostname("porch".into()), Fact::Rtsp], 60);
        heard.hear(1, PHONE, vec![Fact::Hostname("phone".into())], 60);
        let text = format!("[[camera]]\nmac = \"{PHONE}\"\nname = \"porch\"\n");
        let config = Config::parse(Path::new("x"), &text).unwrap();
        let discovery = discovery(&heard, Some(&config));
        let [first, second] = &discovery.sources[..] else { panic!("{discovery:?}") };
        assert_eq!((first.mac, first.camera.as_deref()), (PHONE, Some("porch")));
        assert_eq!(first.suggested_name, None);
        assert_eq!(second.suggested_name.as_deref(), Some("porch-2"));
        assert_eq!(discovery.candidates().map(|found| found.mac).collect::<Vec<_>>(), [CAM]);
    }
}
