//! Posing as a router or a DHCP server.

use camfence_common::reason::Reason::{Malformed, Rogue};
use camfence_tests::{
    Dhcp, Dhcpv6,
    Extension::{DestinationOptions, Fragment, HopByHop},
    Frame,
    judge::Fixture,
};

use crate::{DRIVEWAY4, NVR4, PHONE4, VENDOR4, calling, driveway, driveway4, driveway6, sends};

const VICTIM: &str = "02:cf:aa:00:00:99";
const LINK: &str = "fe80::21";

fn routers() -> Vec<Fixture> {
    let rogue = |name: &str, frame| sends(name, &frame, Rogue);
    let advertisement = || driveway().router_advertisement(LINK);
    let about = calling(driveway4(VENDOR4));
    let redirect = driveway().ipv6(LINK, "fe80::99").nd_redirect("fe80::21", "2001:db8::7");
    let alone = driveway().to(VICTIM).router_advertisement_to(LINK, "fe80::99");
    vec![
        rogue("a router advertisement", advertisement()),
        rogue("a router advertisement to one alone", alone),
        rogue("a router advertisement with a tag", advertisement().vlan(20)),
        rogue("a router advertisement with two tags", advertisement().qinq(1, 2)),
        rogue("a router advertisement from no address", driveway().router_advertisement("::")),
        rogue(
            "a router advertisement behind hop-by-hop options",
            advertisement().extension(HopByHop),
        ),
        rogue(
            "a router advertisement behind destination options",
            advertisement().extension(DestinationOptions),
        ),
        rogue(
            "a router advertisement in an atomic fragment",
            advertisement().extension(Fragment(0, false)),
        ),
        rogue(
            "a router advertisement in a first fragment",
            advertisement().extension(Fragment(0, true)),
        ),
        rogue(
            "a router advertisement cut to its type",
            driveway6("ff02::1").icmp(134, 0).claim_length(4),
        ),
        rogue("a redirect over IPv6", redirect),
        rogue("a redirect", driveway4(PHONE4).redirect(DRIVEWAY4, &about)),
        rogue("a redirect for a network", driveway4(PHONE4).icmp(5, 0).payload_of(28)),
        rogue("an IPv4 router advertisement", driveway4("224.0.0.1").icmp(9, 0).payload_of(8)),
        rogue("a redirect outside", driveway4(VENDOR4).redirect(DRIVEWAY4, &about)),
        sends(
            "a router advertisement without a type",
            &driveway6("ff02::1").protocol(58),
            Malformed,
        ),
    ]
}

fn servers() -> Vec<Fixture> {
    let rogue = |name: &str, frame| sends(name, &frame, Rogue);
    let offer = Dhcp::offer(VICTIM, PHONE4, DRIVEWAY4);
    let ack = Dhcp::ack(VICTIM, PHONE4, DRIVEWAY4);
    let bytes = offer.bytes();
    let all = || driveway4("255.255.255.255");
    let client6 = || driveway().ipv6(LINK, "fe80::99");
    let advertise = Dhcpv6::advertise(VICTIM);
    vec![
        rogue("a DHCP offer", all().dhcp(&offer)),
        rogue("a DHCP acknowledgement", all().dhcp(&ack)),
        rogue("a DHCP offer to one alone", driveway4(PHONE4).to(VICTIM).dhcp(&offer)),
        rogue("a DHCP offer with a tag", all().dhcp(&offer).vlan(20)),
        rogue("a DHCP offer from another port", all().udp(6767, 68).payload(&bytes)),
        rogue("a DHCP server's answer to a relay", driveway4(NVR4).udp(67, 67).payload(&bytes)),
        rogue("a DHCP offer outside", driveway4(VENDOR4).dhcp(&offer)),
        rogue("a DHCP offer of no length", all().udp(67, 68)),
        rogue("a DHCP offer in a first fragment", all().dhcp(&offer).first_fragment()),
        rogue("a DHCPv6 advertisement", client6().dhcpv6(LINK, &advertise)),
        rogue("a DHCPv6 reply", client6().dhcpv6(LINK, &Dhcpv6::reply(VICTIM))),
        rogue(
            "a DHCPv6 reply from another port",
            client6().udp(5000, 546).payload(advertise.bytes()),
        ),
        rogue(
            "a DHCPv6 server's answer to a relay",
            driveway6("fd00:1::1").udp(547, 547).payload(advertise.bytes()),
        ),
        rogue(
            "a DHCPv6 reply behind options",
            client6().extension(DestinationOptions).dhcpv6(LINK, &advertise),
        ),
    ]
}

pub(crate) fn attempts() -> Vec<Fixture> {
    let mixed = Frame::from(crate::PORCH).router_advertisement("fe80::22");
    let porch = sends("a router advertisement of the porch", &mixed, Rogue);
    [routers(), servers(), vec![porch]].concat()
}
