use super::*;

fn link(index: u32, name: &str, kind: Kind) -> Link {
    Link { index, name: name.into(), kind, ethernet: true, master: None, lower: None, xdp: None }
}

/// A box: two NICs and a veth, a bridge with one of each as ports, a VLAN on the other NIC, a
/// tunnel, and a bridge without ports.
fn links() -> Vec<Link> {
    vec![
        Link { ethernet: false, ..link(1, "lo", Kind::Virtual) },
        link(2, "eth0", Kind::Hardware),
        Link { master: Some(5), ..link(3, "eth1", Kind::Hardware) },
        Link { master: Some(5), ..link(4, "veth0", Kind::Veth) },
        link(5, "br-cam", Kind::Bridge),
        Link { lower: Some(2), ..link(6, "eth0.20", Kind::Virtual) },
        Link { ethernet: false, ..link(7, "wg0", Kind::Virtual) },
        link(8, "br-empty", Kind::Bridge),
        Link { lower: Some(5), ..link(9, "br-cam.30", Kind::Virtual) },
    ]
}

fn names(interfaces: &[&str]) -> Result<Vec<String>, TopologyError> {
    names_in(interfaces, &links())
}

fn names_in(interfaces: &[&str], links: &[Link]) -> Result<Vec<String>, TopologyError> {
    let interfaces: Vec<String> = interfaces.iter().map(ToString::to_string).collect();
    Ok(ports(&interfaces, links)?.into_iter().map(|port| port.name).collect())
}

fn stacked(upper: &str, lower: &str) -> Result<Vec<String>, TopologyError> {
    Err(TopologyError::Stacked { upper: upper.into(), lower: lower.into() })
}

#[test]
fn an_interface_stands_for_itself() {
    assert_eq!(names(&["eth0"]).unwrap(), ["eth0"]);
    assert_eq!(names(&["eth0.20"]).unwrap(), ["eth0.20"]);
    assert_eq!(names(&["veth0", "eth0"]).unwrap(), ["veth0", "eth0"]);
}

#[test]
fn a_bridge_stands_for_its_ports() {
    assert_eq!(names(&["br-cam"]).unwrap(), ["eth1", "veth0"]);
    assert_eq!(names(&["eth0", "br-cam"]).unwrap(), ["eth0", "eth1", "veth0"]);
}

#[test]
fn a_port_that_is_named_twice_is_one() {
    assert_eq!(names(&["eth0", "eth0"]).unwrap(), ["eth0"]);
    assert_eq!(names(&["veth0", "br-cam", "eth1"]).unwrap(), ["veth0", "eth1"]);
}

#[test]
fn interfaces_that_cannot_be_fenced() {
    let name = |name: &str| name.to_owned();
    assert_eq!(names(&[]), Err(TopologyError::None));
    assert_eq!(names(&["eth9"]), Err(TopologyError::Missing { name: name("eth9") }));
    assert_eq!(names(&["br-empty"]), Err(TopologyError::EmptyBridge { name: name("br-empty") }));
    assert_eq!(names(&["wg0"]), Err(TopologyError::NotEthernet { name: name("wg0") }));
    assert_eq!(names(&["eth0", "lo"]), Err(TopologyError::NotEthernet { name: name("lo") }));
}

#[test]
fn interfaces_on_top_of_each_other_are_refused() {
    assert_eq!(names(&["eth0", "eth0.20"]), stacked("eth0.20", "eth0"));
    assert_eq!(names(&["eth0.20", "eth0"]), stacked("eth0.20", "eth0"));
    assert_eq!(names(&["br-cam", "br-cam.30"]), stacked("br-cam.30", "eth1"));
    assert_eq!(names(&["veth0", "br-cam.30"]), stacked("br-cam.30", "veth0"));
    assert_eq!(names(&["eth0.20", "br-cam"]).unwrap(), ["eth0.20", "eth1", "veth0"]);
}

#[test]
fn stacks_are_followed_all_the_way_down() {
    let links = [
        Link { master: Some(3), ..link(1, "eth0", Kind::Hardware) },
        Link { master: Some(3), ..link(2, "eth1", Kind::Hardware) },
        link(3, "bond0", Kind::Virtual),
        Link { lower: Some(3), master: Some(5), ..link(4, "bond0.20", Kind::Virtual) },
        link(5, "br-cam", Kind::Bridge),
    ];
    assert_eq!(names_in(&["br-cam"], &links).unwrap(), ["bond0.20"]);
    assert_eq!(names_in(&["bond0"], &links).unwrap(), ["bond0"]);
    assert_eq!(names_in(&["eth0", "eth1"], &links).unwrap(), ["eth0", "eth1"]);
    assert_eq!(names_in(&["br-cam", "eth1"], &links), stacked("bond0.20", "eth1"));
    assert_eq!(names_in(&["bond0", "eth0"], &links), stacked("bond0", "eth0"));
}

#[test]
fn a_circle_of_links_is_left() {
    let links = [
        Link { lower: Some(2), ..link(1, "a", Kind::Virtual) },
        Link { lower: Some(1), ..link(2, "b", Kind::Virtual) },
        link(3, "c", Kind::Hardware),
    ];
    assert_eq!(names_in(&["c"], &links).unwrap(), ["c"]);
    assert!(names_in(&["a", "b"], &links).is_err());
}

#[test]
fn every_error_has_a_hint() {
    let name = || "eth0".to_owned();
    for error in [
        TopologyError::None,
        TopologyError::Missing { name: name() },
        TopologyError::EmptyBridge { name: name() },
        TopologyError::NotEthernet { name: name() },
        TopologyError::Stacked { upper: name(), lower: name() },
    ] {
        assert!(!error.hint().is_empty() && !error.hint().contains('\n'), "{error:?}");
    }
}

#[test]
fn auto_stands_for_the_prefixes_of_ports_and_their_bridges() {
    let net = |net: &str| -> IpNet { net.parse().unwrap() };
    let prefixes = BTreeMap::from([
        (2, vec![net("203.0.113.0/24")]),
        (3, vec![net("192.168.2.0/24")]),
        (5, vec![net("192.168.1.0/24"), net("fd00:1::/64")]),
    ]);
    let ports_of = |name: &str| ports(&[name.to_owned()], &links()).unwrap();
    let mut found = on_link_prefixes(ports_of("br-cam").iter(), &prefixes);
    found.sort();
    assert_eq!(found, [net("192.168.1.0/24"), net("192.168.2.0/24"), net("fd00:1::/64")]);
    assert_eq!(on_link_prefixes(ports_of("eth0").iter(), &prefixes), [net("203.0.113.0/24")]);
    assert_eq!(on_link_prefixes(ports_of("eth0.20").iter(), &prefixes), []);
}

#[test]
fn hooks_follow_the_configuration_and_auto_the_kind() {
    use config::Hook as Asked;

    assert_eq!(hooks(Asked::Auto, Kind::Hardware), [Hook::XdpNative, Hook::Tc]);
    for kind in [Kind::Bridge, Kind::Veth, Kind::Virtual] {
        assert_eq!(hooks(Asked::Auto, kind), [Hook::Tc], "{kind:?}");
    }
    for kind in [Kind::Hardware, Kind::Bridge, Kind::Veth, Kind::Virtual] {
        assert_eq!(hooks(Asked::Tc, kind), [Hook::Tc], "{kind:?}");
        assert_eq!(hooks(Asked::Xdp, kind), [Hook::XdpNative], "{kind:?}");
        assert_eq!(hooks(Asked::XdpGeneric, kind), [Hook::XdpGeneric], "{kind:?}");
    }
}

#[test]
fn a_port_says_more_than_its_bridge_and_that_more_than_the_fence() {
    let config = |text: &str| Config::parse(std::path::Path::new("test.toml"), text).unwrap();
    let links = links();
    let of = |config: &Config, name: &str| {
        let port = links.iter().find(|link| link.name == name).unwrap();
        settings(config, port, &links)
    };
    let fence = "[fence]\nhook = \"tc\"\nunknown = \"drop\"\n";
    let bridge = format!("{fence}[interface.br-cam]\nhook = \"xdp\"\nunknown = \"default\"\n");
    let port = format!("{bridge}[interface.veth0]\nunknown = \"pass\"\n");
    let [fence, bridge, port] = [fence, &bridge, &port].map(config);
    assert_eq!(of(&fence, "eth1"), (config::Hook::Tc, Unknown::Drop));
    assert_eq!(of(&bridge, "eth1"), (config::Hook::Xdp, Unknown::Profile(0)));
    assert_eq!(of(&bridge, "eth0"), (config::Hook::Tc, Unknown::Drop), "no port of the bridge");
    assert_eq!(of(&port, "veth0"), (config::Hook::Xdp, Unknown::Pass), "each key by itself");
    assert_eq!(of(&port, "eth1"), (config::Hook::Xdp, Unknown::Profile(0)));
}
