//! Other ways to write a frame: tags, and protocols that carry IP under another EtherType.

use camfence_common::reason::Reason::{EtherType, Malformed, NotLocal};
use camfence_tests::{Frame, judge::Fixture};

use crate::{NVR4, VENDOR4, VENDOR6, calling, driveway, driveway4, driveway6, sends};

/// An old tag of service providers, which the standards never took up.
const OLD_SERVICE_TAG: u16 = 0x9100;

fn out() -> Frame {
    calling(driveway4(VENDOR4))
}

fn out6() -> Frame {
    calling(driveway6(VENDOR6))
}

/// Hopping to another VLAN, and hiding behind its tag.
fn tags() -> Vec<Fixture> {
    let home = || calling(driveway4(NVR4));
    vec![
        sends("with a tag of VLAN 20", &out().vlan(20), NotLocal),
        sends("with a tag of VLAN 1", &out().vlan(1), NotLocal),
        sends("with a tag of the last VLAN", &out().vlan(4094), NotLocal),
        sends("with a priority tag", &out().priority_tag(7), NotLocal),
        sends("with a priority tag over IPv6", &out6().priority_tag(0), NotLocal),
        sends("with a priority tag around a tag", &out().priority_tag(3).vlan(20), NotLocal),
        sends("with two tags", &out().vlan(1).vlan(20), NotLocal),
        sends("with a service tag", &out().tag(0x88a8, 100), NotLocal),
        sends("with a tag in a service tag", &out6().qinq(100, 20), NotLocal),
        sends("with a service tag in a tag", &out().vlan(1).tag(0x88a8, 20), NotLocal),
        sends("with three tags", &out().vlan(1).vlan(2).vlan(3), Malformed),
        sends("with three tags over IPv6", &out6().qinq(1, 2).vlan(3), Malformed),
        sends("with four tags", &out().qinq(1, 2).vlan(3).vlan(4), Malformed),
        sends("home with three tags", &home().vlan(1).vlan(2).vlan(3), Malformed),
        sends("home with three priority tags", &thrice(home()), Malformed),
        sends("with an old service tag", &out().tag(OLD_SERVICE_TAG, 20), EtherType),
        sends(
            "with an old service tag in a tag",
            &out().vlan(1).tag(OLD_SERVICE_TAG, 2),
            EtherType,
        ),
        sends("home with an old service tag", &home().tag(OLD_SERVICE_TAG, 20), EtherType),
        sends("a tag and nothing behind it", &out().vlan(20).truncate(18), Malformed),
    ]
}

fn thrice(frame: Frame) -> Frame {
    (0..3).fold(frame, Frame::priority_tag)
}

/// IP under another name.
fn carriers() -> Vec<Fixture> {
    let kind = |ethertype| out().ethertype(ethertype);
    vec![
        sends("in PPPoE", &driveway().pppoe(&out()), EtherType),
        sends("in PPPoE over IPv6", &driveway().pppoe(&out6()), EtherType),
        sends("in PPPoE with a tag", &driveway().pppoe(&out()).vlan(7), EtherType),
        sends("in search of a PPPoE server", &driveway().pppoe_discovery(), EtherType),
        sends("behind an MPLS label", &driveway().mpls(16, &out()), EtherType),
        sends("behind an explicit null label", &driveway().mpls(0, &out()), EtherType),
        sends(
            "behind a multicast MPLS label",
            &driveway().mpls(16, &out()).ethertype(0x8848),
            EtherType,
        ),
        sends("behind LLC and SNAP", &driveway().snap(&out()), EtherType),
        sends("behind LLC and SNAP over IPv6", &driveway().snap(&out6()), EtherType),
        sends(
            "a spanning tree's root",
            &driveway().to("01:80:c2:00:00:00").llc([0; 35]),
            EtherType,
        ),
        sends("as MACsec", &kind(0x88e5), EtherType),
        sends("as a MAC in a MAC", &kind(0x88e7), EtherType),
        sends("as transparent Ethernet bridging", &kind(0x6558), EtherType),
        sends("as TRILL", &kind(0x22f3), EtherType),
        sends("as a network service header", &kind(0x894f), EtherType),
        sends("as IPX", &kind(0x8137), EtherType),
        sends("as reverse ARP", &kind(0x8035), EtherType),
        sends("as ATA over Ethernet", &kind(0x88a2), EtherType),
        sends("as an experiment", &kind(0x88b5), EtherType),
        sends("as EtherType 0", &kind(0), EtherType),
        sends("as the last EtherType", &kind(0xffff), EtherType),
        sends("IPv4 under the EtherType of IPv6", &kind(0x86dd), Malformed),
        sends("IPv6 under the EtherType of IPv4", &out6().ethertype(0x0800), Malformed),
    ]
}

pub(crate) fn attempts() -> Vec<Fixture> {
    [tags(), carriers()].concat()
}
