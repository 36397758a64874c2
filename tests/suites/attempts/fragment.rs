//! Fragments: the part with the ports first, later, too small, or twice.

use camfence_common::reason::Reason::{
    self, Allowed, Fragment, Local, Malformed, NotLocal, OnLink, PortMapping, Rogue,
};
use camfence_tests::{Extension, Frame, judge::Fixture};

use crate::{
    MAIL4, NVR4, NVR6, TIME4, TIME6, VENDOR4, VENDOR6, driveway4, driveway6, porch4, porch6, sends,
    sequence,
};

/// A session that the porch may have.
fn allowed_session() -> Frame {
    porch4(VENDOR4).tcp(5000, 8000).psh().ack().payload_of(60)
}

/// The fragments of a packet, with the reason of the first and of all others.
fn pieces(name: &str, frame: &Frame, size: u16, first: Reason, later: Reason) -> Fixture {
    let reasons = std::iter::once(first).chain(std::iter::repeat(later));
    let frames: Vec<_> = frame.fragments(size).into_iter().zip(reasons).collect();
    assert!(frames.len() > 1, "{name}: the packet is in one piece");
    sequence(name, &frames)
}

/// Out in pieces.
fn outside() -> Vec<Fixture> {
    let out = |name: &str, frame| sends(name, &frame, NotLocal);
    let v4 = || driveway4(VENDOR4).udp(5000, 10_240).payload_of(64);
    let v6 = || driveway6(VENDOR6).udp(5000, 10_240).payload_of(64);
    let tcp = |over: Frame| over.tcp(5000, 443).psh().ack().payload_of(64);
    vec![
        out("a first fragment", v4().first_fragment()),
        out("a fragment in the middle", v4().middle_fragment(1480)),
        out("a last fragment", v4().last_fragment(1480)),
        out("a fragment that must not be fragmented", v4().middle_fragment(8).dont_fragment()),
        out("a fragment that ends behind the longest packet", v4().last_fragment(65_528)),
        out("a first fragment over IPv6", v6().first_fragment()),
        out("a last fragment over IPv6", v6().last_fragment(1448)),
        out("an atomic fragment", v6().extension(Extension::Fragment(0, false))),
        out("an atomic fragment with a tag", v6().extension(Extension::Fragment(0, false)).vlan(5)),
        pieces("a datagram in pieces", &v4(), 24, NotLocal, NotLocal),
        pieces("a datagram in the smallest pieces", &v4(), 8, NotLocal, NotLocal),
        pieces("a datagram in pieces over IPv6", &v6(), 24, NotLocal, NotLocal),
        pieces(
            "a segment in the smallest pieces",
            &tcp(driveway4(VENDOR4)),
            8,
            Malformed,
            NotLocal,
        ),
        pieces(
            "a segment in the smallest pieces over IPv6",
            &tcp(driveway6(VENDOR6)),
            8,
            Malformed,
            NotLocal,
        ),
        pieces(
            "a segment with its flags in the second piece",
            &tcp(driveway4(VENDOR4)),
            16,
            Malformed,
            NotLocal,
        ),
    ]
}

/// To where the porch may talk by some ports, in pieces that do not have them.
fn behind_allowances() -> Vec<Fixture> {
    let later = |name: &str, frame: Frame| sends(name, &frame.last_fragment(64), Fragment);
    let time = |over: Frame| over.udp(123, 123).payload_of(64);
    vec![
        later("a later fragment to the time server", time(porch4(TIME4))),
        later("a later fragment to the time server over IPv6", time(porch6(TIME6))),
        later("a later fragment to the mail server", porch4(MAIL4).tcp(5000, 25).payload_of(64)),
        later("a later fragment to the allowed ports", allowed_session()),
        sends(
            "a later fragment of TCP to the time server",
            &porch4(TIME4).tcp(5000, 123).payload_of(64).last_fragment(64),
            NotLocal,
        ),
        sends(
            "a fragment in the middle to the allowed ports",
            &allowed_session().middle_fragment(8),
            Fragment,
        ),
        pieces("the time in pieces", &time(porch4(TIME4)), 24, Allowed, Fragment),
        pieces("the time in pieces over IPv6", &time(porch6(TIME6)), 24, Allowed, Fragment),
        pieces("an allowed session in tiny fragments", &allowed_session(), 8, Malformed, Fragment),
        pieces("an allowed session in fragments", &allowed_session(), 24, Allowed, Fragment),
    ]
}

/// One fragment is allowed, and another would put something else in its place.
fn overlapping() -> Vec<Fixture> {
    let first = || allowed_session().first_fragment();
    let other = porch4(VENDOR4).tcp(5000, 443).syn().payload_of(60).first_fragment();
    let flags = porch4(VENDOR4).protocol(6).payload_of(16).last_fragment(8);
    let short = porch4(VENDOR4).protocol(6).payload_of(8).first_fragment();
    vec![
        sequence(
            "a second first fragment with other ports",
            &[(first(), Allowed), (other, NotLocal)],
        ),
        sequence("a fragment over the flags", &[(first(), Allowed), (flags.clone(), Fragment)]),
        sequence(
            "a fragment over the flags that comes first",
            &[(flags, Fragment), (first(), Allowed)],
        ),
        sequence(
            "a second first fragment with ports alone",
            &[(first(), Allowed), (short, Malformed)],
        ),
    ]
}

/// At home and on the link a fragment gets through, but not the one that matters: without the
/// first nobody puts the others together.
fn headless() -> Vec<Fixture> {
    let segment = |over: Frame| over.tcp(5000, 554).psh().ack().payload_of(24);
    let search = porch4("239.255.255.250").ssdp_search("ssdp:all");
    let notice = porch4("239.255.255.250").ssdp_notify();
    let offer = driveway4("255.255.255.255").udp(67, 68).payload_of(300);
    let advertisement = driveway6("ff02::1").icmp(134, 0).payload_of(64);
    vec![
        pieces(
            "a segment at home in tiny fragments",
            &segment(driveway4(NVR4)),
            8,
            Malformed,
            Local,
        ),
        pieces("the same over IPv6", &segment(driveway6(NVR6)), 16, Malformed, Local),
        pieces("a search in pieces", &search, 64, PortMapping, OnLink),
        pieces("a search with its first line in the second piece", &search, 8, PortMapping, OnLink),
        pieces("a notice that cannot be told from a search", &notice, 8, PortMapping, OnLink),
        pieces("a DHCP offer in pieces", &offer, 64, Rogue, OnLink),
        pieces("a router advertisement in pieces", &advertisement, 16, Rogue, OnLink),
        sequence("a router advertisement behind a header cut off (RFC 7113)", &cut_chain()),
    ]
}

/// The first fragment has an extension header, the second what is behind it.
fn cut_chain() -> [(Frame, Reason); 2] {
    let packet = driveway6("ff02::1").extension(Extension::Fragment(0, true));
    let first = packet.extension(Extension::DestinationOptions).protocol(58);
    let later = driveway6("ff02::1").protocol(60).payload_of(16).last_fragment(8);
    [(first, Malformed), (later, OnLink)]
}

pub(crate) fn attempts() -> Vec<Fixture> {
    [outside(), behind_allowances(), overlapping(), headless()].concat()
}
