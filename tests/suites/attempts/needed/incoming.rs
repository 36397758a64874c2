//! To be reached from home, and answered.

use camfence_common::reason::{
    Direction,
    Reason::{Allowed, Link, Local, OnLink},
};
use camfence_tests::{Dhcp, Dns, Frame, Mac, judge::Fixture};

use crate::{
    DRIVEWAY, DRIVEWAY4, DRIVEWAY6, MAIL4, NVR4, PHONE4, PHONE6, PINGED4, PORCH, PORCH4, PORCH6,
    ROUTER, ROUTER4, TIME4, TIME6, VENDOR4, YARD, YARD4, receives,
};

fn to(camera: Mac) -> Frame {
    Frame::from(ROUTER).to(camera)
}

fn from_home() -> Vec<Fixture> {
    let local = |name: &str, frame| receives(name, &frame, Local);
    let v4 = |from: &str| to(DRIVEWAY).ipv4(from, DRIVEWAY4);
    let v6 = |from: &str| to(DRIVEWAY).ipv6(from, DRIVEWAY6);
    let yard = to(YARD).ipv4(NVR4, YARD4);
    vec![
        local("RTSP from the recorder", v4(NVR4).tcp(5000, 554).syn()),
        local("a web page asked by a phone", v4(PHONE4).tcp(5000, 80).syn()),
        local("a web page asked by a phone over IPv6", v6(PHONE6).tcp(5000, 443).syn()),
        local("RTSP from the recorder to bound addresses", yard.tcp(5000, 554).syn()),
        local("RTSP from the recorder with a tag", v4(NVR4).tcp(5000, 554).syn().vlan(20)),
        local("a ping by a phone", v4(PHONE4).ping()),
        local(
            "a name by the router",
            v4(ROUTER4).udp(53, 40_000).payload(Dns::query("a.b").response().bytes()),
        ),
        local(
            "a DHCP offer to the camera alone",
            v4(ROUTER4).dhcp(&Dhcp::offer(DRIVEWAY, DRIVEWAY4, ROUTER4)),
        ),
        receives("an ARP answer", &to(DRIVEWAY).arp_reply(ROUTER4, DRIVEWAY4), Link),
        receives("an EAPOL answer", &to(DRIVEWAY).eapol(), Link),
        receives(
            "a neighbour's answer",
            &to(DRIVEWAY).neighbor_advertisement("fe80::1", "fe80::21", "fe80::1"),
            OnLink,
        ),
        receives(
            "a question whether its address is taken, to the camera alone",
            &Frame::from(ROUTER).dad_probe(DRIVEWAY6).to(DRIVEWAY),
            OnLink,
        ),
        receives(
            "a router's advertisement to the camera alone",
            &to(DRIVEWAY).router_advertisement_to("fe80::1", "fe80::21"),
            OnLink,
        ),
    ]
}

fn answers() -> Vec<Fixture> {
    let allowed = |name: &str, frame| receives(name, &frame, Allowed);
    let porch = |from: &str| to(PORCH).ipv4(from, PORCH4);
    vec![
        allowed("the time from its server", porch(TIME4).ntp_reply()),
        allowed("the time from its server over IPv6", to(PORCH).ipv6(TIME6, PORCH6).ntp_reply()),
        allowed("mail's answer", porch(MAIL4).tcp(25, 5000).syn().ack()),
        allowed("an answer from the range", porch(VENDOR4).tcp(8000, 5000).syn().ack()),
        allowed("an answer to the ping that may be", porch(PINGED4).pong()),
        allowed(
            "a listed name's answer",
            porch(ROUTER4).udp(53, 40_000).payload(Dns::query("pool.ntp.org").response().bytes()),
        ),
    ]
}

/// To everybody, so that it is nobody's alone: not judged, not counted.
fn to_all() -> Vec<Fixture> {
    let all = |name: &str, frame| Fixture::bystander(name, Direction::Inbound, &frame);
    let router = || Frame::from(ROUTER);
    let offer = Dhcp::offer(DRIVEWAY, DRIVEWAY4, ROUTER4);
    vec![
        all("a router's advertisement", router().router_advertisement("fe80::1")),
        all("a DHCP offer to all", router().ipv4(ROUTER4, "255.255.255.255").dhcp(&offer)),
        all("an ARP question to all", router().arp_request(ROUTER4, DRIVEWAY4)),
        all("a neighbour's question", router().neighbor_solicitation("fe80::1", DRIVEWAY6)),
        all(
            "a search for cameras",
            router().ipv4(PHONE4, "239.255.255.250").ssdp_search("ssdp:all"),
        ),
    ]
}

pub(crate) fn needed() -> Vec<Fixture> {
    [from_home(), answers(), to_all()].concat()
}
