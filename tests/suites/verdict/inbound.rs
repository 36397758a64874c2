//! Frames to a camera: the source address is judged.

use camfence_common::reason::Reason::{
    EtherType, Inbound, Link, Local, Malformed, OnLink, SourceRoute, Tunnel,
};
use camfence_tests::{Extension, Frame, IpOption, Mac};

use crate::{CAM, CAM4, CAM6, NVR4, NVR6, PORCH, STRANGER, VENDOR4, VENDOR6, check, inbound};

fn to_cam() -> Frame {
    Frame::from(STRANGER).to(CAM)
}

fn from4(source: &str) -> Frame {
    to_cam().ipv4(source, CAM4).tcp(443, 5000).psh().ack().payload(b"hello")
}

fn from6(source: &str) -> Frame {
    to_cam().ipv6(source, CAM6).udp(10240, 5000).payload(b"hello")
}

#[test]
fn ipv4_sources() {
    let expected = [
        (NVR4, Local),
        ("10.255.255.255", Local),
        ("11.0.0.0", Inbound),
        ("172.15.255.255", Inbound),
        ("172.31.255.255", Local),
        ("192.167.255.255", Inbound),
        ("192.168.255.255", Local),
        (VENDOR4, Inbound),
        ("0.0.0.0", Inbound),
        ("100.64.0.1", Inbound),
        ("127.0.0.1", Inbound),
        ("169.253.255.255", Inbound),
        ("169.254.0.1", OnLink),
        ("169.254.255.255", OnLink),
        ("169.255.0.0", Inbound),
        // No packet comes from a group or from everybody.
        ("224.0.0.1", Inbound),
        ("224.0.0.251", Inbound),
        ("239.255.255.250", Inbound),
        ("240.0.0.1", Inbound),
        ("255.255.255.255", Inbound),
    ];
    check(&expected.map(|(source, reason)| inbound(source, &from4(source), reason)));
}

#[test]
fn ipv6_sources() {
    let expected = [
        (NVR6, Local),
        ("fc00::", Local),
        ("fbff:ffff::1", Inbound),
        ("fdff:ffff::1", Local),
        ("fe00::1", Inbound),
        ("fe7f:ffff::1", Inbound),
        ("fe80::1", OnLink),
        ("febf:ffff::1", OnLink),
        ("fec0::1", Inbound),
        (VENDOR6, Inbound),
        ("::", OnLink),
        ("::1", Inbound),
        ("::ffff:192.168.1.10", Inbound),
        ("64:ff9b::192.168.1.10", Inbound),
        ("2002:c0a8:10a::1", Inbound),
        ("ff01::1", Inbound),
        ("ff02::1", Inbound),
        ("ff05::c", Inbound),
        ("ff08::1", Inbound),
        ("ff0e::1", Inbound),
    ];
    check(&expected.map(|(source, reason)| inbound(source, &from6(source), reason)));
}

#[test]
fn the_destination_address_does_not_matter() {
    let to = |source: &str, address: &str| to_cam().ipv4(source, address).udp(1, 2);
    check(&[
        inbound("home to nowhere", &to(NVR4, VENDOR4), Local),
        inbound("home to a group", &to(NVR4, "239.255.255.250").to(CAM), Local),
        inbound("internet to the link", &to(VENDOR4, "255.255.255.255").to(CAM), Inbound),
        inbound("internet to a group", &to(VENDOR4, "224.0.0.251").to(CAM), Inbound),
        inbound("DHCP offer", &to("192.168.1.1", CAM4), Local),
        inbound("internet over IPv6 to the link", &to_cam().ipv6(VENDOR6, "fe80::31"), Inbound),
    ]);
}

#[test]
fn the_link() {
    check(&[
        inbound("ARP reply", &to_cam().arp_reply(NVR4, CAM4), Link),
        inbound("ARP request", &to_cam().arp_request(NVR4, CAM4), Link),
        inbound("ARP from the internet", &to_cam().arp_reply(VENDOR4, CAM4), Link),
        inbound("EAPOL", &to_cam().eapol(), Link),
        inbound("LLDP", &to_cam().lldp(), Link),
        inbound("pre-authentication", &to_cam().preauthentication(), Link),
        inbound("PPPoE", &to_cam().pppoe(&from4(NVR4)), EtherType),
        inbound("MPLS", &to_cam().mpls(16, &from4(NVR4)), EtherType),
        inbound("LLC", &to_cam().llc([0; 35]), EtherType),
        inbound("tagged home", &from4(NVR4).vlan(20), Local),
        inbound("tagged internet", &from4(VENDOR4).vlan(20), Inbound),
        inbound("tagged twice home", &from6(NVR6).qinq(100, 20), Local),
        inbound("tagged twice internet", &from6(VENDOR6).qinq(100, 20), Inbound),
        inbound("three tags", &from4(NVR4).qinq(100, 20).vlan(30), Malformed),
    ]);
}

#[test]
fn encapsulations_and_source_routes() {
    let mut fixtures = Vec::new();
    for number in [4, 41, 47, 50, 55, 94, 97, 98, 108, 111, 115, 137, 141, 142, 143, 144] {
        for source in [NVR4, VENDOR4] {
            let frame = to_cam().ipv4(source, CAM4).tunnel(number, &from4(NVR4));
            fixtures.push(inbound(format!("protocol {number} from {source}"), &frame, Tunnel));
        }
        let frame = to_cam().ipv6("fe80::1", CAM6).tunnel(number, &from6(NVR6));
        fixtures.push(inbound(format!("protocol {number} from the link"), &frame, Tunnel));
    }
    let loose = IpOption::loose_route(NVR4);
    let routing = Extension::routing(0, NVR6);
    fixtures.extend([
        inbound("source route from home", &from4(NVR4).option(&loose), SourceRoute),
        inbound("source route from the internet", &from4(VENDOR4).option(&loose), SourceRoute),
        inbound("routing header from home", &from6(NVR6).extension(routing.clone()), SourceRoute),
        inbound("routing header from the link", &from6("fe80::1").extension(routing), SourceRoute),
    ]);
    check(&fixtures);
}

#[test]
fn malformed_ones() {
    let options = Extension::Claiming(60, 9, vec![0; 6]);
    check(&[
        inbound("total length zero", &from4(NVR4).claim_length(0), Malformed),
        inbound("total length beyond", &from4(NVR4).claim_length(1500), Malformed),
        inbound("header of four words", &from4(NVR4).claim_ihl(4), Malformed),
        inbound("version 6 in IPv4", &from4(NVR4).claim_version(6), Malformed),
        inbound("version 4 in IPv6", &from6(NVR6).claim_version(4), Malformed),
        inbound("payload length beyond", &from6(NVR6).claim_length(14), Malformed),
        inbound("option of no length", &from4(NVR4).option(&IpOption::claiming(7, 0)), Malformed),
        inbound("extension over the end", &from6(NVR6).extension(options), Malformed),
        inbound("fragment from home", &from4(NVR4).last_fragment(64), Local),
        inbound("fragment from the internet", &from6(VENDOR6).last_fragment(64), Inbound),
    ]);
}

#[test]
fn the_cameras_own_profile_counts() {
    let to = |camera: Mac, source: &str| Frame::from(STRANGER).to(camera).ipv4(source, CAM4).ping();
    check(&[
        inbound("recorder to the porch", &to(PORCH, NVR4), Local),
        inbound("neighbour to the porch", &to(PORCH, "192.168.1.9"), Inbound),
        inbound("neighbour to the driveway", &to(CAM, "192.168.1.9"), Local),
        inbound("camera to camera", &Frame::from(PORCH).to(CAM).ipv4(NVR4, CAM4).ping(), Local),
        inbound("camera to itself", &Frame::from(CAM).to(CAM).ipv4(VENDOR4, CAM4), Inbound),
    ]);
}
