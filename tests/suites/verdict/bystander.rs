//! Sources that nobody registered: whatever they send passes and nothing is counted.

use camfence_common::reason::{Direction, Reason};
use camfence_tests::{Frame, IpOption, Mac, mac};

use crate::{CAM, CAM4, NVR4, STRANGER, VENDOR4, VENDOR6, bystander, check, outbound, to4};

fn stranger() -> Frame {
    Frame::from(STRANGER)
}

fn calling_out() -> Frame {
    stranger().ipv4("192.168.1.99", VENDOR4).tcp(5000, 443).syn()
}

#[test]
fn well_formed_frames_pass() {
    check(&[
        bystander("to the internet", &calling_out()),
        bystander("to the internet over IPv6", &stranger().ipv6("fd00:1::99", VENDOR6).udp(1, 2)),
        bystander("to a neighbour", &stranger().ipv4("192.168.1.99", NVR4).ping()),
        bystander("to a camera", &stranger().to(CAM).ipv4("192.168.1.99", CAM4).ping()),
        bystander("with a camera's address", &stranger().ipv4(CAM4, VENDOR4).udp(5000, 10240)),
        bystander("ARP", &stranger().arp_request("192.168.1.99", NVR4)),
        bystander("PPPoE", &stranger().pppoe(&calling_out())),
        bystander("MPLS", &stranger().mpls(16, &calling_out())),
        bystander("spanning tree", &stranger().llc([0; 35])),
        bystander("IP in IP", &calling_out().ip_in_ip(&calling_out())),
        bystander("unknown EtherType", &stranger().ethertype(0x88b5).payload_of(46)),
        bystander("tagged", &calling_out().vlan(20)),
        bystander("tagged twice", &calling_out().qinq(100, 20)),
    ]);
}

#[test]
fn malformed_frames_pass() {
    check(&[
        bystander("three tags", &calling_out().qinq(100, 20).vlan(30)),
        bystander("nothing but addresses and EtherType", &calling_out().truncate(14)),
        bystander("half a tag", &calling_out().vlan(20).truncate(15)),
        bystander("half an IPv4 header", &calling_out().truncate(24)),
        bystander("IPv4 that says version 6", &calling_out().claim_version(6)),
        bystander("IPv4 header of no words", &calling_out().claim_ihl(0)),
        bystander("total length zero", &calling_out().claim_length(0)),
        bystander("total length beyond the frame", &calling_out().claim_length(1500)),
        bystander("source route", &calling_out().option(&IpOption::loose_route(VENDOR4))),
        bystander("option of no length", &calling_out().option(&IpOption::claiming(68, 0))),
    ]);
}

#[test]
fn frames_that_end_before_their_source_pass() {
    let frames = (0..12).map(|length| {
        let frame = to4(VENDOR4).truncate(length);
        bystander(format!("a camera's frame cut to {length} bytes"), &frame)
    });
    check(&frames.collect::<Vec<_>>());
}

#[test]
fn a_mac_that_differs_in_any_bit_is_a_strangers() {
    let flips = (0..48).map(|bit: usize| {
        let mut other = CAM;
        other.0[bit / 8] ^= 1 << (bit % 8);
        let frame = Frame::from(other).ipv4(CAM4, VENDOR4).udp(5000, 10240);
        bystander(format!("bit {bit}: {other}"), &frame)
    });
    check(&flips.collect::<Vec<_>>());
}

#[test]
fn odd_macs_are_strangers() {
    let frame = |source: Mac| Frame::from(source).ipv4(CAM4, VENDOR4).udp(5000, 10240);
    check(&[
        bystander("zero source", &frame(mac("00:00:00:00:00:00"))),
        bystander("broadcast source", &frame(Mac::BROADCAST)),
        bystander("group source", &frame(mac("01:00:5e:00:00:fb"))),
        bystander("its own source as destination", &frame(STRANGER).to(STRANGER)),
        outbound("a camera that sends to itself", &frame(CAM).to(CAM), Reason::NotLocal),
    ]);
}

#[test]
fn frames_to_nobody_registered_pass_inbound() {
    let inbound = |name, frame: &Frame| {
        camfence_tests::judge::Fixture::bystander(name, Direction::Inbound, frame)
    };
    let from_vendor = Frame::from("02:00:00:00:00:01").ipv4(VENDOR4, "192.168.1.99");
    check(&[
        inbound("internet to a stranger", &from_vendor.clone().to(STRANGER).tcp(443, 5000)),
        inbound("a camera to a stranger", &to4(VENDOR4)),
        inbound("broadcast", &Frame::from(STRANGER).arp_request("192.168.1.99", CAM4)),
        inbound("group", &Frame::from(STRANGER).ipv4(NVR4, "239.255.255.250").udp(1, 1900)),
        inbound("malformed to a stranger", &from_vendor.clone().to(STRANGER).truncate(20)),
        inbound("cut inside the destination", &from_vendor.to(CAM).truncate(5)),
    ]);
}
