//! VLAN tags, and what follows them.

use camfence_common::reason::Reason::{EtherType, Link, Local, Malformed, NotLocal};
use camfence_tests::{Frame, kernel};

use crate::{CAM4, NVR4, NVR6, VENDOR4, VENDOR6, cam, check, outbound, to4, to6};

const DOT1Q: u16 = 0x8100;
const DOT1AD: u16 = 0x88a8;

#[test]
fn tags_are_skipped() {
    check(&[
        outbound("untagged home", &to4(NVR4), Local),
        outbound("untagged out", &to4(VENDOR4), NotLocal),
        outbound("untagged home over IPv6", &to6(NVR6), Local),
        outbound("untagged out over IPv6", &to6(VENDOR6), NotLocal),
        outbound("802.1Q home", &to4(NVR4).vlan(20), Local),
        outbound("802.1Q out", &to4(VENDOR4).vlan(20), NotLocal),
        outbound("802.1Q home over IPv6", &to6(NVR6).vlan(20), Local),
        outbound("802.1Q out over IPv6", &to6(VENDOR6).vlan(4094), NotLocal),
        outbound("priority tag home", &to4(NVR4).vlan(0), Local),
        outbound("priority tag out", &to4(VENDOR4).vlan(0), NotLocal),
        outbound("802.1ad home", &to4(NVR4).tag(DOT1AD, 100), Local),
        outbound("802.1ad out", &to4(VENDOR4).tag(DOT1AD, 100), NotLocal),
        outbound("QinQ home", &to4(NVR4).qinq(100, 20), Local),
        outbound("QinQ out", &to4(VENDOR4).qinq(100, 20), NotLocal),
        outbound("QinQ home over IPv6", &to6(NVR6).qinq(100, 20), Local),
        outbound("QinQ out over IPv6", &to6(VENDOR6).qinq(100, 20), NotLocal),
        outbound("two 802.1Q tags", &to4(NVR4).vlan(1).vlan(2), Local),
        outbound("two 802.1ad tags", &to4(NVR4).tag(DOT1AD, 1).tag(DOT1AD, 2), Local),
        outbound("802.1ad inside 802.1Q", &to4(VENDOR4).vlan(1).tag(DOT1AD, 2), NotLocal),
        outbound("tagged ARP", &cam().vlan(20).arp_request(CAM4, NVR4), Link),
        outbound("ARP tagged twice", &cam().qinq(100, 20).arp_request(CAM4, NVR4), Link),
        outbound("tagged unknown", &cam().vlan(20).ethertype(0x88b5).payload_of(46), EtherType),
    ]);
}

#[test]
fn deeper_or_broken_tags_are_malformed() {
    let two = to4(NVR4).qinq(100, 20);
    check(&[
        outbound("three tags", &two.clone().vlan(30), Malformed),
        outbound("three 802.1ad tags", &two.clone().tag(DOT1AD, 30), Malformed),
        outbound("eight tags", &(0..8).fold(to4(NVR4), Frame::vlan), Malformed),
        outbound("ARP behind three tags", &cam().qinq(1, 2).vlan(3).arp_probe(NVR4), Malformed),
        outbound("tag that ends at once", &two.clone().truncate(14), Malformed),
        outbound("half a tag", &two.clone().truncate(15), Malformed),
        outbound("tag without EtherType", &two.clone().truncate(16), Malformed),
        outbound("second tag that ends at once", &two.clone().truncate(18), Malformed),
        outbound("second tag without EtherType", &two.clone().truncate(21), Malformed),
        outbound("only tags", &two.truncate(22), Malformed),
        outbound("a tag inside the last", &cam().vlan(1).ethertype(DOT1Q).payload([]), Malformed),
        outbound("the tag of old bridges (0x9100)", &to4(NVR4).tag(0x9100, 1), EtherType),
    ]);
}

#[test]
fn protocols_of_the_link_pass() {
    check(&[
        outbound("ARP request", &cam().arp_request(CAM4, NVR4), Link),
        outbound("ARP reply", &cam().arp_reply(CAM4, NVR4), Link),
        outbound("ARP probe", &cam().arp_probe(CAM4), Link),
        outbound("ARP announcement", &cam().arp_announcement(CAM4), Link),
        outbound("ARP for the vendor", &cam().arp_request(CAM4, VENDOR4), Link),
        outbound("padded ARP", &cam().arp_request(CAM4, NVR4).pad_to(60), Link),
        outbound("empty ARP", &cam().ethertype(0x0806), Link),
        outbound("EAPOL", &cam().eapol(), Link),
        outbound("LLDP", &cam().lldp(), Link),
        outbound("802.11 pre-authentication", &cam().preauthentication(), Link),
    ]);
}

#[test]
fn everything_else_is_dropped() {
    let unknown = |number: u16| cam().ethertype(number).payload_of(46);
    check(&[
        outbound("PPPoE session", &cam().pppoe(&to4(NVR4)), EtherType),
        outbound("PPPoE session of IPv6", &cam().pppoe(&to6(NVR6)), EtherType),
        outbound("PPPoE discovery", &unknown(0x8863), EtherType),
        outbound("MPLS", &cam().mpls(16, &to4(NVR4)), EtherType),
        outbound("MPLS multicast", &unknown(0x8848), EtherType),
        outbound("LLC", &cam().llc([0; 35]), EtherType),
        outbound("LLC of no length", &unknown(0), EtherType),
        outbound("longest LLC length", &unknown(0x05ff), EtherType),
        outbound("lowest EtherType", &unknown(0x0600), EtherType),
        outbound("reverse ARP", &unknown(0x8035), EtherType),
        outbound("IPX", &unknown(0x8137), EtherType),
        outbound("MACsec", &unknown(0x88e5), EtherType),
        outbound("provider backbone bridging", &unknown(0x88e7), EtherType),
        outbound("HomePlug", &unknown(0x88e1), EtherType),
        outbound("NSH", &unknown(0x894f), EtherType),
        outbound("transparent Ethernet bridging", &unknown(0x6558), EtherType),
        outbound("loopback test", &unknown(0x9000), EtherType),
        outbound("experimental", &unknown(0x88b5), EtherType),
        outbound("0xffff", &unknown(0xffff), EtherType),
        outbound("IPv4 with swapped bytes", &unknown(0x0008), EtherType),
        outbound("ARP with swapped bytes", &unknown(0x0608), EtherType),
    ]);
}

#[test]
fn lengths_of_frames_are_counted() {
    check(&[
        outbound("shortest on the wire", &to4(NVR4).pad_to(60), Local),
        outbound("longest untagged", &to4(NVR4).payload_of(1472), Local),
        outbound("longest tagged", &to4(VENDOR4).vlan(20).payload_of(1472), NotLocal),
    ]);
}

#[test]
fn lengths_of_jumbo_frames_are_counted() {
    if !kernel::has_long_test_runs() {
        return kernel::skip(kernel::NO_LONG_TEST_RUNS);
    }
    check(&[
        outbound("jumbo home", &to4(NVR4).payload_of(8972), Local),
        outbound("jumbo out over IPv6", &to6(VENDOR6).payload_of(8952), NotLocal),
        outbound("just over a page", &to4(VENDOR4).payload_of(4096), NotLocal),
    ]);
}
