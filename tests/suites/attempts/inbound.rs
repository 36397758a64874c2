//! From outside to a camera.

use camfence_common::reason::Reason::{
    EtherType, Fragment, Inbound, Malformed, SourceRoute, Tunnel,
};
use camfence_tests::{Extension, Frame, IpOption, Mac, judge::Fixture};

use crate::{
    DRIVEWAY, DRIVEWAY4, DRIVEWAY6, MAIL4, NVR4, NVR6, PHONE4, PINGED4, PORCH, PORCH4, PORCH6,
    ROUTER, TIME4, TIME6, VENDOR4, VENDOR6, calling, receives,
};

fn to(camera: Mac) -> Frame {
    Frame::from(ROUTER).to(camera)
}

fn driveway(from: &str) -> Frame {
    to(DRIVEWAY).ipv4(from, DRIVEWAY4)
}

fn driveway6(from: &str) -> Frame {
    to(DRIVEWAY).ipv6(from, DRIVEWAY6)
}

fn porch(from: &str) -> Frame {
    to(PORCH).ipv4(from, PORCH4)
}

fn porch6(from: &str) -> Frame {
    to(PORCH).ipv6(from, PORCH6)
}

fn from_outside() -> Vec<Fixture> {
    let stopped = |name: &str, frame| receives(name, &frame, Inbound);
    vec![
        stopped("a session from outside", driveway(VENDOR4).tcp(5000, 554).syn()),
        stopped("a session from outside over IPv6", driveway6(VENDOR6).tcp(5000, 554).syn()),
        stopped("the vendor's answer", driveway(VENDOR4).tcp(443, 5000).syn().ack()),
        stopped("the vendor's datagram", driveway(VENDOR4).udp(10_240, 5000).payload_of(99)),
        stopped("a ping from outside", driveway(VENDOR4).ping()),
        stopped("an error from outside", driveway(VENDOR4).icmp(3, 1).payload_of(28)),
        stopped(
            "a fragment from outside",
            driveway(VENDOR4).udp(1, 2).payload_of(9).last_fragment(64),
        ),
        stopped("from outside with a tag", driveway(VENDOR4).udp(1, 2).vlan(20)),
        stopped("from outside with two tags", driveway6(VENDOR6).udp(1, 2).qinq(1, 2)),
        stopped(
            "from outside behind headers",
            driveway6(VENDOR6).extension(Extension::HopByHop).udp(1, 2),
        ),
        stopped("from a group to a camera", driveway("239.1.2.3").udp(1, 2)),
        stopped("from the broadcast address to a camera", driveway("255.255.255.255").udp(1, 2)),
        stopped("from the loopback address to a camera", driveway("127.0.0.1").udp(1, 2)),
        stopped("from a mapped address at home", driveway6("::ffff:192.168.1.10").udp(1, 2)),
        stopped("from a group of the link", driveway6("ff02::1").udp(1, 2)),
        stopped(
            "from outside to a group, by a camera's MAC",
            to(DRIVEWAY).ipv4(VENDOR4, "239.1.2.3").udp(1, 2),
        ),
    ]
}

fn past_allowances() -> Vec<Fixture> {
    let stopped = |name: &str, frame| receives(name, &frame, Inbound);
    vec![
        stopped("the time server from another port", porch(TIME4).udp(443, 123).payload_of(48)),
        stopped("the time server from TCP", porch(TIME4).tcp(123, 123).syn()),
        stopped("another time server's answer", porch("192.0.2.124").ntp_reply()),
        stopped("another time server's answer over IPv6", porch6("2001:db8::124").ntp_reply()),
        stopped("the mail server to port 25", porch(MAIL4).tcp(5000, 25).syn()),
        stopped("the allowed network to its own port", porch(VENDOR4).tcp(5000, 8000).syn()),
        stopped("the pinged host by UDP", porch(PINGED4).udp(1, 2).payload_of(9)),
        stopped("a phone to the porch", porch(PHONE4).tcp(5000, 554).syn()),
        receives(
            "a later fragment of the time",
            &porch(TIME4).udp(123, 123).payload_of(64).last_fragment(64),
            Fragment,
        ),
        receives(
            "a later fragment of the time over IPv6",
            &porch6(TIME6).udp(123, 123).payload_of(64).last_fragment(64),
            Fragment,
        ),
    ]
}

fn through_a_neighbour() -> Vec<Fixture> {
    let inner = calling(driveway(VENDOR4));
    let loose = IpOption::loose_route(DRIVEWAY4);
    let routing = Extension::routing(0, DRIVEWAY6);
    vec![
        receives("a tunnel from home", &driveway(NVR4).ip_in_ip(&inner), Tunnel),
        receives("6in4 from home", &driveway(NVR4).ip_in_ip(&driveway6(VENDOR6).udp(1, 2)), Tunnel),
        receives("GRE from the link", &driveway6("fe80::1").gre(&inner), Tunnel),
        receives(
            "ESP from home over IPv6",
            &driveway6(NVR6).extension(Extension::Esp).udp(1, 2),
            Tunnel,
        ),
        receives("a source route from home", &driveway(NVR4).option(&loose).udp(1, 2), SourceRoute),
        receives(
            "a routing header from home",
            &driveway6(NVR6).extension(routing).udp(1, 2),
            SourceRoute,
        ),
        receives("PPPoE to a camera", &to(DRIVEWAY).pppoe(&inner), EtherType),
        receives("MPLS to a camera", &to(DRIVEWAY).mpls(16, &inner), EtherType),
        receives(
            "three tags to a camera",
            &driveway(NVR4).udp(1, 2).vlan(1).vlan(2).vlan(3),
            Malformed,
        ),
        receives(
            "a total length beyond the frame to a camera",
            &driveway(NVR4).udp(1, 2).claim_length(99),
            Malformed,
        ),
        receives(
            "a header of no words to a camera",
            &driveway(NVR4).udp(1, 2).claim_ihl(0),
            Malformed,
        ),
        receives(
            "a tiny fragment to a camera",
            &driveway(NVR4).tcp(1, 2).fragments(8)[0],
            Malformed,
        ),
        receives(
            "a jumbogram to a camera",
            &driveway6(NVR6).extension(Extension::Jumbo(70_000)).udp(1, 2).claim_length(0),
            Malformed,
        ),
    ]
}

pub(crate) fn attempts() -> Vec<Fixture> {
    [from_outside(), past_allowances(), through_a_neighbour()].concat()
}
