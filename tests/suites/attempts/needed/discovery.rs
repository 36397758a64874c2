//! To be found: announcements, groups, and protocols of the link.

use camfence_common::reason::Reason::{Link, Local, OnLink};
use camfence_tests::{Dns, Frame, judge::Fixture};

use crate::{
    ATTIC, NVR4, PORCH, YARD4, attic4, calling, driveway, driveway4, driveway6, porch4, sends, yard,
};

const SSDP4: &str = "239.255.255.250";

fn announcements() -> Vec<Fixture> {
    let on_link = |name: &str, frame| sends(name, &frame, OnLink);
    let camera = Dns::query("driveway.local");
    let porch6 = |to: &str| Frame::from(PORCH).ipv6("fe80::22", to);
    vec![
        on_link("multicast DNS", driveway4("224.0.0.251").mdns(&camera)),
        on_link("multicast DNS over IPv6", driveway6("ff02::fb").mdns(&camera)),
        on_link(
            "multicast DNS of a camera without a resolver",
            attic4("224.0.0.251").mdns(&camera),
        ),
        on_link("multicast DNS of the porch, of any name", porch4("224.0.0.251").mdns(&camera)),
        on_link(
            "a multicast DNS answer",
            driveway4("224.0.0.251").mdns(&camera.clone().response()),
        ),
        on_link("LLMNR", driveway4("224.0.0.252").llmnr(&camera)),
        on_link("LLMNR over IPv6", porch6("ff02::1:3").llmnr(&camera)),
        on_link("an SSDP notice", porch4(SSDP4).ssdp_notify()),
        on_link("an SSDP notice over IPv6", porch6("ff02::c").ssdp_notify()),
        on_link("an SSDP search, where it may", driveway4(SSDP4).ssdp_search("ssdp:all")),
        sends("an SSDP answer", &porch4(NVR4).ssdp_answer(), Local),
        on_link("an ONVIF hello", porch4(SSDP4).ws_hello()),
        on_link("an ONVIF hello over IPv6", porch6("ff02::c").ws_hello()),
        sends("an ONVIF answer", &porch4(NVR4).ws_probe_match(), Local),
        on_link("a vendor's search by broadcast", driveway4("255.255.255.255").udp(5000, 20_002)),
    ]
}

fn memberships() -> Vec<Fixture> {
    let on_link = |name: &str, frame| sends(name, &frame, OnLink);
    let attic = || Frame::from(ATTIC);
    vec![
        on_link("an IGMPv2 report", driveway().igmp_report("192.168.1.21", SSDP4)),
        on_link("an IGMPv2 report with an address that is bound", yard().igmp_report(YARD4, SSDP4)),
        on_link("an IGMPv2 report from no address", yard().igmp_report("0.0.0.0", SSDP4)),
        on_link("an IGMPv3 report", yard().igmp3_report(YARD4, SSDP4)),
        on_link("an IGMPv3 report from no address", yard().igmp3_report("0.0.0.0", SSDP4)),
        on_link("a group left", yard().igmp_leave(YARD4, SSDP4)),
        on_link("an MLDv1 report", attic().mld1_report("fe80::23", "ff02::fb")),
        on_link("an MLDv2 report", yard().mld_report("fe80::31", "ff02::fb")),
        on_link("an MLDv2 report from no address", yard().mld_report("::", "ff02::1:ff00:31")),
    ]
}

fn link() -> Vec<Fixture> {
    let link = |name: &str, frame| sends(name, &frame, Link);
    vec![
        link("an EAPOL start", driveway().eapol()),
        link("an EAPOL start with bound addresses", yard().eapol()),
        link("an LLDP frame", driveway().lldp()),
        link("an 802.11 pre-authentication", driveway().preauthentication()),
    ]
}

fn groups() -> Vec<Fixture> {
    let scopes = (0..=8).map(|scope| {
        let group = format!("ff0{scope}::1234");
        sends(format!("a group within scope {scope}"), &calling(driveway6(&group)), OnLink)
    });
    scopes.collect()
}

pub(crate) fn needed() -> Vec<Fixture> {
    [announcements(), memberships(), link(), groups()].concat()
}
