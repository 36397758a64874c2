//! IPv6: chains of extension headers, routing headers, and lengths that lie.

use camfence_common::reason::Reason::{self, Malformed, NotLocal, SourceRoute, Tunnel};
use camfence_tests::{
    Extension::{
        self, Authentication, Claiming, DestinationOptions, Esp, Fragment, Hip, HopByHop, Jumbo,
        Mobility, NoNextHeader, RouterAlert, Shim6,
    },
    Frame,
    judge::Fixture,
};

use crate::{NVR6, TIME6, VENDOR6, calling, driveway4, driveway6, porch6, sends};

const ATOMIC: Extension = Fragment(0, false);

fn chain(to: &str, headers: impl IntoIterator<Item = Extension>) -> Frame {
    headers.into_iter().fold(calling(driveway6(to)), Frame::extension)
}

/// Every header alone, before a datagram for outside and before a tunnel at home.
fn each_header() -> Vec<Fixture> {
    let headers = [
        ("hop-by-hop options", HopByHop),
        ("a router alert", RouterAlert),
        ("destination options", DestinationOptions),
        ("an atomic fragment's header", ATOMIC),
        ("an authentication header", Authentication),
        ("a mobility header", Mobility),
        ("a HIP header", Hip),
        ("a Shim6 header", Shim6),
    ];
    let inner = calling(driveway4("203.0.113.7"));
    let mut fixtures = Vec::new();
    for (name, header) in headers {
        let tunnel = driveway6(NVR6).extension(header.clone()).ip_in_ip(&inner);
        fixtures.push(sends(format!("out behind {name}"), &chain(VENDOR6, [header]), NotLocal));
        fixtures.push(sends(format!("a tunnel behind {name}"), &tunnel, Tunnel));
    }
    fixtures
}

/// Chains of every length.
fn chains() -> Vec<Fixture> {
    let mixed = [HopByHop, DestinationOptions, ATOMIC, Authentication, Mobility, Hip, Shim6, Hip];
    let mut fixtures = Vec::new();
    for length in 2..=mixed.len() {
        let reason = |known: Reason| if length <= 6 { known } else { Malformed };
        let headers = || mixed.iter().take(length).cloned();
        let out = chain(VENDOR6, headers());
        fixtures.push(sends(format!("out behind {length} headers"), &out, reason(NotLocal)));
    }
    let many = |length| chain(NVR6, vec![DestinationOptions; length]);
    let home = |name: &str, frame| sends(name, &frame, Malformed);
    fixtures.extend([
        home("home behind seven headers", many(7)),
        home("home behind sixty headers", many(60)),
        home("hop-by-hop options twice", chain(NVR6, [HopByHop, HopByHop])),
        home("hop-by-hop options second", chain(NVR6, [DestinationOptions, HopByHop])),
        home("hop-by-hop options in an atomic fragment", chain(NVR6, [ATOMIC, HopByHop])),
        sends("ESP behind options", &chain(NVR6, [DestinationOptions, Esp]), Tunnel),
        sends("out with no next header", &chain(VENDOR6, [NoNextHeader]), NotLocal),
        sends("out in two atomic fragments' headers", &chain(VENDOR6, [ATOMIC, ATOMIC]), NotLocal),
    ]);
    fixtures
}

/// Routing headers of every type, home being the first stop only.
fn routing_headers() -> Vec<Fixture> {
    let through = |kind| Extension::routing(kind, VENDOR6);
    let kinds = [0, 1, 2, 3, 4, 5, 6, 253];
    let each = kinds.map(|kind| {
        sends(
            format!("a routing header of type {kind}"),
            &chain(NVR6, [through(kind)]),
            SourceRoute,
        )
    });
    let routed = |name: &str, frame| sends(name, &frame, SourceRoute);
    let tunnel = driveway6(NVR6).extension(through(0)).ip_in_ip(&calling(driveway6(VENDOR6)));
    let others = [
        routed("a routing header on the link", chain("ff02::1", [through(0)])),
        routed("a routing header to a neighbour", chain("fe80::1", [through(4)])),
        routed("a routing header outside", chain(VENDOR6, [through(0)])),
        routed("a routing header behind options", chain(NVR6, [HopByHop, through(0)])),
        routed("a routing header in an atomic fragment", chain(NVR6, [ATOMIC, through(0)])),
        routed(
            "a routing header in a first fragment",
            chain(NVR6, [Fragment(0, true), through(0)]),
        ),
        routed("a routing header behind authentication", chain(NVR6, [Authentication, through(3)])),
        routed("a routing header before a tunnel", tunnel),
        routed(
            "a routing header from the time server on",
            porch6(TIME6).extension(through(0)).ntp_request(),
        ),
        routed("a routing header with two tags", chain(NVR6, [through(2)]).qinq(1, 2)),
    ];
    each.into_iter().chain(others).collect()
}

/// Payload lengths and headers that are not those of the frame.
fn lengths() -> Vec<Fixture> {
    let home = |name: &str, frame| sends(name, &frame, Malformed);
    let claim = |bytes: u16| calling(driveway6(NVR6)).claim_length(bytes);
    let options = |units, body| chain(NVR6, [Claiming(60, units, vec![0; body])]);
    vec![
        home("a jumbogram", chain(NVR6, [Jumbo(70_000)]).claim_length(0)),
        home("a jumbogram that is small", chain(NVR6, [Jumbo(21)]).claim_length(0)),
        sends("out with a jumbogram's option", &chain(VENDOR6, [Jumbo(70_000)]), NotLocal),
        home("a payload length of zero", claim(0)),
        home("a payload length that ends in the ports", claim(3)),
        home("a payload length that ends in the UDP header", claim(7)),
        home("a payload length beyond the frame by a byte", claim(14)),
        home("a payload length beyond a padded frame", claim(30).pad_to(80)),
        home("the greatest payload length", claim(65_535)),
        home("options that claim more than there is", options(9, 6)),
        home("options that take in the datagram", options(1, 6)),
        home("options that end in padding", options(9, 6).pad_to(200)),
        home("options beyond what is looked at", options(60, 8 * 60 + 6)),
        home("an extension header that is not there", driveway6(NVR6).protocol(60)),
        home("a fragment header that is padding", driveway6(NVR6).protocol(44).pad_to(80)),
        home("half an extension header", driveway6(NVR6).protocol(43 + 17).payload([17])),
        home("IPv6 that says version 4", calling(driveway6(NVR6)).claim_version(4)),
        home("IPv6 that says version 7", calling(driveway6(NVR6)).claim_version(7)),
        home("a TCP header cut short", driveway6(NVR6).tcp(5000, 554).syn().claim_length(19)),
        home("an ICMPv6 header cut short", driveway6(NVR6).ping().claim_length(3)),
        sends("out with nothing", &driveway6(VENDOR6), NotLocal),
    ]
}

pub(crate) fn attempts() -> Vec<Fixture> {
    [each_header(), chains(), routing_headers(), lengths()].concat()
}
