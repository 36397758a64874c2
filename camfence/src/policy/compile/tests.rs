use std::{net::IpAddr, path::Path};

use camfence_common::{
    tables::{Allowed, Carried},
    verifier::Unknown as Forgotten,
};
use proptest::{collection, prelude::*};

use super::*;
use crate::config::{Allowance, Protocol};

fn config(text: &str) -> Config {
    Config::parse(Path::new("test.toml"), text).unwrap()
}

fn nets(nets: &[&str]) -> Vec<IpNet> {
    nets.iter().map(|net| net.parse().unwrap()).collect()
}

/// A configuration compiled for a machine with these prefixes on its links.
fn compiled(text: &str, on_link: &[&str]) -> CompiledPolicy {
    let on_link = nets(on_link);
    compile(&config(text), &Surroundings { on_link, ..Surroundings::default() }).unwrap()
}

/// A profile's element of the table.
fn table(profile: &config::Profile, on_link: &[IpNet]) -> Result<Profile, CompileError> {
    compile_profile(profile, on_link).map(|compiled| compiled.table)
}

fn profile(name: &str, prefixes: Vec<IpNet>, auto: bool) -> config::Profile {
    config::Profile::new(name, config::Local { prefixes, auto })
}

/// What the core makes of an address.
fn is_local(profile: &Profile, address: IpAddr) -> bool {
    let unknown = Forgotten::new(0);
    match address {
        IpAddr::V4(ip) => profile.treat4(u32::from_ne_bytes(ip.octets()), unknown).local,
        IpAddr::V6(ip) => profile.treat6(halves(ip.octets()), unknown).local,
    }
}

#[test]
fn the_default_profile_is_the_private_networks() {
    let policy = compiled("", &["203.0.113.0/24"]);
    let [CompiledProfile { table: profile, .. }] = policy.profiles.as_slice() else {
        panic!("{policy:?}")
    };
    assert_eq!(profile.written, Profile::WRITTEN);
    assert_eq!((profile.local4_len, profile.local6_len), (3, 1));
    for (address, local) in [
        ("10.0.0.0", true),
        ("172.31.255.255", true),
        ("192.168.1.1", true),
        ("fd00::1", true),
        ("203.0.113.1", false),
        ("0.0.0.0", false),
        ("::", false),
    ] {
        assert_eq!(is_local(profile, address.parse().unwrap()), local, "{address}");
    }
}

#[test]
fn cameras_point_to_their_profiles() {
    let policy = compiled(
        r#"
            [profile.nvr-only]
            local = ["192.168.1.10/32"]

            [[camera]]
            mac = "b0:c5:54:25:5b:0e"
            name = "driveway"

            [[camera]]
            mac = "74:da:38:80:7a:08"
            name = "porch"
            profile = "nvr-only"
            "#,
        &[],
    );
    let local = |mac: &str, address: &str| {
        let camera = policy.cameras[&Subject::Camera(mac.parse().unwrap())];
        is_local(&policy.profiles[camera.profile as usize].table, address.parse().unwrap())
    };
    assert!(local("b0:c5:54:25:5b:0e", "192.168.1.11"));
    assert!(local("74:da:38:80:7a:08", "192.168.1.10"));
    assert!(!local("74:da:38:80:7a:08", "192.168.1.11"));
}

#[test]
fn auto_stands_for_the_prefixes_on_the_link() {
    let on_link = nets(&["203.0.113.0/24", "2001:db8:1::/64"]);
    let with = table(&profile("p", nets(&["10.0.0.0/8"]), true), &on_link).unwrap();
    let without = table(&profile("p", nets(&["10.0.0.0/8"]), false), &on_link).unwrap();
    assert_eq!((with.local4_len, with.local6_len), (2, 1));
    assert_eq!((without.local4_len, without.local6_len), (1, 0));
}

#[test]
fn prefixes_are_joined() {
    let joined = nets(&["10.0.0.0/9", "10.128.0.0/9", "10.1.0.0/16", "10.1.0.0/16", "fd00::/64"]);
    let compiled = table(&profile("p", joined, false), &[]).unwrap();
    assert_eq!((compiled.local4_len, compiled.local6_len), (1, 1));
    assert!(is_local(&compiled, "10.255.0.1".parse().unwrap()));
}

#[test]
fn the_shortest_prefixes_are_everything() {
    let everything = profile("p", nets(&["0.0.0.0/0", "::/0"]), false);
    let compiled = table(&everything, &[]).unwrap();
    for address in ["0.0.0.0", "203.0.113.7", "255.255.255.255", "::", "2001:db8::1"] {
        assert!(is_local(&compiled, address.parse().unwrap()), "{address}");
    }
}

/// Prefixes that cannot be joined: every other address.
fn apart(count: u8) -> Vec<IpNet> {
    let v4 = |i| format!("10.0.0.{}/32", 2 * u32::from(i));
    let v6 = |i| format!("fd00::{:x}/128", 2 * u32::from(i));
    (0..count).flat_map(|i| [v4(i), v6(i)]).map(|net| net.parse().unwrap()).collect()
}

#[test]
fn a_full_list_is_compiled_and_a_longer_one_refused() {
    let full = table(&profile("p", apart(64), false), &[]).unwrap();
    assert_eq!((full.local4_len, full.local6_len), (64, 64));
    assert!(is_local(&full, "10.0.0.126".parse().unwrap()));
    assert!(!is_local(&full, "10.0.0.127".parse().unwrap()));

    let over = table(&profile("p", apart(64), true), &nets(&["203.0.113.0/24"]));
    let error = CompileError::TooManyPrefixes { profile: "p".into(), family: "IPv4", count: 65 };
    assert_eq!(over, Err(error));
    let over = table(&profile("p", apart(64), true), &nets(&["2001:db8::/64"]));
    let error = CompileError::TooManyPrefixes { profile: "p".into(), family: "IPv6", count: 65 };
    assert_eq!(over, Err(error));
}

fn prefixes() -> impl Strategy<Value = Vec<IpNet>> {
    let v4 = (any::<std::net::Ipv4Addr>(), 0..=32_u8)
        .prop_map(|(address, len)| IpNet::V4(Ipv4Net::new_assert(address, len).trunc()));
    let v6 = (any::<std::net::Ipv6Addr>(), 0..=128_u8)
        .prop_map(|(address, len)| IpNet::V6(Ipv6Net::new_assert(address, len).trunc()));
    collection::vec(prop_oneof![v4, v6], 0..20)
}

proptest! {
    #[test]
    fn what_is_local_is_what_a_prefix_contains(prefixes in prefixes(), others: [IpAddr; 8]) {
        let compiled = table(&profile("p", prefixes.clone(), false), &[]).unwrap();
        let edges = prefixes.iter().flat_map(|net| [net.network(), net.broadcast()]);
        for address in edges.chain(others) {
            let expected = prefixes.iter().any(|net| net.contains(&address));
            prop_assert_eq!(is_local(&compiled, address), expected, "{}", address);
        }
    }
}

const EVERYTHING: &str = r#"
    [fence]
    unknown = "drop"
    [profile.nvr]
    allow = ["udp/123 to 192.0.2.1", "icmp to 2001:db8::/32", "tcp/8000-8010 to any", "132 to any"]
    dns = ["pool.ntp.org", "*.example.net"]
    port-mapping = "deny"
    rogue = "pass"
    [[camera]]
    mac = "b0:c5:54:25:5b:0e"
    name = "bound"
    profile = "nvr"
    addresses = ["192.168.1.31", "fd00:1::/64"]
    mode = "audit"
"#;

#[test]
fn allowances_are_compiled_for_both_families() {
    let policy = compiled(EVERYTHING, &[]);
    let table = &policy.profiles[1].table;
    assert_eq!(table.allow_len, 4);
    for (peer, (protocol, port), expected) in [
        ("192.0.2.1", (17, Some(123)), Allowed::Yes),
        ("192.0.2.1", (17, Some(124)), Allowed::No),
        ("192.0.2.1", (17, None), Allowed::PortUnknown),
        ("192.0.2.1", (6, Some(123)), Allowed::No),
        ("192.0.2.2", (17, Some(123)), Allowed::No),
        ("192.0.2.2", (6, Some(8010)), Allowed::Yes),
        ("192.0.2.2", (6, Some(8011)), Allowed::No),
        ("192.0.2.2", (132, None), Allowed::Yes),
        ("192.0.2.2", (1, None), Allowed::No),
        ("2001:db8::1", (58, None), Allowed::Yes),
        ("2001:db9::1", (58, None), Allowed::No),
        ("2001:db8::1", (1, None), Allowed::No),
        ("2001:db8::1", (6, Some(7999)), Allowed::No),
    ] {
        let peer = peer.parse().unwrap();
        assert_eq!(allows(table, peer, protocol, port), expected, "{peer} {protocol} {port:?}");
    }
}

/// What the core makes of a packet that is to nowhere local.
fn allows(table: &Profile, peer: IpAddr, protocol: u8, port: Option<u16>) -> Allowed {
    let unknown = Forgotten::new(0);
    let (treatment, column) = match peer {
        IpAddr::V4(ip) => (table.treat4(u32::from_ne_bytes(ip.octets()), unknown), 0),
        IpAddr::V6(ip) => (table.treat6(halves(ip.octets()), unknown), 1),
    };
    table.allows(treatment.allowances, Carried { column, protocol, port }, unknown)
}

/// What the configuration says, read without zones.
fn as_written(allow: &[Allowance], peer: IpAddr, protocol: u8, port: Option<u16>) -> Allowed {
    let icmp = if peer.is_ipv4() { 1 } else { 58 };
    let mut allowed = Allowed::No;
    for Allowance { protocol: allowance, ports, to, .. } in allow {
        let number = match allowance {
            Protocol::Tcp => 6,
            Protocol::Udp => 17,
            Protocol::Icmp => icmp,
            Protocol::Number(number) => *number,
        };
        if number != protocol || !to.is_none_or(|net| net.contains(&peer)) {
            continue;
        }
        match (ports, port) {
            (None, _) => return Allowed::Yes,
            (Some(ports), Some(port)) if ports.contains(&port) => return Allowed::Yes,
            (Some(_), None) => allowed = Allowed::PortUnknown,
            _ => {}
        }
    }
    allowed
}

/// Networks, addresses and ports that meet often, and those at the ends.
fn some_net() -> impl Strategy<Value = IpNet> {
    let v4 = (prop_oneof![Just(0), Just(u32::MAX), 0x0a00_0000..0x0a00_0040_u32], 24..=32_u8);
    let v6 = (
        prop_oneof![Just(0), Just(u128::MAX), (0xfd_u128 << 120)..(0xfd_u128 << 120) + 64],
        122..=128_u8,
    );
    prop_oneof![
        (v4, any::<bool>()).prop_map(|((address, len), all)| {
            IpNet::new(std::net::Ipv4Addr::from(address).into(), if all { 0 } else { len })
                .unwrap()
                .trunc()
        }),
        (v6, any::<bool>()).prop_map(|((address, len), all)| {
            IpNet::new(std::net::Ipv6Addr::from(address).into(), if all { 0 } else { len })
                .unwrap()
                .trunc()
        }),
    ]
}

fn some_allowance() -> impl Strategy<Value = Allowance> {
    let protocol = prop_oneof![
        Just(Protocol::Tcp),
        Just(Protocol::Udp),
        Just(Protocol::Icmp),
        prop_oneof![Just(1), Just(6), Just(58), Just(132)].prop_map(Protocol::Number),
    ];
    let port = || prop_oneof![Just(0), Just(u16::MAX), 50..70_u16];
    let ports = proptest::option::of((port(), port()).prop_map(|(a, b)| a.min(b)..=a.max(b)));
    (protocol, ports, proptest::option::of(some_net()))
        .prop_map(|(protocol, ports, to)| Allowance { text: String::new(), protocol, ports, to })
}

proptest! {
    #[test]
    fn zones_say_what_networks_and_allowances_say(
        local in collection::vec(some_net(), 0..40),
        allow in collection::vec(some_allowance(), 0..=64),
    ) {
        let mut profile = profile("p", local.clone(), false);
        profile.allow = allow.clone();
        let table = table(&profile, &[]).unwrap();
        let ends = local.iter().copied().chain(allow.iter().filter_map(|allowance| allowance.to));
        let addresses = ends.flat_map(|net| [net.network(), net.broadcast()]).chain([
            "0.0.0.0", "10.0.0.31", "10.0.0.64", "255.255.255.255", "::", "fd00::1f", "fd00::40",
        ].map(|address| address.parse().unwrap()));
        for address in addresses {
            let expected = local.iter().any(|net| net.contains(&address));
            prop_assert_eq!(is_local(&table, address), expected, "{}", address);
            for protocol in [1, 6, 17, 58, 132, 47] {
                for port in [None, Some(0), Some(60), Some(u16::MAX)] {
                    let expected = as_written(&allow, address, protocol, port);
                    let found = allows(&table, address, protocol, port);
                    prop_assert!(found == expected || is_local(&table, address), "{} {} {:?}", address, protocol, port);
                }
            }
        }
    }
}

#[test]
fn guards_and_names_are_compiled() {
    let policy = compiled(EVERYTHING, &[]);
    assert_eq!(policy.profiles[0].table.guards, Profile::NO_ROGUE);
    assert_eq!(policy.profiles[1].table.guards, Profile::LISTED_DNS | Profile::NO_PORT_MAPPING);
    assert_eq!(policy.profiles[1].names.len(), 2);
    for (name, listed) in [
        ("gro.ptn.loop.", true),
        ("gro.ptn.loop.0.", false),
        ("gro.ptn.", false),
        ("ten.elpmaxe.", false),
        ("ten.elpmaxe.a.b.", true),
        ("ten.elpmaxex.", false),
    ] {
        assert_eq!(policy.profiles[1].lists(name.as_bytes()), listed, "{name}");
    }
    assert_eq!(compiled("profile.a.dns = \"deny\"", &[]).profiles[1].table.guards & 3, 1);
}

#[test]
fn a_camera_has_its_addresses_and_its_mode() {
    let policy = compiled(EVERYTHING, &[]);
    let camera = policy.cameras.values().next().unwrap();
    assert_eq!(camera.flags, Camera::AUDIT | Camera::BOUND);
    assert!(camera.has_bound4(u32::from_ne_bytes([192, 168, 1, 31]), Forgotten::new(0)));
    assert!(!camera.has_bound4(0, Forgotten::new(0)));
    let address = |text: &str| halves(text.parse::<std::net::Ipv6Addr>().unwrap().octets());
    assert!(camera.has_bound6(address("fd00:1::7"), Forgotten::new(0)));
    assert!(!camera.has_bound6(address("fd00:2::7"), Forgotten::new(0)));
}

#[test]
fn ports_have_entries_for_unknown_sources_unless_they_pass() {
    let ports = vec![(3, Unknown::Pass), (4, Unknown::Drop), (5, Unknown::Profile(1))];
    let config = config(EVERYTHING);
    let surroundings = Surroundings { ports, ..Surroundings::default() };
    let policy = compile(&config, &surroundings).unwrap();
    let strangers = |ifindex| policy.cameras.get(&Subject::Strangers(ifindex));
    assert_eq!(strangers(3), None);
    assert_eq!(strangers(4).unwrap().flags, Camera::STRANGERS | Camera::SEALED);
    assert_eq!(strangers(5).unwrap().flags, Camera::STRANGERS);
    assert_eq!(strangers(5).unwrap().profile, 1);

    let ports = (1..=129).map(|ifindex| (ifindex, Unknown::Drop)).collect();
    let over = compile(&config, &Surroundings { ports, ..Surroundings::default() });
    assert_eq!(over, Err(CompileError::TooManyPorts { count: 129 }));
}
