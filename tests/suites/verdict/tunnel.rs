//! Encapsulations are dropped wherever they go.

use camfence_common::reason::Reason::{Local, SourceRoute, Tunnel};
use camfence_tests::{Frame, IpOption, judge::Fixture};

use crate::{CAM4, CAM6, NVR4, NVR6, VENDOR4, VENDOR6, cam, check, outbound, to4, to6};

/// Protocols whose payload is a packet or frame, in clear or not.
const TUNNELS: [(u8, &str); 29] = [
    (4, "IP in IP"),
    (41, "IPv6 in IP"),
    (47, "GRE"),
    (50, "ESP"),
    (55, "minimal encapsulation"),
    (94, "IPIP"),
    (97, "EtherIP"),
    (98, "ENCAP"),
    (108, "IP compression"),
    (111, "IPX in IP"),
    (115, "L2TP"),
    (137, "MPLS in IP"),
    (141, "WESP"),
    (42, "SDRP"),
    (48, "DSR"),
    (53, "SWIPE"),
    (57, "SKIP"),
    (131, "PIPE"),
    (142, "ROHC"),
    (143, "Ethernet"),
    (144, "AGGFRAG"),
    (52, "I-NLSP"),
    (80, "ISO-IP"),
    (93, "AX.25"),
    (99, "private encryption"),
    (103, "PIM"),
    (120, "UTI"),
    (133, "Fibre Channel"),
    (145, "NSH"),
];

fn v4(to: &str) -> Frame {
    cam().ipv4(CAM4, to)
}

fn v6(to: &str) -> Frame {
    cam().ipv6(CAM6, to)
}

#[test]
fn every_protocol_everywhere() {
    let in4 = |number, to| v4(to).tunnel(number, &to4(VENDOR4));
    let in6 = |number, to| v6(to).tunnel(number, &to6(VENDOR6));
    let mut fixtures = Vec::new();
    for (number, name) in TUNNELS {
        for to in [NVR4, VENDOR4, "239.255.255.250"] {
            fixtures.push(outbound(format!("{name} to {to}"), &in4(number, to), Tunnel));
        }
        for to in [NVR6, VENDOR6, "ff02::fb"] {
            fixtures.push(outbound(format!("{name} to {to}"), &in6(number, to), Tunnel));
        }
    }
    check(&fixtures);
}

#[test]
fn well_formed_ones() {
    let (in4, in6) = (to4(VENDOR4), to6(VENDOR6));
    let with = |name: &str, frame: &Frame| outbound(name, frame, Tunnel);
    check(&[
        with("IPv4 in IPv4", &v4(NVR4).ip_in_ip(&in4)),
        with("6in4", &v4(NVR4).ip_in_ip(&in6)),
        with("IPv4 in IPv6", &v6(NVR6).ip_in_ip(&in4)),
        with("IPv6 in IPv6", &v6(NVR6).ip_in_ip(&in6)),
        with("GRE with IPv4", &v4(NVR4).gre(&in4)),
        with("GRE with IPv6", &v6(NVR6).gre(&in6)),
        with("EtherIP", &v4(NVR4).etherip(&in4)),
        with("home in home", &v4(NVR4).ip_in_ip(&to4(NVR4))),
        with("tagged", &v4(NVR4).ip_in_ip(&in4).vlan(20)),
        with("tagged twice", &v6(NVR6).gre(&in4).qinq(1, 2)),
        with("behind options", &v4(NVR4).option(&IpOption::RouterAlert).ip_in_ip(&in4)),
        with("nothing inside", &v4(NVR4).protocol(4)),
        outbound(
            "behind a source route",
            &v4(NVR4).option(&IpOption::loose_route(VENDOR4)).ip_in_ip(&in4),
            SourceRoute,
        ),
    ]);
}

#[test]
fn other_protocols_are_none() {
    let others = [1, 2, 3, 6, 17, 40, 46, 49, 54, 56, 58, 88, 89, 95, 100, 104, 107, 109]
        .into_iter()
        .chain([112, 114, 116, 119, 121, 132, 134, 136, 138, 146, 253, 254, 255]);
    let fixture = |number: u8| -> Fixture {
        outbound(format!("protocol {number}"), &v4(NVR4).protocol(number).payload_of(40), Local)
    };
    check(&others.map(fixture).collect::<Vec<_>>());
}
