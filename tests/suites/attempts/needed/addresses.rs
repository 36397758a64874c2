//! To get an address, keep it, and find neighbours.

use camfence_common::reason::Reason::{Link, Local, OnLink};
use camfence_tests::{Arp, Dhcp, Dhcpv6, Extension, Frame, judge::Fixture};

use crate::{
    DRIVEWAY, NVR6, ROUTER, ROUTER4, ROUTER6, VPN, VPN6, YARD, YARD4, YARD6, driveway, sends, yard,
};

const LINK: &str = "fe80::31";

fn arp() -> Vec<Fixture> {
    let link = |name: &str, frame| sends(name, &frame, Link);
    vec![
        link("an ARP request", driveway().arp_request("192.168.1.21", ROUTER4)),
        link("an ARP request with an address that is bound", yard().arp_request(YARD4, ROUTER4)),
        link(
            "an ARP reply with an address that is bound",
            yard().to(ROUTER).arp_reply(YARD4, ROUTER4),
        ),
        link("an ARP probe with an address that is bound", yard().arp_probe(YARD4)),
        link("an ARP probe of a link-local address", yard().arp_probe("169.254.3.4")),
        link("an ARP probe of any address, where none is bound", driveway().arp_probe(ROUTER4)),
        link("an ARP announcement with an address that is bound", yard().arp_announcement(YARD4)),
        link("an ARP claim with an address that is bound", yard().arp(&Arp::claim(YARD, YARD4))),
        link("an ARP announcement of a link-local address", yard().arp_announcement("169.254.3.4")),
        link("an ARP request that is padded", yard().arp_request(YARD4, ROUTER4).pad_to(60)),
        link("an ARP request with a tag", yard().vlan(20).arp_request(YARD4, ROUTER4)),
    ]
}

fn dhcp() -> Vec<Fixture> {
    let on_link = |name: &str, frame| sends(name, &frame, OnLink);
    let to_server = || yard().ipv4(YARD4, ROUTER4);
    vec![
        on_link("a DHCP search", driveway().dhcp(&Dhcp::discover(DRIVEWAY))),
        on_link("a DHCP search with an address that is bound", yard().dhcp(&Dhcp::discover(YARD))),
        on_link("a DHCP request by broadcast", yard().dhcp(&Dhcp::request(YARD, YARD4))),
        sends("a DHCP renewal", &to_server().dhcp(&Dhcp::renew(YARD, YARD4)), Local),
        sends("a DHCP inform", &to_server().dhcp(&Dhcp::inform(YARD, YARD4)), Local),
        sends("a DHCP release", &to_server().dhcp(&Dhcp::release(YARD, YARD4)), Local),
        on_link("a DHCPv6 search", yard().dhcpv6(LINK, &Dhcpv6::solicit(YARD))),
        on_link("a DHCPv6 request", yard().dhcpv6(LINK, &Dhcpv6::request(YARD))),
    ]
}

fn neighbours() -> Vec<Fixture> {
    let on_link = |name: &str, frame| sends(name, &frame, OnLink);
    let tell = |to: &str, target: &str| yard().neighbor_advertisement(target, to, target);
    vec![
        on_link("a router solicitation", yard().router_solicitation(LINK)),
        on_link("a router solicitation from no address", yard().router_solicitation("::")),
        on_link("a search for its own link-local address", yard().dad_probe(LINK)),
        on_link("a search for its own bound address", yard().dad_probe(YARD6)),
        on_link("a search for any address, where none is bound", driveway().dad_probe(NVR6)),
        on_link("a question for the router", yard().neighbor_solicitation(YARD6, ROUTER6)),
        on_link(
            "a question for the router from the link",
            yard().neighbor_solicitation(LINK, ROUTER6),
        ),
        on_link("an answer to all about its bound address", tell("ff02::1", YARD6)),
        on_link("an answer to all about its link-local address", tell("ff02::1", LINK)),
        on_link(
            "an answer to one on the link",
            yard().neighbor_advertisement(LINK, "fe80::1", LINK),
        ),
        sends("an answer to one at home", &tell(ROUTER6, YARD6), Local),
        on_link(
            "an answer in an atomic fragment",
            tell("ff02::1", YARD6).extension(Extension::Fragment(0, false)),
        ),
        on_link("a router advertisement by a router", router().router_advertisement(VPN6)),
    ]
}

/// A camera that its profile lets be a router.
fn router() -> Frame {
    Frame::from(VPN)
}

pub(crate) fn needed() -> Vec<Fixture> {
    [arp(), dhcp(), neighbours()].concat()
}
