//! In the name of somebody else: addresses that are not the camera's own.

use camfence_common::reason::Reason::{Malformed, Spoof};
use camfence_tests::{Arp, Dhcp, Extension, Frame, Mac, judge::Fixture, mac};

use crate::{
    CELLAR, CELLAR4, NVR4, NVR6, PHONE4, PHONE6, ROUTER, ROUTER4, ROUTER6, VENDOR4, YARD, YARD4,
    YARD6, calling, sends, yard,
};

const OTHER: Mac = mac("02:cf:aa:00:00:77");

fn addresses4() -> Vec<Fixture> {
    let spoof = |name: &str, frame| sends(name, &frame, Spoof);
    let from = |source: &str| calling(yard().ipv4(source, NVR4));
    vec![
        spoof("from the next address", from("192.168.1.32")),
        spoof("from the router's address", from(ROUTER4)),
        spoof("from the recorder's own address", from(NVR4)),
        spoof("from an address outside", from(VENDOR4)),
        spoof("from the loopback address", from("127.0.0.1")),
        spoof("from the broadcast address", from("255.255.255.255")),
        spoof("from a group", from("224.0.0.1")),
        spoof("from no address", from("0.0.0.0")),
        spoof("from no address, out", calling(yard().ipv4("0.0.0.0", VENDOR4))),
        spoof("from another address, out", calling(yard().ipv4(PHONE4, VENDOR4))),
        spoof("from another address, to a group", calling(yard().ipv4(PHONE4, "239.1.2.3"))),
        spoof("from another address, with a tag", from(PHONE4).vlan(20)),
        spoof("from no address, in a later fragment", from("0.0.0.0").last_fragment(64)),
        spoof("a ping from no address", yard().ipv4("0.0.0.0", NVR4).ping()),
        spoof("a group joined for another", yard().igmp_report(PHONE4, "239.1.2.3")),
    ]
}

fn addresses6() -> Vec<Fixture> {
    let spoof = |name: &str, frame| sends(name, &frame, Spoof);
    let from = |source: &str| calling(yard().ipv6(source, NVR6));
    let cellar = |source: &str| calling(Frame::from(CELLAR).ipv6(source, NVR6));
    vec![
        spoof("from the next IPv6 address", from("fd00:1::32")),
        spoof("from the router's IPv6 address", from(ROUTER6)),
        spoof("from an IPv6 address outside", from("2001:db8::31")),
        spoof("from its mapped address", from("::ffff:192.168.1.31")),
        spoof("from the IPv6 loopback address", from("::1")),
        spoof("from an IPv6 group", from("ff02::1")),
        spoof("from no IPv6 address", from("::")),
        spoof("from no IPv6 address, in a later fragment", from("::").last_fragment(64)),
        spoof("from an IPv6 address without any bound", cellar(YARD6)),
        spoof("from a mapped address without any bound", cellar("::ffff:192.168.1.32")),
    ]
}

fn arp() -> Vec<Fixture> {
    let spoof = |name: &str, arp: &Arp| sends(name, &yard().arp(arp), Spoof);
    let odd = |name: &str, arp: &Arp| sends(name, &yard().arp(arp), Malformed);
    let own = || Arp::request(YARD, YARD4, ROUTER4);
    vec![
        spoof("the router's address by ARP", &Arp::claim(YARD, ROUTER4)),
        spoof("the recorder's address by ARP", &Arp::claim(YARD, NVR4)),
        spoof("an address outside by ARP", &Arp::claim(YARD, VENDOR4)),
        spoof("a question by ARP in another's name", &Arp::request(YARD, PHONE4, ROUTER4)),
        spoof("its address at another's MAC by ARP", &Arp::claim(OTHER, YARD4)),
        spoof("its address at every MAC by ARP", &Arp::claim(Mac::BROADCAST, YARD4)),
        spoof("the router's address and MAC by ARP", &Arp::claim(ROUTER, ROUTER4)),
        spoof("a probe by ARP for another's address", &Arp::request(YARD, "0.0.0.0", PHONE4)),
        spoof("a probe by ARP in another's name", &Arp::request(OTHER, "0.0.0.0", PHONE4)),
        sends("a reply by ARP to one alone", &yard().to(OTHER).arp_reply(ROUTER4, PHONE4), Spoof),
        sends(
            "the router's address by ARP with a tag",
            &yard().vlan(9).arp_announcement(ROUTER4),
            Spoof,
        ),
        odd("ARP for other hardware", &own().hardware(6)),
        odd("ARP for another protocol", &own().protocol(0x86dd)),
        odd("ARP with long hardware addresses", &own().claim_sizes(8, 4)),
        odd("ARP with long protocol addresses", &own().claim_sizes(6, 16)),
        odd("ARP with no addresses", &own().claim_sizes(0, 0)),
        sends("ARP cut before its end", &yard().arp(&own()).truncate(14 + 27), Malformed),
        sends("the cellar's address by the yard", &yard().arp_announcement(CELLAR4), Spoof),
    ]
}

fn neighbours() -> Vec<Fixture> {
    let spoof = |name: &str, frame| sends(name, &frame, Spoof);
    let tells = |target: &str| yard().neighbor_advertisement(YARD6, "ff02::1", target);
    let icmp = |kind| yard().ipv6(YARD6, "ff02::1").ttl(255).icmp(kind, 0);
    vec![
        spoof("the router's address by ND", tells(ROUTER6)),
        spoof("a phone's address by ND", tells(PHONE6)),
        spoof("an address outside by ND", tells("2001:db8::7")),
        spoof(
            "an answer by ND to one alone",
            yard().neighbor_advertisement(YARD6, PHONE6, ROUTER6),
        ),
        spoof(
            "the router's address by ND from the link",
            yard().neighbor_advertisement("fe80::31", "ff02::1", ROUTER6),
        ),
        spoof(
            "an answer by ND from another's address",
            yard().neighbor_advertisement(ROUTER6, "ff02::1", YARD6),
        ),
        spoof(
            "a question by ND from another's address",
            yard().neighbor_solicitation(PHONE6, ROUTER6),
        ),
        spoof("a search for another's address", yard().dad_probe(ROUTER6)),
        spoof(
            "the router's address by ND behind options",
            tells(ROUTER6).extension(Extension::HopByHop),
        ),
        spoof("the router's address by ND with a tag", tells(ROUTER6).vlan(20)),
        spoof(
            "its own address by ND in a first fragment",
            tells(YARD6).extension(Extension::Fragment(0, true)),
        ),
        spoof(
            "the router's address by ND in an atomic fragment",
            tells(ROUTER6).extension(Extension::Fragment(0, false)),
        ),
        spoof(
            "an address of the cellar by ND",
            Frame::from(CELLAR).neighbor_advertisement("fe80::32", "ff02::1", YARD6),
        ),
        sends("an answer by ND without a target", &icmp(136), Malformed),
        sends("an answer by ND with half a target", &icmp(136).payload_of(15), Malformed),
        sends(
            "a search without a target",
            &yard().ipv6("::", "ff02::1").ttl(255).icmp(135, 0),
            Malformed,
        ),
    ]
}

/// Asking for all the addresses that a DHCP server has.
fn starvation() -> Vec<Fixture> {
    let spoof = |name: &str, message: &Dhcp| sends(name, &yard().dhcp(message), Spoof);
    let cut = |length: usize| {
        let bytes = Dhcp::discover(YARD).bytes();
        yard().ipv4("0.0.0.0", "255.255.255.255").udp(68, 67).payload(&bytes[..length])
    };
    let many = (0..16).map(|client| Dhcp::discover(Mac([2, 0, 0, 0, 0, client])));
    let storm = many.fold(
        spoof("a DHCP search in another's name", &Dhcp::discover(OTHER)),
        |fixture, message| fixture.then(&yard().dhcp(&message), Spoof),
    );
    vec![
        storm,
        spoof("a DHCP request in another's name", &Dhcp::request(OTHER, PHONE4)),
        sends(
            "a DHCP release in another's name",
            &yard().ipv4(YARD4, ROUTER4).dhcp(&Dhcp::release(OTHER, PHONE4)),
            Spoof,
        ),
        sends(
            "a DHCP release from another's address",
            &yard().ipv4(PHONE4, ROUTER4).dhcp(&Dhcp::release(YARD, PHONE4)),
            Spoof,
        ),
        spoof(
            "DHCP with a hardware address of no length",
            &Dhcp::discover(YARD).claim_address_length(0),
        ),
        spoof(
            "DHCP with a hardware address of 16 bytes",
            &Dhcp::discover(YARD).claim_address_length(16),
        ),
        sends(
            "DHCP in a first fragment",
            &yard().dhcp(&Dhcp::discover(YARD)).first_fragment(),
            Spoof,
        ),
        sends("DHCP with nothing in it", &cut(0), Malformed),
        sends("DHCP that ends in the hardware address", &cut(33), Malformed),
        sends("DHCP whose hardware address is padding", &cut(28).trailer(YARD.0), Malformed),
    ]
}

pub(crate) fn attempts() -> Vec<Fixture> {
    [addresses4(), addresses6(), arp(), neighbours(), starvation()].concat()
}
