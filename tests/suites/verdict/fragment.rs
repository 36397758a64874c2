//! Fragments: the address is judged in each of them.

use camfence_common::reason::Reason::{
    self, Local, Malformed, NotLocal, OnLink, SourceRoute, Tunnel,
};
use camfence_tests::{Extension, Frame, IpOption, judge::Fixture};

use crate::{NVR4, NVR6, VENDOR4, VENDOR6, check, outbound, to4, to6};

/// First, middle, last and empty last fragment of a frame.
fn parts(name: &str, whole: &Frame, reason: Reason) -> [Fixture; 4] {
    let part = |part: &str, frame: &Frame| outbound(format!("{name}, {part}"), frame, reason);
    let whole = whole.clone().payload_of(64);
    [
        part("first", &whole.clone().first_fragment()),
        part("middle", &whole.clone().middle_fragment(64)),
        part("last", &whole.clone().last_fragment(1480)),
        part("empty last", &whole.payload([]).last_fragment(65_528)),
    ]
}

#[test]
fn of_a_datagram() {
    let v4 = [(NVR4, Local), (VENDOR4, NotLocal), ("239.255.255.250", OnLink)];
    let v6 = [(NVR6, Local), (VENDOR6, NotLocal), ("ff02::fb", OnLink)];
    let v4 = v4.map(|(to, reason)| parts(to, &to4(to), reason));
    let v6 = v6.map(|(to, reason)| parts(to, &to6(to), reason));
    check(&[v4, v6].as_flattened().concat());
}

#[test]
fn tagged() {
    let home = parts("home", &to4(NVR4).qinq(100, 20), Local);
    let out = parts("out", &to6(VENDOR6).vlan(20), NotLocal);
    check(&[home, out].concat());
}

#[test]
fn of_a_tunnel() {
    let inner = to4(VENDOR4);
    let (v4, v6) = (to4(NVR4).ip_in_ip(&inner), to6(NVR6).gre(&inner));
    check(&[parts("IP in IPv4", &v4, Tunnel), parts("GRE in IPv6", &v6, Tunnel)].concat());
}

#[test]
fn of_source_routes() {
    let routed = to4(NVR4).option(&IpOption::loose_route(VENDOR4));
    check(&parts("loose source route", &routed, SourceRoute));
}

#[test]
fn odd_ones() {
    let twice = |first, second| {
        to6(NVR6)
            .extension(Extension::Fragment(first, true))
            .extension(Extension::Fragment(second, false))
    };
    let v4 = || to4(NVR4).first_fragment();
    check(&[
        outbound("don't fragment", &to4(NVR4).dont_fragment(), Local),
        outbound("don't fragment, but more follow", &v4().dont_fragment(), Local),
        outbound("first of eight bytes", &v4().payload_of(0), Local),
        outbound("first cut in its header", &v4().truncate(40), Malformed),
        outbound("two fragment headers", &twice(0, 0), Local),
        outbound("a later fragment in a first", &twice(0, 64), Local),
        outbound("a first fragment in a later", &twice(64, 0), Local),
        outbound(
            "a later fragment whose payload reads as a hop-by-hop header",
            &to6(NVR6).extension(Extension::Fragment(64, false)).protocol(0).payload_of(8),
            Local,
        ),
        outbound(
            "a first fragment that ends inside its destination options",
            &to6(NVR6).extension(Extension::Fragment(0, true)).extension(Extension::Claiming(
                60,
                8,
                vec![0; 6],
            )),
            Malformed,
        ),
    ]);
}
