use std::{net::IpAddr, path::Path};

use proptest::{collection, prelude::*};

use super::*;

fn config(text: &str) -> Config {
    Config::parse(Path::new("test.toml"), text).unwrap()
}

fn nets(nets: &[&str]) -> Vec<IpNet> {
    nets.iter().map(|net| net.parse().unwrap()).collect()
}

fn profile(name: &str, prefixes: Vec<IpNet>, auto: bool) -> config::Profile {
    config::Profile::new(name, config::Local { prefixes, auto })
}

/// What the core makes of an address.
fn is_local(profile: &Profile, address: IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => profile.is_local4(u32::from_ne_bytes(ip.octets())),
        IpAddr::V6(ip) => profile.is_local6(halves(ip.octets())),
    }
}

#[test]
fn the_default_profile_is_the_private_networks() {
    let policy = compile(&config(""), &nets(&["203.0.113.0/24"])).unwrap();
    let [profile] = policy.profiles.as_slice() else { panic!("{policy:?}") };
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
    let policy = compile(
        &config(
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
        ),
        &[],
    )
    .unwrap();
    let local = |mac: &str, address: &str| {
        let profile = policy.cameras[&mac.parse().unwrap()];
        is_local(&policy.profiles[profile], address.parse().unwrap())
    };
    assert!(local("b0:c5:54:25:5b:0e", "192.168.1.11"));
    assert!(local("74:da:38:80:7a:08", "192.168.1.10"));
    assert!(!local("74:da:38:80:7a:08", "192.168.1.11"));
}

#[test]
fn auto_stands_for_the_prefixes_on_the_link() {
    let on_link = nets(&["203.0.113.0/24", "2001:db8:1::/64"]);
    let with = compile_profile(&profile("p", nets(&["10.0.0.0/8"]), true), &on_link).unwrap();
    let without = compile_profile(&profile("p", nets(&["10.0.0.0/8"]), false), &on_link).unwrap();
    assert_eq!((with.local4_len, with.local6_len), (2, 1));
    assert_eq!((without.local4_len, without.local6_len), (1, 0));
}

#[test]
fn prefixes_are_joined() {
    let joined = nets(&["10.0.0.0/9", "10.128.0.0/9", "10.1.0.0/16", "10.1.0.0/16", "fd00::/64"]);
    let compiled = compile_profile(&profile("p", joined, false), &[]).unwrap();
    assert_eq!((compiled.local4_len, compiled.local6_len), (1, 1));
    assert!(is_local(&compiled, "10.255.0.1".parse().unwrap()));
}

#[test]
fn the_shortest_prefixes_are_everything() {
    let everything = profile("p", nets(&["0.0.0.0/0", "::/0"]), false);
    let compiled = compile_profile(&everything, &[]).unwrap();
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
    let full = compile_profile(&profile("p", apart(64), false), &[]).unwrap();
    assert_eq!((full.local4_len, full.local6_len), (64, 64));
    assert!(is_local(&full, "10.0.0.126".parse().unwrap()));
    assert!(!is_local(&full, "10.0.0.127".parse().unwrap()));

    let over = compile_profile(&profile("p", apart(64), true), &nets(&["203.0.113.0/24"]));
    let error = CompileError::TooManyPrefixes { profile: "p".into(), family: "IPv4", count: 65 };
    assert_eq!(over, Err(error));
    let over = compile_profile(&profile("p", apart(64), true), &nets(&["2001:db8::/64"]));
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
        let compiled = compile_profile(&profile("p", prefixes.clone(), false), &[]).unwrap();
        let edges = prefixes.iter().flat_map(|net| [net.network(), net.broadcast()]);
        for address in edges.chain(others) {
            let expected = prefixes.iter().any(|net| net.contains(&address));
            prop_assert_eq!(is_local(&compiled, address), expected, "{}", address);
        }
    }
}
