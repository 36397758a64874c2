//! IPv6 extension headers.

use camfence_common::reason::Reason::{Local, Malformed, NotLocal, OnLink, SourceRoute, Tunnel};
use camfence_tests::{
    Extension::{
        self, Authentication, Claiming, DestinationOptions, Fragment as Fragmented, Hip, HopByHop,
        Mobility, NoNextHeader, RouterAlert, Shim6,
    },
    Frame,
};

use crate::{CAM6, NVR6, VENDOR6, cam, check, outbound, to6};

/// The numbers of headers that go by their own length.
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION: u8 = 60;

const ATOMIC: Extension = Fragmented(0, false);

fn chain(to: &str, headers: impl IntoIterator<Item = Extension>) -> Frame {
    headers.into_iter().fold(to6(to), Frame::extension)
}

#[test]
fn each_alone() {
    let mut fixtures = Vec::new();
    for header in [HopByHop, RouterAlert, DestinationOptions, Authentication, Mobility, Hip, Shim6]
        .into_iter()
        .chain([ATOMIC, Fragmented(0, true), NoNextHeader])
    {
        for (to, reason) in [(NVR6, Local), (VENDOR6, NotLocal), ("ff02::fb", OnLink)] {
            let frame = chain(to, [header.clone()]);
            fixtures.push(outbound(format!("{header:?} to {to}"), &frame, reason));
        }
    }
    check(&fixtures);
}

#[test]
fn chains() {
    let mut fixtures = Vec::new();
    for length in 1..=8 {
        let reason = if length <= 6 { Local } else { Malformed };
        let options = chain(NVR6, vec![DestinationOptions; length]);
        fixtures.push(outbound(format!("{length} destination options"), &options, reason));
        let headers = [HopByHop, DestinationOptions, ATOMIC, Authentication, Mobility, Hip];
        let mixed = chain(NVR6, headers.into_iter().chain([Shim6, Shim6]).take(length));
        fixtures.push(outbound(format!("{length} different headers"), &mixed, reason));
    }
    let all = |to| chain(to, [HopByHop, DestinationOptions, ATOMIC, Authentication]);
    fixtures.extend([
        outbound("the usual order, out", &all(VENDOR6), NotLocal),
        outbound("seven headers, out", &chain(VENDOR6, vec![Shim6; 7]), Malformed),
        outbound("six headers behind two tags", &chain(NVR6, vec![Hip; 6]).qinq(1, 2), Local),
    ]);
    check(&fixtures);
}

#[test]
fn hop_by_hop_options_come_first() {
    let second = |first| chain(NVR6, [first, HopByHop]);
    check(&[
        outbound("first", &chain(NVR6, [HopByHop, DestinationOptions]), Local),
        outbound("after destination options", &second(DestinationOptions), Malformed),
        outbound("twice", &second(HopByHop), Malformed),
        outbound("after a router alert", &second(RouterAlert), Malformed),
        outbound("after an atomic fragment's header", &second(ATOMIC), Malformed),
        outbound("after an authentication header", &second(Authentication), Malformed),
        outbound("after a destination option, out", &chain(VENDOR6, [Hip, HopByHop]), Malformed),
    ]);
}

/// A header that claims a length in units of eight bytes beyond the first, with a body of such a
/// length.
fn sized(number: u8, claimed: u8, units: usize) -> Extension {
    Claiming(number, claimed, vec![0; 8 * units + 6])
}

#[test]
fn lengths() {
    // Behind the header come UDP and payload, 13 bytes.
    let home = |header| chain(NVR6, [header]);
    check(&[
        outbound("long destination options", &home(sized(DESTINATION, 20, 20)), Local),
        outbound("that takes in some of UDP", &home(sized(DESTINATION, 1, 0)), Malformed),
        outbound("that runs over the end", &home(sized(DESTINATION, 2, 0)), Malformed),
        outbound("hop-by-hop over the end", &home(sized(HOP_BY_HOP, 2, 0)), Malformed),
        outbound("authentication over the end", &home(sized(AUTHENTICATION, 4, 0)), Malformed),
        outbound("longest claim", &home(sized(DESTINATION, 255, 0)), Malformed),
        outbound(
            "over the end into padding",
            &home(sized(DESTINATION, 2, 0)).pad_to(120),
            Malformed,
        ),
        outbound("over the end, out", &chain(VENDOR6, [sized(60, 2, 0)]), Malformed),
        outbound("a fragment header has no length", &home(sized(FRAGMENT, 9, 0)), Local),
        outbound("to offset 494", &home(sized(DESTINATION, 54, 54)), Local),
        outbound("to offset 502", &home(sized(DESTINATION, 55, 55)), Local),
        outbound("to offset 510", &home(sized(DESTINATION, 56, 56)), Local),
        outbound("beyond what is looked at", &home(sized(DESTINATION, 57, 57)), Malformed),
        outbound("far beyond what is looked at", &home(sized(DESTINATION, 120, 120)), Malformed),
    ]);
}

#[test]
fn a_header_that_is_not_there() {
    let header = |number| cam().ipv6(CAM6, NVR6).protocol(number);
    let mut fixtures = Vec::new();
    for number in [HOP_BY_HOP, FRAGMENT, AUTHENTICATION, DESTINATION, 135, 139, 140] {
        fixtures.extend([
            outbound(format!("{number}: nothing of it"), &header(number), Malformed),
            outbound(
                format!("{number}: nothing but padding"),
                &header(number).pad_to(80),
                Malformed,
            ),
            outbound(format!("{number}: a byte"), &header(number).payload([17]), Malformed),
            outbound(format!("{number}: six bytes"), &header(number).payload([0; 6]), Malformed),
        ]);
    }
    check(&fixtures);
}

#[test]
fn routing_headers() {
    let mut fixtures = Vec::new();
    for kind in [0, 1, 2, 3, 4, 5, 253, 255] {
        for (to, place) in [(NVR6, "home"), (VENDOR6, "out"), ("ff02::fb", "on the link")] {
            let frame = chain(to, [Extension::routing(kind, VENDOR6)]);
            fixtures.push(outbound(format!("type {kind} {place}"), &frame, SourceRoute));
        }
    }
    let routing = || Extension::routing(0, VENDOR6);
    let after = |headers: &[Extension]| {
        chain(NVR6, headers.iter().cloned().chain([Extension::routing(0, VENDOR6)]))
    };
    fixtures.extend([
        outbound("through a neighbour", &chain(NVR6, [Extension::routing(2, NVR6)]), SourceRoute),
        outbound("after hop-by-hop options", &after(&[HopByHop]), SourceRoute),
        outbound("after a first fragment's header", &after(&[Fragmented(0, true)]), SourceRoute),
        outbound("after an atomic fragment's header", &after(&[ATOMIC]), SourceRoute),
        outbound("in a later fragment", &after(&[Fragmented(64, false)]), SourceRoute),
        outbound("after six headers", &after(&vec![DestinationOptions; 6]), SourceRoute),
        outbound("after seven headers", &after(&vec![DestinationOptions; 7]), Malformed),
        outbound("before a tunnel", &chain(NVR6, [routing()]).ip_in_ip(&to6(VENDOR6)), SourceRoute),
        outbound("nothing of it", &cam().ipv6(CAM6, NVR6).protocol(ROUTING), SourceRoute),
        outbound("tagged twice", &chain(NVR6, [routing()]).qinq(1, 2), SourceRoute),
        outbound("its number in IPv4", &cam().ipv4("10.0.0.2", "10.0.0.1").protocol(43), Local),
    ]);
    check(&fixtures);
}

#[test]
fn what_lies_behind() {
    let tunnel = || cam().ipv6(CAM6, NVR6).ip_in_ip(&to6(VENDOR6));
    let behind = |headers: &[Extension]| headers.iter().cloned().fold(tunnel(), Frame::extension);
    check(&[
        outbound("a tunnel behind hop-by-hop options", &behind(&[HopByHop]), Tunnel),
        outbound("a tunnel behind destination options", &behind(&[DestinationOptions]), Tunnel),
        outbound("a tunnel behind authentication", &behind(&[Authentication]), Tunnel),
        outbound("a tunnel behind two of them", &behind(&[Authentication, Authentication]), Tunnel),
        outbound("a tunnel behind mobility", &behind(&[Mobility]), Tunnel),
        outbound("a tunnel behind an atomic fragment's header", &behind(&[ATOMIC]), Tunnel),
        outbound("a tunnel's first fragment", &behind(&[Fragmented(0, true)]), Tunnel),
        outbound("a tunnel's later fragment", &behind(&[Fragmented(64, true)]), Tunnel),
        outbound("a tunnel behind six headers", &behind(&vec![Hip; 6]), Tunnel),
        outbound("a tunnel behind seven headers", &behind(&vec![Hip; 7]), Malformed),
        outbound("encryption", &chain(NVR6, [Extension::Esp]), Tunnel),
        outbound("encryption behind options", &chain(NVR6, [HopByHop, Extension::Esp]), Tunnel),
        outbound("no next header before a tunnel", &behind(&[NoNextHeader]), Local),
        outbound(
            "a mobility header in IPv4",
            &cam().ipv4("10.0.0.2", "10.0.0.1").protocol(135),
            Local,
        ),
    ]);
}
