//! What was heard of each source, within limits: a device can make up sources, names and peers as fast as
//! the wire takes them.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
    sync::Arc,
};

use camfence_common::{abi::CANARY, mac::Mac};
use ipnet::IpNet;

use super::fact::{Fact, Onvif, Peer};
use crate::printable::Printable;

/// Sources that are kept, and of each port, so that one that makes them up hides no other port's.
pub const MAX_SOURCES: usize = 4_096;
/// See [`MAX_SOURCES`].
pub const MAX_SOURCES_PER_PORT: usize = 1_024;
/// Ports that a source is told to be on.
pub const MAX_PORTS: usize = 4;
/// Addresses that are kept of a source.
pub const MAX_ADDRESSES: usize = 16;
/// Names that are kept of a source.
pub const MAX_NAMES: usize = 4;
/// Types of services that are kept of a source.
pub const MAX_SERVICES: usize = 16;
/// Descriptions of itself that are kept of a source.
pub const MAX_SOFTWARE: usize = 4;
/// Peers that are kept of a source.
pub const MAX_PEERS: usize = 32;

/// What was heard.
#[derive(Debug, Default)]
pub struct Heard {
    sources: BTreeMap<Mac, Source>,
    /// How many sources were first heard on a port, by its index.
    on_port: HashMap<u32, usize>,
    surroundings: Arc<Surroundings>,
    /// Frames that were read.
    pub frames: u64,
    /// How often something came of a source that was not kept, as there were too many: a frame, or a line
    /// of a bridge's table.
    pub left_out: u64,
}

/// What is known of the ports beforehand.
#[derive(Debug, Default)]
pub struct Surroundings {
    /// The networks on a port's link, by its index. None are known of a bridge without addresses.
    pub prefixes: BTreeMap<u32, Vec<IpNet>>,
    /// This host's own MACs.
    pub own: BTreeSet<Mac>,
}

/// What was heard of a source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Source {
    /// The ports it was heard on, by index.
    pub ports: BTreeSet<u32>,
    /// Its addresses.
    pub addresses: BTreeSet<IpAddr>,
    /// What it calls itself.
    pub hostnames: BTreeSet<Printable>,
    /// The types of services it offers.
    pub services: BTreeSet<Printable>,
    /// What it says it is made of.
    pub software: BTreeSet<Printable>,
    /// What it says of itself in ONVIF's terms.
    pub onvif: Option<Onvif>,
    /// Whether it answered as an RTSP server.
    pub rtsp: bool,
    /// To whom it sent how many frames and bytes.
    pub peers: BTreeMap<Peer, [u64; 2]>,
    /// Whether more was heard than is kept.
    pub cut: bool,
}

impl Heard {
    /// Nothing yet.
    pub fn new(surroundings: Surroundings) -> Self {
        Self { surroundings: Arc::new(surroundings), ..Self::default() }
    }

    /// The sources.
    pub const fn sources(&self) -> &BTreeMap<Mac, Source> {
        &self.sources
    }

    /// The source, if there is room for it or it is there already. None if no camera can have the MAC:
    /// this host's own, a group's, the canary's.
    pub fn source(&mut self, mac: Mac, port: Option<u32>) -> Option<&mut Source> {
        let is_device = !mac.is_multicast() && !mac.is_zero() && mac != CANARY;
        if !is_device || self.surroundings.own.contains(&mac) {
            return None;
        }
        if !self.sources.contains_key(&mac) && !self.make_room(port) {
            self.left_out += 1;
            return None;
        }
        let source = self.sources.entry(mac).or_default();
        if let Some(port) = port {
            keep(&mut source.ports, port, MAX_PORTS, &mut source.cut);
        }
        Some(source)
    }

    fn make_room(&mut self, port: Option<u32>) -> bool {
        if self.sources.len() >= MAX_SOURCES {
            return false;
        }
        let Some(port) = port else { return true };
        let count = self.on_port.entry(port).or_default();
        let room = *count < MAX_SOURCES_PER_PORT;
        *count += usize::from(room);
        room
    }

    /// Takes what a frame told that came in by a port.
    pub fn hear(&mut self, port: u32, mac: Mac, facts: Vec<Fact>, bytes: u64) {
        self.frames += 1;
        let surroundings = Arc::clone(&self.surroundings);
        let near = surroundings.prefixes.get(&port).map(Vec::as_slice).unwrap_or_default();
        if let Some(source) = self.source(mac, Some(port)) {
            source.take_all(facts, near, bytes);
        }
    }
}

impl Source {
    /// Takes what a frame of so many bytes told; `near` are the networks on the link. What was only
    /// forwarded tells nothing of who did it.
    pub fn take_all(&mut self, facts: Vec<Fact>, near: &[IpNet], bytes: u64) {
        if is_forwarded(&facts, near) {
            return;
        }
        for fact in facts {
            self.take(fact, near, bytes);
        }
    }

    fn take(&mut self, fact: Fact, near: &[IpNet], bytes: u64) {
        let cut = &mut self.cut;
        match fact {
            Fact::Address(address) if is_unicast(address) => {
                keep(&mut self.addresses, address, MAX_ADDRESSES, cut);
            }
            Fact::Sender(address) if is_unicast(address) && can_be_own(address, near) => {
                keep(&mut self.addresses, address, MAX_ADDRESSES, cut);
            }
            Fact::Hostname(name) => keep(&mut self.hostnames, name, MAX_NAMES, cut),
            Fact::Service(service) => keep(&mut self.services, service, MAX_SERVICES, cut),
            Fact::Software(software) => keep(&mut self.software, software, MAX_SOFTWARE, cut),
            Fact::Onvif(onvif) => self.join(onvif),
            Fact::Rtsp => self.rtsp = true,
            Fact::Peer(peer) if is_unicast(peer.address) => self.count(peer, bytes),
            Fact::Address(_) | Fact::Sender(_) | Fact::Peer(_) => {}
        }
    }

    /// What is said first counts.
    fn join(&mut self, onvif: Onvif) {
        let known = self.onvif.get_or_insert_default();
        known.name = known.name.take().or(onvif.name);
        known.hardware = known.hardware.take().or(onvif.hardware);
        known.location = known.location.take().or(onvif.location);
    }

    fn count(&mut self, peer: Peer, bytes: u64) {
        if self.peers.len() >= MAX_PEERS && !self.peers.contains_key(&peer) {
            self.cut = true;
            return;
        }
        let [frames, sum] = self.peers.entry(peer).or_default();
        *frames += 1;
        *sum += bytes;
    }
}

fn keep<T: Ord>(set: &mut BTreeSet<T>, item: T, most: usize, cut: &mut bool) {
    if set.len() < most {
        set.insert(item);
    } else if !set.contains(&item) {
        *cut = true;
    }
}

fn is_unicast(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            !address.is_unspecified() && !address.is_multicast() && !address.is_broadcast()
        }
        IpAddr::V6(address) => !address.is_unspecified() && !address.is_multicast(),
    }
}

/// Whether a packet comes from the internet, by a router. What is for a group is not forwarded, and private
/// addresses may be a camera's that has those of its factory.
fn is_forwarded(facts: &[Fact], near: &[IpNet]) -> bool {
    let to_one = facts.iter().any(|fact| matches!(fact, Fact::Peer(_)));
    let is_foreign = |fact: &Fact| match fact {
        Fact::Sender(address) => {
            is_unicast(*address) && !is_private(*address) && !can_be_own(*address, near)
        }
        _ => false,
    };
    to_one && facts.iter().any(is_foreign)
}

/// Whether the source of a packet can be the sender's own address. A router sends what comes from
/// elsewhere; where the link's networks are not known, what is private is taken for near.
fn can_be_own(address: IpAddr, near: &[IpNet]) -> bool {
    if is_link_local(address) {
        return true;
    }
    let mut of_family =
        near.iter().filter(|net| net.addr().is_ipv4() == address.is_ipv4()).peekable();
    match of_family.peek() {
        Some(_) => of_family.any(|net| net.contains(&address)),
        None => is_private(address),
    }
}

/// Whether an address is of a home's own choice (RFC 1918, RFC 4193).
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_private(),
        IpAddr::V6(address) => address.is_unique_local(),
    }
}

/// Whether an address is for its link alone.
pub(super) fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::discover::fact::text;

    fn mac(number: u32) -> Mac {
        let [a, b, c, d] = number.to_be_bytes();
        Mac([2, 0, a, b, c, d])
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn made_up_sources_hide_no_other_port() {
        let mut heard = Heard::default();
        for number in 0..100_000 {
            heard.hear(1, mac(number), vec![], 60);
        }
        heard.hear(2, mac(1_000_000), vec![], 60);
        assert_eq!(heard.sources().len(), MAX_SOURCES_PER_PORT + 1);
        assert_eq!(heard.left_out, 100_000 - MAX_SOURCES_PER_PORT as u64);
        heard.hear(1, mac(0), vec![Fact::Rtsp], 60);
        assert!(heard.sources()[&mac(0)].rtsp, "who is known is heard");
        for port in 3..100 {
            for number in 0..5_000 {
                heard.hear(port, mac(port << 20 | number), vec![], 60);
            }
        }
        assert_eq!(heard.sources().len(), MAX_SOURCES);
    }

    #[test]
    fn a_router_does_not_have_the_addresses_it_forwards_for() {
        let own = |near: &[&str], from: &str| {
            let near: Vec<IpNet> = near.iter().map(|net| net.parse().unwrap()).collect();
            let mut source = Source::default();
            source.take(Fact::Sender(address(from)), &near, 60);
            !source.addresses.is_empty()
        };
        let near = ["192.168.1.0/24"];
        assert!(own(&near, "192.168.1.31"));
        assert!(!own(&near, "192.168.2.31"));
        assert!(!own(&near, "203.0.113.7"));
        assert!(own(&near, "fd00:1::31"), "nothing is known of IPv6 there");
        assert!(own(&near, "fe80::1") && own(&near, "169.254.3.4"));
        assert!(own(&[], "192.168.2.31") && !own(&[], "203.0.113.7") && !own(&[], "2001:db8::7"));
        assert!(!own(&[], "0.0.0.0") && !own(&near, "255.255.255.255"));
    }

    #[test]
    fn who_forwards_is_not_who_says_it() {
        let taken = |from: &str, facts: &[Fact]| {
            let near = ["192.168.1.0/24".parse().unwrap()];
            let mut source = Source::default();
            let facts = [&[Fact::Sender(address(from)), Fact::Rtsp], facts].concat();
            source.take_all(facts, &near, 60);
            source.rtsp
        };
        let to_one = [Fact::Peer(Peer { address: address("192.168.1.10"), protocol: 6, port: 1 })];
        assert!(!taken("203.0.113.7", &to_one), "a server on the internet");
        assert!(taken("192.168.1.31", &to_one));
        assert!(taken("192.168.0.64", &to_one), "an address of the factory's");
        assert!(taken("192.0.0.64", &[]) && taken("0.0.0.0", &[]), "to a group");
    }

    #[test]
    fn what_no_camera_can_have_is_no_source() {
        let surroundings = Surroundings { own: [mac(1)].into(), ..Surroundings::default() };
        let mut heard = Heard::new(surroundings);
        for no_camera in [mac(1), CANARY, Mac::BROADCAST, Mac([0; 6])] {
            heard.hear(1, no_camera, vec![], 60);
        }
        assert!(heard.sources().is_empty());
        assert_eq!((heard.frames, heard.left_out), (4, 0));
    }

    fn fact() -> impl Strategy<Value = Fact> {
        let words = "[a-z]{1,8}".prop_filter_map("no text", |word| text(word.as_bytes()));
        let address = any::<u32>().prop_map(|bits| IpAddr::from(bits.to_be_bytes()));
        prop_oneof![
            address.clone().prop_map(Fact::Address),
            words.clone().prop_map(Fact::Hostname),
            words.clone().prop_map(Fact::Service),
            words.prop_map(Fact::Software),
            (address, any::<u16>()).prop_map(|(address, port)| Fact::Peer(Peer {
                address,
                protocol: 17,
                port
            })),
        ]
    }

    proptest! {
        #[test]
        fn of_one_source_not_more_is_kept_than_there_is_room_for(
            facts in prop::collection::vec(fact(), 0..500)
        ) {
            let mut source = Source::default();
            source.take_all(facts, &[], 60);
            prop_assert!(source.addresses.len() <= MAX_ADDRESSES);
            prop_assert!(source.hostnames.len() <= MAX_NAMES);
            prop_assert!(source.services.len() <= MAX_SERVICES);
            prop_assert!(source.software.len() <= MAX_SOFTWARE);
            prop_assert!(source.peers.len() <= MAX_PEERS);
        }
    }
}
