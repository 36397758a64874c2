//! A packet for outside within one for home.

use camfence_common::reason::Reason::{NotLocal, SourceRoute, Tunnel};
use camfence_tests::{
    Extension::{DestinationOptions, Esp, HopByHop},
    Frame, IpOption,
    judge::Fixture,
};

use crate::{NVR4, NVR6, TIME4, VENDOR4, VENDOR6, calling, driveway4, driveway6, porch4, sends};

fn inner4() -> Frame {
    calling(driveway4(VENDOR4))
}

fn inner6() -> Frame {
    calling(driveway6(VENDOR6))
}

fn home4() -> Frame {
    driveway4(NVR4)
}

fn home6() -> Frame {
    driveway6(NVR6)
}

/// By protocols that tunnel, to a neighbour who would forward.
fn by_protocol() -> Vec<Fixture> {
    let tunnel = |name: &str, frame| sends(name, &frame, Tunnel);
    let by_number = |name: &str, number| tunnel(name, home4().tunnel(number, &inner4()));
    vec![
        tunnel("IPv4 in IPv4", home4().ip_in_ip(&inner4())),
        tunnel("IPv6 in IPv4 (6in4)", home4().ip_in_ip(&inner6())),
        tunnel("IPv4 in IPv6", home6().ip_in_ip(&inner4())),
        tunnel("IPv6 in IPv6", home6().ip_in_ip(&inner6())),
        tunnel("IPv4 in IPv4 in IPv4", home4().ip_in_ip(&home4().ip_in_ip(&inner4()))),
        tunnel("GRE with IPv4", home4().gre(&inner4())),
        tunnel("GRE with IPv6", home6().gre(&inner6())),
        tunnel("GRE with a whole frame", home4().gre_bridge(&inner4())),
        tunnel("ESP", home4().esp(&inner4())),
        tunnel("ESP over IPv6", home6().extension(Esp).udp(1, 2)),
        tunnel("an authentication header around IPv4", home4().authenticated(&inner4())),
        tunnel("an authentication header around IPv6", home4().authenticated(&inner6())),
        tunnel("EtherIP", home4().etherip(&inner4())),
        tunnel("L2TPv3 over IP", home4().l2tpv3(&inner4())),
        by_number("minimal encapsulation", 55),
        by_number("the IPIP protocol", 94),
        by_number("the ENCAP protocol", 98),
        by_number("IP compression", 108),
        by_number("MPLS in IP", 137),
        by_number("wrapped ESP", 141),
        by_number("robust header compression", 142),
        by_number("Ethernet in IP", 143),
        by_number("a network service header", 145),
        by_number("a register message to a multicast router", 103),
        by_number("AX.25", 93),
        by_number("somebody's own encryption", 99),
    ]
}

/// In disguise, and on the link.
fn in_disguise() -> Vec<Fixture> {
    let tunnel = |name: &str, frame| sends(name, &frame, Tunnel);
    let alert = IpOption::RouterAlert;
    let relay = driveway4("192.88.99.1").ip_in_ip(&inner6());
    let options = home6().extension(HopByHop).extension(DestinationOptions);
    vec![
        tunnel("6in4 to a 6to4 relay", relay),
        tunnel("6in4 to all routers of the link", driveway4("224.0.0.2").ip_in_ip(&inner6())),
        tunnel("6in4 by broadcast", driveway4("255.255.255.255").ip_in_ip(&inner6())),
        tunnel("GRE to a link-local neighbour", driveway6("fe80::1").gre(&inner4())),
        tunnel("GRE with a tag", home4().gre(&inner4()).vlan(20)),
        tunnel("IPv4 in IPv4 behind options", home4().option(&alert).ip_in_ip(&inner4())),
        tunnel("IPv4 in IPv6 behind extension headers", options.ip_in_ip(&inner4())),
        tunnel("a first fragment of 6in4", home4().ip_in_ip(&inner6()).first_fragment()),
        tunnel("a later fragment of 6in4", home4().ip_in_ip(&inner6()).last_fragment(64)),
        tunnel("GRE to the time server", porch4(TIME4).gre(&inner4())),
        tunnel("a tunnel with nothing in it", home4().protocol(47)),
        sends(
            "a tunnel behind a source route",
            &home4().option(&IpOption::loose_route(VENDOR4)).ip_in_ip(&inner4()),
            SourceRoute,
        ),
    ]
}

/// Over UDP or TCP, to a server outside.
fn by_port() -> Vec<Fixture> {
    let out = |name: &str, frame| sends(name, &frame, NotLocal);
    let udp = |name: &str, port| out(name, driveway4(VENDOR4).udp(50_000, port).payload_of(148));
    vec![
        out("VXLAN", driveway4(VENDOR4).vxlan(&inner4())),
        out("Teredo", driveway4(VENDOR4).teredo(&inner6())),
        udp("WireGuard", 51_820),
        udp("OpenVPN", 1194),
        udp("L2TP", 1701),
        udp("a key exchange for IPsec", 500),
        udp("ESP in UDP", 4500),
        udp("GTP", 2152),
        out("PPTP", driveway4(VENDOR4).tcp(50_000, 1723).syn()),
        out("SSH", driveway4(VENDOR4).tcp(50_000, 22).syn()),
    ]
}

pub(crate) fn attempts() -> Vec<Fixture> {
    [by_protocol(), in_disguise(), by_port()].concat()
}
