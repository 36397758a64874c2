//! To do what a profile allows: the time, names, mail.

use camfence_common::reason::Reason::{Allowed, Local};
use camfence_tests::{Dns, Extension, IpOption, judge::Fixture};

use crate::{
    MAIL4, NVR4, PINGED4, ROUTER4, ROUTER6, TIME4, TIME6, VENDOR4, driveway4, porch4, porch6, sends,
};

fn names() -> Vec<Fixture> {
    let asks = |name: &str, message: Dns| sends(name, &porch4(ROUTER4).dns(&message), Allowed);
    let listed = Dns::query("pool.ntp.org");
    let long = format!("{}.example.net", "x".repeat(63));
    vec![
        asks("a listed name", listed.clone()),
        asks("a listed name in mixed case", Dns::query("pOOl.NTP.org")),
        asks("a listed name for IPv6", listed.clone().kind(Dns::AAAA)),
        asks("a listed name with EDNS", listed.clone().edns()),
        asks("a name below a listed one, which may be", Dns::query("cam1.example.net")),
        asks("a name far below a listed one", Dns::query("a.b.c.d.Example.NET")),
        asks("a service's name below a listed one", Dns::query("_rtsp._tcp.example.net")),
        asks("a label of 63 bytes below a listed name", Dns::query(&long)),
        sends("a listed name over IPv6", &porch6(ROUTER6).dns(&listed), Allowed),
        sends("a listed name from the recorder", &porch4(NVR4).dns(&listed), Local),
        sends("a listed name with a tag", &porch4(ROUTER4).dns(&listed).vlan(20), Allowed),
        sends("a listed name that is padded", &porch4(ROUTER4).dns(&listed).pad_to(120), Allowed),
        sends(
            "any name, where all may be asked",
            &driveway4(ROUTER4).dns(&Dns::query("a.b")),
            Local,
        ),
        sends(
            "any name by TCP, where all may be asked",
            &driveway4(ROUTER4).tcp(5, 53).syn(),
            Local,
        ),
    ]
}

fn others() -> Vec<Fixture> {
    let allowed = |name: &str, frame| sends(name, &frame, Allowed);
    let tcp = |to: &str, port| porch4(to).tcp(5000, port).syn();
    vec![
        allowed("the time of its server", porch4(TIME4).ntp_request()),
        allowed("the time of its server over IPv6", porch6(TIME6).ntp_request()),
        allowed(
            "the time with a router alert",
            porch4(TIME4).option(&IpOption::RouterAlert).ntp_request(),
        ),
        allowed(
            "the time behind a header",
            porch6(TIME6).extension(Extension::HopByHop).ntp_request(),
        ),
        allowed("the time with two tags", porch4(TIME4).ntp_request().qinq(1, 2)),
        allowed("mail by its port", tcp(MAIL4, 25)),
        allowed("mail over TLS", tcp(MAIL4, 465)),
        allowed("mail to be submitted", tcp(MAIL4, 587)),
        allowed("the first port of the range", tcp(VENDOR4, 8000)),
        allowed("the last port of the range", tcp("203.0.113.255", 8010)),
        allowed("a ping of the host that may be", porch4(PINGED4).ping()),
        allowed(
            "a fragment of a long ping",
            porch4(PINGED4).ping().payload_of(64).last_fragment(64),
        ),
        sends("the time of a server at home", &driveway4(ROUTER4).ntp_request(), Local),
        sends("a port mapping, where it may", &driveway4(ROUTER4).nat_pmp_map(554), Local),
    ]
}

pub(crate) fn needed() -> Vec<Fixture> {
    [names(), others()].concat()
}
