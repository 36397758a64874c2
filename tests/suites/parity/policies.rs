//! Random policies, aimed at collisions: few addresses, few ports, few names.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ops::RangeInclusive,
    path::PathBuf,
};

use camfence::config::{
    Allowance, Camera, Config, Dns, DnsName, Fence, Guard, Hook, Ledger, Local, Mode, Profile,
    Protocol, Unknown,
};
use camfence_common::{
    limits::{DEFAULT_MAX_CAMERAS, MAX_ALLOWANCES, MAX_BOUND, MAX_DNS_NAMES, MAX_LOCAL_PREFIXES},
    mac::Mac,
};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use proptest::{collection, option, prelude::*, sample::select};

/// Most cameras of a policy.
const MAX_CAMERAS: usize = 5;
const MAX_PROFILES: usize = 3;

/// Addresses that stations, networks and allowances are made of.
pub(crate) const V4: [Ipv4Addr; 7] = [
    Ipv4Addr::new(192, 168, 1, 31),
    Ipv4Addr::new(192, 168, 1, 10),
    Ipv4Addr::new(192, 168, 2, 10),
    Ipv4Addr::new(10, 0, 0, 1),
    Ipv4Addr::new(203, 0, 113, 7),
    Ipv4Addr::new(203, 0, 113, 8),
    Ipv4Addr::new(8, 8, 8, 8),
];
/// The same of IPv6.
pub(crate) const V6: [Ipv6Addr; 5] = [
    Ipv6Addr::new(0xfd00, 1, 0, 0, 0, 0, 0, 0x31),
    Ipv6Addr::new(0xfd00, 1, 0, 0, 0, 0, 0, 0x10),
    Ipv6Addr::new(0xfd00, 2, 0, 0, 0, 0, 0, 0x10),
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7),
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 8),
];
/// Ports that some rule asks about, and their neighbours.
pub(crate) const PORTS: [u16; 16] =
    [53, 123, 67, 68, 546, 547, 1900, 5351, 853, 25, 10240, 52, 54, 124, 1, 65535];
/// Names that are listed, asked for, or both.
pub(crate) const NAMES: [&str; 10] = [
    "org",
    "ntp.org",
    "pool.ntp.org",
    "0.pool.ntp.org",
    "xntp.org",
    "ntp.org.example.net",
    "example.net",
    "_a.b-c.example.net",
    "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk.example.net",
    "a.very-very-very-very-very-very-long-label.another-very-very-very-very-long-label.ntp.org",
];
/// Protocols that an allowance may name by number.
const NUMBERS: [u8; 9] = [1, 2, 6, 17, 46, 58, 59, 132, 255];

/// A policy: a configuration, and what its port does with strangers.
pub(crate) fn policy() -> impl Strategy<Value = Config> {
    collection::vec(profile(), 1..=MAX_PROFILES).prop_flat_map(|profiles| {
        let number = profiles.len();
        let cameras = collection::btree_map(mac(), camera(number), 1..=MAX_CAMERAS);
        (Just(profiles), cameras, unknown(number), mode()).prop_map(
            |(profiles, cameras, unknown, mode)| assemble(profiles, cameras, unknown, mode),
        )
    })
}

fn assemble(
    mut profiles: Vec<Profile>,
    cameras: BTreeMap<Mac, Camera>,
    unknown: Unknown,
    mode: Mode,
) -> Config {
    for (index, profile) in profiles.iter_mut().enumerate() {
        profile.name = format!("profile-{index}");
    }
    let camera = |(mac, camera): (Mac, Camera)| Camera {
        mac,
        name: format!("camera {mac}"),
        mode: if mode == Mode::Audit { mode } else { camera.mode },
        ..camera
    };
    Config {
        path: PathBuf::new(),
        fence: Fence {
            interfaces: vec![],
            hook: Hook::Auto,
            unknown,
            mode,
            max_cameras: DEFAULT_MAX_CAMERAS,
        },
        profiles,
        cameras: cameras.into_iter().map(camera).collect(),
        interfaces: BTreeMap::new(),
        ledger: Ledger::default(),
        log: None,
        metrics: None,
    }
}

fn unknown(profiles: usize) -> impl Strategy<Value = Unknown> {
    prop_oneof![
        2 => Just(Unknown::Pass),
        1 => Just(Unknown::Drop),
        1 => (0..profiles).prop_map(Unknown::Profile),
    ]
}

fn mode() -> impl Strategy<Value = Mode> {
    prop_oneof![5 => Just(Mode::Enforce), 1 => Just(Mode::Audit)]
}

fn guard() -> impl Strategy<Value = Guard> {
    select(vec![Guard::Pass, Guard::Deny])
}

/// A station's address; several differ in few bits.
fn mac() -> impl Strategy<Value = Mac> {
    prop_oneof![
        any::<[u8; 6]>().prop_map(|mut octets| {
            octets[0] &= !1;
            Mac(octets)
        }),
        (0_u8..=31).prop_map(|last| Mac([0x02, 0xcf, 0, 0, 0, last])),
    ]
}

/// A camera that [`assemble`] gives its address and name.
fn camera(profiles: usize) -> BoxedStrategy<Camera> {
    let bound = || prop_oneof![2 => Just(0), 2 => 1..=2_usize, 1 => Just(MAX_BOUND)];
    let v4 = bound().prop_flat_map(|number| collection::vec(bound4(), number));
    let v6 = bound().prop_flat_map(|number| collection::vec(bound6(), number));
    (0..profiles, v4, v6, mode())
        .prop_map(|(profile, v4, v6, mode)| Camera {
            mac: Mac([0; 6]),
            name: String::new(),
            profile,
            addresses: [v4, v6].concat(),
            mode,
        })
        .boxed()
}

/// What may be bound: neither loopback nor a group, and never all there is.
fn bound4() -> impl Strategy<Value = IpNet> {
    (select(&V4[..]), prop_oneof![Just(32), 8..=32_u8]).prop_map(|(ip, length)| net4(ip, length))
}

fn bound6() -> impl Strategy<Value = IpNet> {
    (select(&V6[..]), prop_oneof![Just(128), 8..=128_u8]).prop_map(|(ip, length)| net6(ip, length))
}

/// A profile that [`assemble`] names.
fn profile() -> BoxedStrategy<Profile> {
    let allow = prop_oneof![Just(0), 1..=6_usize, Just(MAX_ALLOWANCES)]
        .prop_flat_map(|number| collection::vec(any_allowance(), number));
    (prefixes(), allow, dns(), guard(), guard())
        .prop_map(|(prefixes, allow, dns, port_mapping, rogue)| Profile {
            allow,
            dns,
            port_mapping,
            rogue,
            ..Profile::new("", Local { prefixes, auto: false })
        })
        .boxed()
}

/// The local networks of a profile: none, a few or as many as there can be, of each family.
fn prefixes() -> impl Strategy<Value = Vec<IpNet>> {
    let number = || prop_oneof![2 => Just(0), 4 => 1..=4_usize, 1 => Just(MAX_LOCAL_PREFIXES)];
    let v4 = number().prop_flat_map(|number| collection::vec(prefix4(), number));
    let v6 = number().prop_flat_map(|number| collection::vec(prefix6(), number));
    (v4, v6).prop_map(|(v4, v6)| [v4, v6].concat())
}

fn prefix4() -> impl Strategy<Value = IpNet> {
    let length = prop_oneof![1 => 0..=8_u8, 10 => 9..=32_u8, 2 => Just(32)];
    let address = prop_oneof![
        1 => select(&V4[..]),
        2 => any::<u32>().prop_map(Ipv4Addr::from_bits),
    ];
    (address, length).prop_map(|(address, length)| net4(address, length))
}

fn prefix6() -> impl Strategy<Value = IpNet> {
    let length = prop_oneof![
        1 => 0..=16_u8,
        10 => 17..=128_u8,
        1 => select(vec![63, 64, 65, 127]),
        2 => Just(128),
    ];
    let address = prop_oneof![
        1 => select(&V6[..]),
        2 => any::<u128>().prop_map(Ipv6Addr::from_bits),
    ];
    (address, length).prop_map(|(address, length)| net6(address, length))
}

fn net4(address: Ipv4Addr, length: u8) -> IpNet {
    Ipv4Net::new_assert(address, length).trunc().into()
}

fn net6(address: Ipv6Addr, length: u8) -> IpNet {
    Ipv6Net::new_assert(address, length).trunc().into()
}

fn any_allowance() -> BoxedStrategy<Allowance> {
    let numbers = select(&NUMBERS[..]).prop_map(Protocol::Number);
    let protocol = prop_oneof![
        2 => Just(Protocol::Tcp),
        4 => Just(Protocol::Udp),
        2 => Just(Protocol::Icmp),
        2 => numbers,
    ];
    let to =
        prop_oneof![2 => Just(None), 2 => prefix4().prop_map(Some), 2 => prefix6().prop_map(Some)];
    (protocol, option::weighted(0.8, ports()), to)
        .prop_map(|(protocol, ports, to)| Allowance {
            text: String::new(),
            protocol,
            ports: ports.filter(|_| has_ports(protocol)),
            to,
        })
        .boxed()
}

fn has_ports(protocol: Protocol) -> bool {
    matches!(protocol, Protocol::Tcp | Protocol::Udp | Protocol::Number(6 | 17))
}

fn ports() -> impl Strategy<Value = RangeInclusive<u16>> {
    let one = select(&PORTS[..]).prop_map(|port| port..=port);
    let range = (select(&PORTS[..]), select(&PORTS[..])).prop_map(|(a, b)| a.min(b)..=a.max(b));
    prop_oneof![3 => one, 1 => range]
}

fn dns() -> BoxedStrategy<Dns> {
    let names = (collection::vec(any_name(), 1..=6), prop::bool::weighted(0.2))
        .prop_map(|(names, full)| Dns::Only(listed(names, full)));
    prop_oneof![2 => Just(Dns::Pass), 1 => Just(Dns::Deny), 4 => names].boxed()
}

/// The names without duplicates, before them others if the list is to be full.
fn listed(names: Vec<DnsName>, full: bool) -> Vec<DnsName> {
    let names: BTreeSet<_> = names.into_iter().collect();
    let others = if full { MAX_DNS_NAMES - names.len() } else { 0 };
    let other = |n| DnsName { name: format!("n{n}.ntp.org"), below: n % 2 == 0 };
    (0..others).map(other).chain(names).collect()
}

fn any_name() -> impl Strategy<Value = DnsName> {
    (select(&NAMES[..]), any::<bool>())
        .prop_map(|(name, below)| DnsName { name: name.into(), below })
}

/// An allowance from its words.
pub(crate) fn allowance(
    protocol: &str,
    ports: Option<RangeInclusive<u16>>,
    to: Option<&str>,
) -> Allowance {
    let protocol = match protocol {
        "tcp" => Protocol::Tcp,
        "udp" => Protocol::Udp,
        "icmp" => Protocol::Icmp,
        number => Protocol::Number(number.parse().expect("a number")),
    };
    let to = to.map(|to| IpNet::from(to.parse::<IpAddr>().expect("an address")));
    Allowance { text: String::new(), protocol, ports, to }
}

/// A listed name from its text.
pub(crate) fn name(text: &str) -> DnsName {
    let below = text.strip_prefix("*.");
    DnsName { name: below.unwrap_or(text).into(), below: below.is_some() }
}
