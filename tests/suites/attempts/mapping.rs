//! Asking a router to open a port.

use camfence_common::reason::Reason::{NotLocal, PortMapping};
use camfence_tests::{Extension, Frame, IpOption, judge::Fixture};

use crate::{NVR4, PORCH, ROUTER4, ROUTER6, VENDOR4, driveway4, porch4, porch6, sends};

const GATEWAYS: &str = "urn:schemas-upnp-org:device:InternetGatewayDevice:1";
const SSDP4: &str = "239.255.255.250";

fn requests() -> Vec<Fixture> {
    let guarded = |name: &str, frame| sends(name, &frame, PortMapping);
    let router = || porch4(ROUTER4);
    let link = || Frame::from(PORCH).ipv6("fe80::22", "fe80::1");
    vec![
        guarded("a port by NAT-PMP", router().nat_pmp_map(554)),
        guarded("the outside address by NAT-PMP", router().nat_pmp_address()),
        guarded("a port by PCP", router().pcp_map(554)),
        guarded("a port by PCP over IPv6", porch6(ROUTER6).pcp_map(554)),
        guarded("a port by PCP on the link", link().pcp_map(554)),
        guarded("a port by NAT-PMP from all routers", porch4("224.0.0.2").nat_pmp_map(554)),
        guarded("a port by NAT-PMP from the recorder", porch4(NVR4).nat_pmp_map(554)),
        guarded("a port by NAT-PMP with a tag", router().nat_pmp_map(554).vlan(20)),
        guarded(
            "a port by NAT-PMP behind an option",
            router().option(&IpOption::Nop).nat_pmp_map(554),
        ),
        guarded(
            "a port by PCP behind a header",
            link().extension(Extension::HopByHop).pcp_map(554),
        ),
        guarded("a port by PCP from a relay outside", porch4(VENDOR4).pcp_map(554)),
        guarded("a first fragment for a port", router().nat_pmp_map(554).first_fragment()),
        guarded("nothing by NAT-PMP", router().udp(5000, 5351)),
        sends("a port by UPnP's SOAP", &router().tcp(5000, 49_152).psh().ack(), NotLocal),
        sends("a port of a provider's router", &driveway4("100.64.0.1").nat_pmp_map(554), NotLocal),
    ]
}

fn searches() -> Vec<Fixture> {
    let guarded = |name: &str, frame| sends(name, &frame, PortMapping);
    let says = |to: &str, text: &str| porch4(to).udp(1900, 1900).payload(text);
    let site = Frame::from(PORCH).ipv6("fe80::22", "ff05::c");
    vec![
        guarded("a search for gateways", porch4(SSDP4).ssdp_search(GATEWAYS)),
        guarded("a search for anything", porch4(SSDP4).ssdp_search("ssdp:all")),
        guarded("a search on the link over IPv6", porch6("ff02::c").ssdp_search(GATEWAYS)),
        guarded("a search on the site over IPv6", site.ssdp_search(GATEWAYS)),
        guarded("a search at the router alone", porch4(ROUTER4).ssdp_search(GATEWAYS)),
        guarded("a search by broadcast", porch4("255.255.255.255").ssdp_search(GATEWAYS)),
        guarded("a search with a tag", porch4(SSDP4).ssdp_search(GATEWAYS).vlan(20)),
        guarded("a search outside", porch4(VENDOR4).ssdp_search(GATEWAYS)),
        guarded("a search that begins like a notice", says(SSDP4, "NOTIF* HTTP/1.1\r\nMAN: x")),
        guarded("a search in small letters", says(SSDP4, "notify * HTTP/1.1")),
        guarded("a search behind a space", says(SSDP4, " NOTIFY * HTTP/1.1")),
        guarded("a notice that is cut", says(SSDP4, "NOTIF")),
        guarded("a search that is empty", says(SSDP4, "")),
        guarded("a notice that is padding", says(SSDP4, "").trailer("NOTIFY * HTTP/1.1")),
        guarded("a notice whose end is padding", says(SSDP4, "NOT").trailer("IFY * HTTP/1.1")),
    ]
}

pub(crate) fn attempts() -> Vec<Fixture> {
    [requests(), searches()].concat()
}
