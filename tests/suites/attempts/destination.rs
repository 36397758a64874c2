//! Everywhere that is not home, called directly.

use camfence_common::reason::Reason::{self, NotLocal};
use camfence_tests::{Mac, judge::Fixture};

use crate::{
    DRIVEWAY, PHONE4, PHONE6, RESOLVER4, ROUTER4, VENDOR4, VENDOR6, calling, driveway4, driveway6,
    porch4, porch6, sends,
};

const ADDRESSES4: [(&str, &str); 18] = [
    ("the vendor", VENDOR4),
    ("the first address behind 10/8", "11.0.0.0"),
    ("the first address behind 172.16/12", "172.32.0.0"),
    ("the last address before 192.168/16", "192.167.255.255"),
    ("a home address backwards", "1.1.168.192"),
    ("the provider's own network", "100.64.0.1"),
    ("itself, as another host", "127.0.0.1"),
    ("this network", "0.0.0.0"),
    ("the address that tells NAT64 prefixes", "192.0.0.170"),
    ("a 6to4 relay", "192.88.99.1"),
    ("a benchmarking network", "198.18.0.1"),
    ("a reserved address", "240.0.0.1"),
    ("one less than the limited broadcast", "255.255.255.254"),
    ("all hosts of a network outside", "203.0.113.255"),
    ("the time servers' group, which routers forward", "224.0.1.1"),
    ("a source-specific group", "232.1.2.3"),
    ("a group of an autonomous system", "233.252.0.1"),
    ("the last group before administrative scope", "238.255.255.255"),
];

const ADDRESSES6: [(&str, &str); 23] = [
    ("the vendor over IPv6", VENDOR6),
    ("a documentation address", "2001:db8::7"),
    ("the vendor through NAT64", "64:ff9b::203.0.113.7"),
    ("the vendor through a local NAT64", "64:ff9b:1::203.0.113.7"),
    ("the recorder through NAT64", "64:ff9b::192.168.1.10"),
    ("the vendor through 6to4", "2002:cb00:7107::1"),
    ("the recorder through 6to4", "2002:c0a8:010a::1"),
    ("the vendor through Teredo", "2001:0:cb00:7107::1"),
    ("the vendor as a mapped address", "::ffff:203.0.113.7"),
    ("the recorder as a mapped address", "::ffff:192.168.1.10"),
    ("the recorder as a compatible address", "::192.168.1.10"),
    ("the loopback address of IPv6", "::1"),
    ("no address", "::"),
    ("the discard prefix", "100::1"),
    ("the last address before unique local ones", "fbff::1"),
    ("the first address behind unique local ones", "fe00::1"),
    ("the last address before link-local ones", "fe7f::1"),
    ("a site-local address", "fec0::1"),
    ("a segment routing prefix", "5f00::1"),
    ("a transient global group", "ff1e::1234"),
    ("a global group by a prefix", "ff3e:40:2001:db8::1"),
    ("a global group with a rendezvous point", "ff7e:140:2001:db8::1"),
    ("the time servers' global group", "ff0e::101"),
];

/// What a camera might say outside, other than a datagram of its vendor's.
fn protocols() -> Vec<Fixture> {
    let v4 = || driveway4(VENDOR4);
    let v6 = || driveway6(VENDOR6);
    let out = |name: &str, frame| sends(name, &frame, NotLocal);
    vec![
        out("a session that begins", v4().tcp(5000, 443).syn()),
        out("a session that goes on", v4().tcp(5000, 443).psh().ack().payload_of(900)),
        out("a session that ends", v4().tcp(5000, 443).fin().ack()),
        out("a session that is reset", v4().tcp(5000, 443).rst()),
        out("a session over IPv6", v6().tcp(5000, 443).syn()),
        out("QUIC", v4().udp(5000, 443).payload_of(1200)),
        out("hole punching with STUN", v4().udp(5000, 3478).payload_of(20)),
        out("a ping", v4().ping().payload_of(32)),
        out("a ping over IPv6", v6().ping()),
        out("an error message with data in it", v4().icmp(3, 3).payload_of(400)),
        out("SCTP", v4().protocol(132).payload_of(12)),
        out("DCCP over IPv6", v6().protocol(33).payload_of(16)),
        out("UDP-Lite", v4().protocol(136).payload_of(20)),
        out("an unassigned protocol", v4().protocol(253).payload_of(20)),
        out("IGMP to a host outside", v4().protocol(2).payload_of(8)),
        out("the time", v4().ntp_request()),
        out("mail", v4().tcp(5000, 25).syn()),
        out("a name by TCP", driveway4(RESOLVER4).tcp(5000, 53).syn()),
        out("a name over TLS", driveway4(RESOLVER4).tcp(5000, 853).syn()),
        out("a name over QUIC", driveway4(RESOLVER4).udp(5000, 853).payload_of(1200)),
        out("a name over HTTPS", driveway4(RESOLVER4).tcp(5000, 443).syn()),
        out("with a hop to live", calling(v4().ttl(1))),
        out("with none", calling(v4().ttl(0))),
        out("with a wrong header checksum", calling(v4().claim_ip_checksum(1))),
    ]
}

/// The right address behind the wrong MAC.
fn stations() -> Vec<Fixture> {
    let to = |name: &str, mac: &str| sends(name, &calling(driveway4(VENDOR4).to(mac)), NotLocal);
    vec![
        sends("the vendor by broadcast", &calling(driveway4(VENDOR4).broadcast()), NotLocal),
        sends("the vendor, sent to itself", &calling(driveway4(VENDOR4).to(DRIVEWAY)), NotLocal),
        sends(
            "the vendor, sent to no station",
            &calling(driveway4(VENDOR4).to(Mac([0; 6]))),
            NotLocal,
        ),
        to("the vendor by the MAC of multicast DNS", "01:00:5e:00:00:fb"),
        to("the vendor by the MAC of all IPv6 nodes", "33:33:00:00:00:01"),
        to("the vendor by the MAC of the nearest bridge", "01:80:c2:00:00:0e"),
        sends(
            "the vendor's IPv6 address by the MAC of all routers",
            &calling(driveway6(VENDOR6).to("33:33:00:00:00:02")),
            NotLocal,
        ),
    ]
}

/// Home for others, but not for a camera that may reach the recorder only.
fn strict() -> Vec<Fixture> {
    let out = |name: &str, frame, reason: Reason| sends(name, &frame, reason);
    vec![
        out("a phone, by the porch", porch4(PHONE4).tcp(5000, 80).syn(), NotLocal),
        out("a phone over IPv6, by the porch", porch6(PHONE6).tcp(5000, 80).syn(), NotLocal),
        out("the router's web page, by the porch", porch4(ROUTER4).tcp(5000, 80).syn(), NotLocal),
        out("one address before the recorder", calling(porch4("192.168.1.9")), NotLocal),
        out("one address behind the recorder", calling(porch4("192.168.1.11")), NotLocal),
        out("one IPv6 address behind the recorder", calling(porch6("fd00:1::11")), NotLocal),
        out("another private network, by the porch", calling(porch4("10.0.0.1")), NotLocal),
        out("all hosts at home, by the porch", calling(porch4("192.168.1.255")), NotLocal),
    ]
}

pub(crate) fn attempts() -> Vec<Fixture> {
    let v4 = ADDRESSES4.map(|(name, to)| sends(name, &calling(driveway4(to)), NotLocal));
    let v6 = ADDRESSES6.map(|(name, to)| sends(name, &calling(driveway6(to)), NotLocal));
    let scopes = (9..=0xf).map(|scope| {
        let group = format!("ff0{scope:x}::fb");
        sends(format!("a group of scope {scope:x}"), &calling(driveway6(&group)), NotLocal)
    });
    v4.into_iter()
        .chain(v6)
        .chain(scopes)
        .chain(protocols())
        .chain(stations())
        .chain(strict())
        .collect()
}
