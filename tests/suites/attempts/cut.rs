//! Frames cut at every byte.
//!
//! Until its source MAC is whole a frame is nobody's: it passes, and there is nothing in it. From
//! then on a camera's frame is malformed wherever it is cut. One exception is documented: of
//! ARP and its like nothing behind the EtherType is read unless the camera's addresses are bound.

use camfence_common::reason::{
    Direction,
    Reason::{self, Allowed, Local, Malformed, NotLocal, PortMapping, Rogue, Spoof},
};
use camfence_tests::{
    Dhcp, Dns, Extension, Frame, IpOption,
    judge::{Expected, Fixture},
};

use crate::{
    DRIVEWAY, DRIVEWAY4, NVR4, NVR6, PORCH6, ROUTER, ROUTER4, VENDOR4, VENDOR6, YARD, YARD4, YARD6,
    driveway, driveway4, driveway6, porch4, sends, yard,
};

/// A frame cut at every byte, and at last whole.
fn every_cut(name: &str, direction: Direction, frame: &Frame, whole: Reason) -> Fixture {
    let mac_end = match direction {
        Direction::Outbound => 12,
        Direction::Inbound => 6,
    };
    let cut = |at: usize| frame.clone().truncate(at);
    let nothing = Fixture::bystander(name, direction, &cut(0));
    let nobodys = (1..mac_end)
        .fold(nothing, |fixture, at| fixture.then_expect(&cut(at), Expected::Bystander));
    let length = frame.build().len();
    (mac_end..length)
        .fold(nobodys, |fixture, at| fixture.then(&cut(at), Malformed))
        .then(frame, whole)
}

fn outbound(name: &str, frame: &Frame, whole: Reason) -> Fixture {
    every_cut(name, Direction::Outbound, frame, whole)
}

fn frames() -> Vec<Fixture> {
    let recorder = driveway4(NVR4).udp(5000, 554).payload_of(20);
    let options = recorder.clone().option(&IpOption::RouterAlert);
    let chain = [Extension::HopByHop, Extension::DestinationOptions, Extension::Authentication];
    let headers = chain.into_iter().fold(driveway6(NVR6), Frame::extension);
    let question = porch4(ROUTER4).dns(&Dns::query("pool.ntp.org").edns());
    let search = porch4("239.255.255.250").ssdp_search("ssdp:all");
    let inbound = Frame::from(ROUTER).to(DRIVEWAY).ipv4(NVR4, DRIVEWAY4).tcp(554, 5000).ack();
    vec![
        outbound("a cut datagram for home", &recorder, Local),
        outbound("a cut datagram with options", &options, Local),
        outbound(
            "a cut datagram for outside",
            &driveway4(VENDOR4).udp(1, 2).payload_of(9),
            NotLocal,
        ),
        outbound("a cut segment over IPv6", &driveway6(NVR6).tcp(5000, 554).syn(), Local),
        outbound("a cut segment over IPv6 for outside", &driveway6(VENDOR6).tcp(1, 2), NotLocal),
        outbound("a cut datagram behind two tags", &recorder.qinq(100, 20), Local),
        outbound("a cut chain of headers", &headers.udp(1, 2).payload_of(9), Local),
        outbound("a cut question", &question, Allowed),
        outbound("a cut search", &search, PortMapping),
        outbound("a cut router advertisement", &driveway().router_advertisement("fe80::21"), Rogue),
        outbound("a cut claim by ARP", &yard().arp_announcement(ROUTER4), Spoof),
        outbound(
            "a cut claim by ND",
            &yard().neighbor_advertisement(YARD6, "ff02::1", PORCH6),
            Spoof,
        ),
        outbound("a cut DHCP search", &yard().dhcp(&Dhcp::discover(ROUTER)), Spoof),
        every_cut("a cut segment to a camera", Direction::Inbound, &inbound, Local),
    ]
}

/// Cut before they were sent: all lengths are right, and something is missing.
fn honest() -> Vec<Fixture> {
    let tcp = [0; 20];
    let segment = |length: usize| driveway4(NVR4).protocol(6).payload(&tcp[..length]);
    let datagram = |length: usize| driveway6(NVR6).protocol(17).payload(&tcp[..length]);
    let ping = |length: usize| driveway4(NVR4).protocol(1).payload(&tcp[..length]);
    let bytes = Dhcp::discover(YARD).bytes();
    let search = |length: usize| {
        yard().ipv4("0.0.0.0", "255.255.255.255").udp(68, 67).payload(&bytes[..length])
    };
    let answer = |length: usize| yard().ipv6(YARD6, "ff02::1").icmp(136, 0).payload_of(length);
    let renewal = |length: usize| yard().ipv4(YARD4, ROUTER4).udp(68, 67).payload(&bytes[..length]);
    vec![
        series("every beginning of a TCP header", 20, segment),
        series("every beginning of a UDP header", 8, datagram),
        series("every beginning of an ICMP header", 8, ping),
        series("every beginning of a DHCP search", 34, search),
        series("every beginning of a DHCP renewal", 34, renewal),
        series("every beginning of a claim by ND", 16, answer),
    ]
}

/// A frame of each length less than enough.
fn series(name: &str, enough: usize, frame: impl Fn(usize) -> Frame) -> Fixture {
    let first = sends(name, &frame(0), Malformed);
    (1..enough).fold(first, |fixture, length| fixture.then(&frame(length), Malformed))
}

pub(crate) fn attempts() -> Vec<Fixture> {
    [frames(), honest()].concat()
}
