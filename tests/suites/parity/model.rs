//! The model itself, against what the design says.

use std::path::Path;

use camfence::config::{self, Config, Unknown};
use camfence_common::reason::{
    Direction::{self, Inbound, Outbound},
    Reason::{
        self, Allowed, Dns, EtherType, Fragment, Link, Local, Malformed, NotLocal, OnLink,
        PortMapping, Rogue, Sealed, SourceRoute, Spoof, Tunnel,
    },
};
use camfence_tests::{
    Extension::{self, Authentication, DestinationOptions, Fragment as Part, HopByHop},
    Frame, IpOption, Mac, mac,
    model::judge,
};

use crate::{
    frames::{dhcp, dns::Query},
    policies,
};

const CAM: Mac = mac("02:cf:00:00:00:01");
const STRANGER: Mac = mac("02:cf:00:00:00:99");
const OWN4: &str = "192.168.1.31";
const OWN6: &str = "fd00:1::31";
const VENDOR: &str = "203.0.113.7";
const NVR: &str = "192.168.1.10";

/// A camera with the default profile, changed.
fn config(change: impl FnOnce(&mut Config)) -> Config {
    let text = format!("[fence]\n[[camera]]\nmac = \"{CAM}\"\nname = \"cam\"\n");
    let mut config = Config::parse(Path::new("test.toml"), &text).expect("it is right");
    change(&mut config);
    config
}

fn bound(addresses: &[&str]) -> Config {
    let nets = addresses.iter().map(|text| text.parse().expect("a network")).collect();
    config(|config| config.cameras[0].addresses = nets)
}

fn allowing(entries: &[(&str, Option<u16>, Option<&str>)]) -> Config {
    config(|config| {
        let allow = entries.iter().map(|&(protocol, port, to)| {
            policies::allowance(protocol, port.map(|port| port..=port), to)
        });
        config.profiles[0].allow = allow.collect();
    })
}

fn guarded(dns: config::Dns) -> Config {
    config(|config| {
        config.profiles[0].dns = dns;
        config.profiles[0].port_mapping = config::Guard::Deny;
    })
}

fn cam() -> Frame {
    Frame::from(CAM)
}

fn to(destination: &str) -> Frame {
    cam().ipv4(OWN4, destination).udp(5000, 10240)
}

#[track_caller]
fn expect(config: &Config, direction: Direction, cases: &[(&str, Frame, Reason)]) {
    for (name, frame, reason) in cases {
        let judged = judge(config, direction, Unknown::Pass, &frame.build());
        assert_eq!(judged, Some(*reason), "{name}");
    }
}

#[test]
fn strangers_are_judged_as_the_port_says() {
    let config = config(|_| ());
    let from = Frame::from(STRANGER).to("02:cf:00:00:00:77").ipv4(OWN4, VENDOR).udp(1, 2).build();
    let group = Frame::from(STRANGER).broadcast().ipv4(VENDOR, OWN4).udp(1, 2).build();
    let reason = |direction, unknown, frame| judge(&config, direction, unknown, frame);
    for direction in Direction::ALL {
        assert_eq!(reason(direction, Unknown::Pass, &from), None);
    }
    assert_eq!(reason(Outbound, Unknown::Drop, &from), Some(Sealed));
    assert_eq!(reason(Inbound, Unknown::Drop, &from), None);
    assert_eq!(reason(Outbound, Unknown::Profile(0), &from), Some(NotLocal));
    assert_eq!(reason(Inbound, Unknown::Profile(0), &from), Some(Local));
    assert_eq!(reason(Inbound, Unknown::Profile(0), &group), None);
}

#[test]
fn what_is_not_understood_is_malformed_or_of_another_kind() {
    let nvr = || to(NVR);
    let udp = |bytes| cam().ipv4(OWN4, NVR).protocol(17).payload_of(bytes);
    expect(
        &config(|_| ()),
        Outbound,
        &[
            ("two tags", nvr().qinq(1, 2), Local),
            ("three tags", nvr().qinq(1, 2).vlan(3), Malformed),
            ("MPLS", cam().mpls(1, &nvr()), EtherType),
            ("EAPOL", cam().eapol(), Link),
            ("ARP", cam().arp_request(VENDOR, NVR), Link),
            ("version", nvr().claim_version(6), Malformed),
            ("header length", nvr().claim_ihl(4), Malformed),
            ("longer than the frame", nvr().claim_length(29), Malformed),
            ("too short for UDP", udp(7), Malformed),
            ("UDP in the padding", udp(7).pad_to(60), Malformed),
            ("UDP's header alone", udp(8), Local),
            ("options", nvr().option(&IpOption::claiming(68, 1)), Malformed),
            ("source route", nvr().option(&IpOption::loose_route(NVR)), SourceRoute),
            ("tunnel", nvr().protocol(4), Tunnel),
            ("ICMPv6 in IPv4", nvr().protocol(58), Local),
        ],
    );
}

#[test]
fn extension_headers_are_walked() {
    let chain = |extensions: &[Extension]| {
        let frame = cam().ipv6(OWN6, "fd00:1::1").tcp(1, 2);
        extensions.iter().cloned().fold(frame, Frame::extension)
    };
    let long = Extension::Claiming(60, 57, vec![0; 57 * 8 + 6]);
    expect(
        &config(|_| ()),
        Outbound,
        &[
            ("six", chain(&vec![DestinationOptions; 6]), Local),
            ("seven", chain(&vec![DestinationOptions; 7]), Malformed),
            ("hop-by-hop second", chain(&[Authentication, HopByHop]), Malformed),
            ("a later fragment's chain", chain(&[Part(8, false), HopByHop]), Local),
            ("routing", chain(&[HopByHop, Extension::routing(0, "::1")]), SourceRoute),
            ("beyond what is looked at", chain(&[long]), Malformed),
            ("encrypted", chain(&[Authentication, Extension::Esp]), Tunnel),
        ],
    );
}

#[test]
fn a_bound_camera_sends_as_itself() {
    let config = bound(&["192.168.1.31/32", "fd00:1::/64"]);
    let from = |source: &str| cam().ipv4(source, NVR).udp(1, 2);
    let from6 = |source: &str| cam().ipv6(source, "ff02::1");
    let client = |source: &str| cam().ipv4(source, "255.255.255.255").udp(68, 67);
    let other = dhcp(STRANGER, 6);
    expect(
        &config,
        Outbound,
        &[
            ("own", from(OWN4), Local),
            ("another's", from("192.168.1.32"), Spoof),
            ("link-local", from("169.254.1.1"), Local),
            ("no address", from("0.0.0.0"), Spoof),
            ("IGMP without address", from("0.0.0.0").protocol(2), Local),
            ("IPv6", from6("fd00:1::7").udp(1, 2), OnLink),
            ("another's IPv6", from6("fd00:2::7").udp(1, 2), Spoof),
            ("a ping from ::", from6("::").ping(), OnLink),
            ("UDP from ::", from6("::").udp(68, 67), Spoof),
            ("DHCP", client("0.0.0.0").payload(dhcp(CAM, 6)), OnLink),
            ("DHCP for another", client("0.0.0.0").payload(&other), Spoof),
            ("DHCP renewal for another", client(OWN4).payload(other), Spoof),
            ("DHCP, another length", client(OWN4).payload(dhcp(CAM, 16)), Spoof),
            ("short DHCP", client(OWN4).payload(&dhcp(CAM, 6)[..33]), Malformed),
            ("fragment of DHCP", client(OWN4).payload(dhcp(CAM, 6)).first_fragment(), Spoof),
            ("advertises its own", cam().neighbor_advertisement(OWN6, "ff02::1", OWN6), OnLink),
            ("advertises", cam().neighbor_advertisement(OWN6, "ff02::1", "fd00:2::1"), Spoof),
            ("asks", cam().neighbor_solicitation(OWN6, "fd00:2::1"), OnLink),
            ("probes its own", cam().dad_probe("fe80::1"), OnLink),
            ("probes", cam().dad_probe("fd00:2::1"), Spoof),
            ("a fragment", cam().neighbor_solicitation(OWN6, OWN6).first_fragment(), Spoof),
            ("ARP", cam().arp_request(OWN4, NVR), Link),
            ("ARP probe", cam().arp_probe(OWN4), Link),
            ("ARP for another", cam().arp_reply(NVR, VENDOR), Spoof),
            ("short ARP", cam().arp_probe(OWN4).truncate(41), Malformed),
            ("ARP of another kind", cam().ethertype(0x0806).payload([0; 28]), Malformed),
        ],
    );
    let only6 = bound(&["fd00:1::/64"]);
    expect(&only6, Outbound, &[("IPv4", from(OWN4), Spoof), ("ARP", cam().arp_probe(NVR), Spoof)]);
}

#[test]
fn dns_is_asked_only_for_what_is_listed() {
    let names = vec![policies::name("*.example.net"), policies::name("ntp.org")];
    let ask = |query: Query| to(NVR).udp(5000, 53).payload(query.bytes());
    let edns = |record: [u8; 11]| {
        let query = Query::of("ntp.org");
        Query { additional: 1, behind: [&query.behind[..], &record].concat(), ..query }
    };
    let config = guarded(config::Dns::Only(names));
    expect(
        &config,
        Outbound,
        &[
            ("exact, case aside", ask(Query::of("NTP.org")), Local),
            ("below exact", ask(Query::of("0.ntp.org")), Dns),
            ("below", ask(Query::of("a.b.example.net")), Local),
            ("the suffix itself", ask(Query::of("example.net")), Dns),
            ("a look-alike", ask(Query::of("badexample.net")), Dns),
            ("two questions", ask(Query { questions: 2, ..Query::of("ntp.org") }), Dns),
            ("EDNS", ask(edns([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0])), Local),
            ("no EDNS", ask(edns([0, 0, 6, 4, 208, 0, 0, 0, 0, 0, 0])), Dns),
            ("EDNS cut", ask(edns([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 1])), Dns),
            ("a response", ask(Query { flags: 0x8000, ..Query::of("ntp.org") }), Dns),
            ("UDP length", ask(Query::of("ntp.org")).claim_udp_length(30), Dns),
            ("first fragment", ask(Query::of("ntp.org")).first_fragment(), Dns),
            ("later fragment", ask(Query::of("ntp.org")).last_fragment(64), Local),
            ("TCP", to(NVR).tcp(1, 53), Dns),
            ("over TLS", to(NVR).tcp(1, 853), Dns),
            (
                "listed, outside",
                to(VENDOR).udp(1, 53).payload(Query::of("ntp.org").bytes()),
                NotLocal,
            ),
        ],
    );
    let denied = guarded(config::Dns::Deny);
    expect(&denied, Outbound, &[("denied", ask(Query::of("ntp.org")), Dns)]);
}

#[test]
fn guards_stand_before_what_is_local() {
    let ssdp = |text: &str| to("239.255.255.250").udp(1900, 1900).payload(text);
    let v6 = |source, destination| cam().ipv6(OWN6, "ff02::1").udp(source, destination);
    expect(
        &guarded(config::Dns::Pass),
        Outbound,
        &[
            ("search", ssdp("M-SEARCH * HTTP/1.1"), PortMapping),
            ("announcement", ssdp("NOTIFY * HTTP/1.1"), OnLink),
            ("announcement in the padding", ssdp("NOTIF").pad_to(60), PortMapping),
            ("NAT-PMP", to(NVR).udp(1, 5351), PortMapping),
            ("DHCP offer", to("255.255.255.255").udp(67, 68), Rogue),
            ("DHCPv6 offer", v6(547, 546), Rogue),
            ("DHCP's ports over IPv6", v6(67, 68), OnLink),
            ("router advertisement", cam().router_advertisement("fe80::1"), Rogue),
            ("redirect", to(NVR).icmp(5, 1), Rogue),
            ("ping", to(NVR).ping(), Local),
        ],
    );
}

#[test]
fn allowances_fit_protocol_address_and_port() {
    let config =
        allowing(&[("udp", Some(123), None), ("47", None, None), ("icmp", None, Some(VENDOR))]);
    let later = to(VENDOR).last_fragment(64);
    expect(
        &config,
        Outbound,
        &[
            ("NTP", to(VENDOR).udp(1, 123), Allowed),
            ("another port", to(VENDOR).udp(123, 124), NotLocal),
            ("TCP", to(VENDOR).tcp(1, 123), NotLocal),
            ("ping", to(VENDOR).ping(), Allowed),
            ("ping another", to("203.0.113.8").ping(), NotLocal),
            ("later fragment", later, Fragment),
            ("later fragment of a ping", to(VENDOR).ping().last_fragment(64), Allowed),
            ("a tunnel all the same", to(VENDOR).protocol(47), Tunnel),
        ],
    );
    let answer = |port| Frame::from(STRANGER).to(CAM).ipv4(VENDOR, OWN4).udp(port, 123);
    expect(
        &config,
        Inbound,
        &[
            ("answer", answer(123), Allowed),
            ("question", answer(124), Reason::Inbound),
            ("later fragment", answer(123).last_fragment(64), Fragment),
            (
                "limited broadcast is no source",
                answer(1).ipv4("255.255.255.255", OWN4),
                Reason::Inbound,
            ),
        ],
    );
}
