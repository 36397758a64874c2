//! Under another MAC, where strangers do not simply pass: on a sealed port, and on one where a
//! profile judges them.

use camfence_common::reason::{
    Direction,
    Reason::{self, Allowed, Inbound, Link, Local, Malformed, NotLocal, Rogue, Sealed, Tunnel},
};
use camfence_tests::{
    Dhcp, Frame, Mac,
    judge::{Bench, Expected, Fixture},
    mac,
};

use crate::{
    DRIVEWAY, DRIVEWAY4, HOME, NVR4, NVR6, PHONE4, ROUTER, ROUTER4, TIME4, VENDOR4, VENDOR6, YARD,
    YARD4, YARD6, calling, driveway4, driveway6, sends,
};

/// What a camera may call itself next.
const OTHER: Mac = mac("02:cf:aa:00:00:77");

fn other() -> Frame {
    Frame::from(OTHER)
}

/// A frame of an unknown source, and the reason it gets.
fn stranger(name: impl Into<String>, frame: &Frame, reason: Reason) -> Fixture {
    Fixture::new(name, Direction::Outbound, frame, Expected::Stranger(reason))
}

/// On a sealed port.
pub(crate) fn attempts() -> Vec<Fixture> {
    let sealed = |name: &str, frame| stranger(name, &frame, Sealed);
    let from = |mac: Mac| calling(Frame::from(mac).ipv4(DRIVEWAY4, VENDOR4));
    let mut next = DRIVEWAY;
    next.0[5] ^= 1;
    vec![
        sealed("out under another MAC", calling(other().ipv4(DRIVEWAY4, VENDOR4))),
        sealed("out over IPv6 under another MAC", calling(other().ipv6(YARD6, VENDOR6))),
        sealed("home under another MAC", calling(other().ipv4(DRIVEWAY4, NVR4))),
        sealed("home over IPv6 under another MAC", calling(other().ipv6(YARD6, NVR6))),
        sealed("out under a MAC that differs in a bit", from(next)),
        sealed("out under a phone's MAC", from(mac("02:cf:aa:00:00:99"))),
        sealed("out under the MAC of all stations", from(Mac::BROADCAST)),
        sealed("out under a group's MAC", from(mac("01:00:5e:00:00:fb"))),
        sealed("out under no MAC", from(Mac([0; 6]))),
        sealed("out with a tag under another MAC", from(OTHER).vlan(20)),
        sealed("out with three tags under another MAC", from(OTHER).vlan(1).vlan(2).vlan(3)),
        sealed("ARP under another MAC", other().arp_request(DRIVEWAY4, ROUTER4)),
        sealed("a DHCP search under another MAC", other().dhcp(&Dhcp::discover(OTHER))),
        sealed("EAPOL under another MAC", other().eapol()),
        sealed("PPPoE under another MAC", other().pppoe(&from(OTHER))),
        sealed("a spanning tree under another MAC", other().llc([0; 35])),
        sealed("a source MAC and nothing else", from(OTHER).truncate(12)),
        sealed("half a header under another MAC", from(OTHER).truncate(20)),
        sends("out under its own MAC, on a sealed port", &calling(driveway4(VENDOR4)), NotLocal),
        sends("in 6in4 under its own MAC, on a sealed port", &tunnel(), Tunnel),
        sends(
            "from another's address under its own MAC, on a sealed port",
            &calling(Frame::from(YARD).ipv4(PHONE4, NVR4)),
            Reason::Spoof,
        ),
    ]
}

fn tunnel() -> Frame {
    driveway4(NVR4).ip_in_ip(&calling(driveway6(VENDOR6)))
}

/// What a sealed port lets through all the same: those who are registered, and what goes to others.
fn passes_a_seal() -> Vec<Fixture> {
    let to = |camera: Mac| Frame::from(ROUTER).to(camera);
    let bystander = |name: &str, direction, frame| Fixture::bystander(name, direction, &frame);
    vec![
        sends("home under its own MAC", &calling(driveway4(NVR4)), Local),
        sends("ARP under its own MAC", &Frame::from(YARD).arp_request(YARD4, ROUTER4), Link),
        bystander(
            "from home to a stranger",
            Direction::Inbound,
            calling(to(OTHER).ipv4(NVR4, PHONE4)),
        ),
        bystander(
            "from outside to a stranger",
            Direction::Inbound,
            calling(to(OTHER).ipv4(VENDOR4, PHONE4)),
        ),
        bystander("half a source MAC", Direction::Outbound, calling(driveway4(NVR4)).truncate(11)),
        Fixture::inbound(
            "from home to a camera",
            &calling(to(DRIVEWAY).ipv4(NVR4, DRIVEWAY4)),
            Local,
        ),
    ]
}

/// On a port where strangers are judged as the porch is.
fn judged() -> Vec<Fixture> {
    let judged = |name: &str, frame, reason| stranger(name, &frame, reason);
    let v4 = |to: &str| other().ipv4(PHONE4, to);
    let to = Frame::from(ROUTER).to(OTHER);
    let inbound = |name: &str, frame: Frame, reason| {
        Fixture::new(name, Direction::Inbound, &frame, Expected::Stranger(reason))
    };
    vec![
        judged("a stranger, out", calling(v4(VENDOR4)), NotLocal),
        judged("a stranger, out over IPv6", calling(other().ipv6("fd00:1::99", VENDOR6)), NotLocal),
        judged("a stranger, to a phone", calling(v4(PHONE4)), NotLocal),
        judged("a stranger in GRE", v4(NVR4).gre(&calling(v4(VENDOR4))), Tunnel),
        judged("a stranger as a router", other().router_advertisement("fe80::99"), Rogue),
        judged("a stranger asks for a port", v4(ROUTER4).nat_pmp_map(554), Reason::PortMapping),
        judged("a stranger cut short", calling(v4(NVR4)).truncate(30), Malformed),
        judged("a stranger, to the recorder", calling(v4(NVR4)), Local),
        judged("a stranger asks for the time", v4(TIME4).ntp_request(), Allowed),
        judged("a stranger's ARP", other().arp_request(PHONE4, ROUTER4), Link),
        inbound(
            "from outside to a stranger that is judged",
            calling(to.clone().ipv4(VENDOR4, PHONE4)),
            Inbound,
        ),
        inbound("from home to a stranger that is judged", calling(to.ipv4(NVR4, PHONE4)), Local),
        Fixture::bystander(
            "to a group, which is no stranger",
            Direction::Inbound,
            &calling(Frame::from(ROUTER).ipv4(VENDOR4, "239.1.2.3")),
        ),
        sends("a camera among strangers, out", &calling(driveway4(VENDOR4)), NotLocal),
        sends("a camera among strangers, to a phone", &calling(driveway4(PHONE4)), Local),
    ]
}

/// Judges fixtures where unknown sources are treated so.
fn check(unknown: &str, fixtures: &[Fixture]) {
    let config = format!("[fence]\nunknown = \"{unknown}\"\n{HOME}");
    Bench::new(&config).expect("the programs load").check(fixtures);
}

#[test]
fn another_mac_gets_nowhere_on_a_sealed_port() {
    check("drop", &attempts());
}

#[test]
fn a_sealed_port_is_open_to_cameras() {
    check("drop", &passes_a_seal());
}

#[test]
fn strangers_can_be_judged_by_a_profile() {
    check("nvr-only", &judged());
}
