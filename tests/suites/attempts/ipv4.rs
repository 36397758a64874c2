//! IPv4 headers: options, and lengths that lie.

use camfence_common::reason::Reason::{Malformed, NotLocal, SourceRoute};
use camfence_tests::{Frame, IpOption, judge::Fixture};

use crate::{NVR4, PORCH4, ROUTER4, TIME4, VENDOR4, calling, driveway4, porch4, sends};

const NOP: u8 = 1;

/// Source routes: home is the first hop only.
fn source_routes() -> Vec<Fixture> {
    let routed = |name: &str, frame| sends(name, &frame, SourceRoute);
    let home = || calling(driveway4(NVR4));
    let loose = IpOption::loose_route(VENDOR4);
    let strict = IpOption::strict_route(VENDOR4);
    let far = IpOption::LooseRoute(
        ["192.168.1.1", "203.0.113.1", "203.0.113.7"]
            .map(|router| router.parse().expect("an address"))
            .to_vec(),
    );
    let padded = (0..30).fold(home(), |frame, _| frame.option(&IpOption::Nop));
    vec![
        routed("a loose source route", home().option(&loose)),
        routed("a strict source route", home().option(&strict)),
        routed("a loose source route through three routers", home().option(&far)),
        routed(
            "a loose source route on the link",
            calling(driveway4("224.0.0.251")).option(&loose),
        ),
        routed("a loose source route to the vendor", calling(driveway4(VENDOR4)).option(&loose)),
        routed("a strict source route with a tag", home().option(&strict).vlan(20)),
        routed("a source route behind thirty NOPs", padded.option(&loose)),
        routed(
            "a source route behind a recorded one",
            home().option(&IpOption::RecordRoute(3)).option(&loose),
        ),
        routed("a source route that claims no length", home().option(&IpOption::claiming(131, 0))),
        routed("a source route in a fragment", home().option(&loose).last_fragment(64)),
        routed(
            "a source route from the time server on",
            porch4(TIME4).option(&loose).ntp_request(),
        ),
    ]
}

/// Options that say nothing about the way.
fn options() -> Vec<Fixture> {
    let out = |name: &str, option: IpOption| {
        sends(name, &calling(driveway4(VENDOR4)).option(&option), NotLocal)
    };
    let odd = |name: &str, option: IpOption| {
        sends(name, &calling(driveway4(NVR4)).option(&option), Malformed)
    };
    vec![
        out("out with a NOP", IpOption::Nop),
        out("out with the end of options", IpOption::End),
        out("out with a recorded route", IpOption::RecordRoute(9)),
        out("out with time stamps", IpOption::Timestamp(4)),
        out("out with a router alert", IpOption::RouterAlert),
        out("out with forty bytes of NOPs", IpOption::Raw(vec![NOP; 40])),
        odd("an option that claims no length", IpOption::claiming(68, 0)),
        odd("an option that claims a byte", IpOption::claiming(68, 1)),
        odd("an option that claims all bytes", IpOption::claiming(68, 255)),
        odd("an option that ends behind the header", IpOption::Raw(vec![NOP, NOP, 7, 9])),
        odd("an option that swallows a source route", IpOption::Raw(vec![7, 9, 4, 131])),
    ]
}

/// Header lengths that cannot be, or swallow what follows.
fn header_lengths() -> Vec<Fixture> {
    let short = (0..5).map(|words| {
        let frame = calling(driveway4(NVR4)).claim_ihl(words);
        sends(format!("home with a header of {words} words"), &frame, Malformed)
    });
    let nops = |to| driveway4(to).protocol(17).payload([NOP; 40 + 8]);
    let long = [
        sends(
            "out with a header that takes in the payload",
            &nops(VENDOR4).claim_ihl(15),
            NotLocal,
        ),
        sends(
            "a header that takes in the whole datagram",
            &driveway4(NVR4).protocol(17).payload([NOP; 40]).claim_ihl(15),
            Malformed,
        ),
        sends(
            "a header longer than the packet",
            &calling(driveway4(NVR4)).claim_ihl(15),
            Malformed,
        ),
        sends("IPv4 that says version 6", &calling(driveway4(NVR4)).claim_version(6), Malformed),
        sends("IPv4 that says version 0", &calling(driveway4(NVR4)).claim_version(0), Malformed),
    ];
    short.chain(long).collect()
}

/// Total lengths that are not those of the frame. Header 20, UDP 8, payload 5.
fn total_lengths() -> Vec<Fixture> {
    let claim =
        |name: &str, bytes| sends(name, &calling(driveway4(NVR4)).claim_length(bytes), Malformed);
    let tcp = |bytes: u16| driveway4(NVR4).tcp(5000, 554).syn().claim_length(bytes);
    let ping = |bytes: u16| driveway4(NVR4).ping().claim_length(bytes);
    vec![
        claim("a total length of zero", 0),
        claim("a total length of a byte", 1),
        claim("a total length less than the header", 19),
        claim("a total length of the header alone", 20),
        claim("a total length that ends in the ports", 23),
        claim("a total length that ends in the UDP header", 27),
        claim("a total length beyond the frame by a byte", 34),
        claim("the greatest total length", 65_535),
        sends("a total length that ends in the TCP header", &tcp(39), Malformed),
        sends("a total length that ends in the ICMP header", &ping(27), Malformed),
        sends(
            "a total length beyond a padded frame",
            &calling(driveway4(NVR4)).claim_length(47).pad_to(60),
            Malformed,
        ),
        sends("out with a payload that is not counted", &trailing(driveway4(VENDOR4)), NotLocal),
        sends("ports in padding", &in_padding(TIME4), Malformed),
        sends("ports in padding, for the router", &in_padding(ROUTER4), Malformed),
    ]
}

fn trailing(frame: Frame) -> Frame {
    frame.udp(5000, 10_240).trailer(b"behind the packet")
}

/// A packet that says it ends with its IP header; the ports that are allowed are padding.
fn in_padding(to: &str) -> Frame {
    Frame::from(crate::PORCH).ipv4(PORCH4, to).ntp_request().claim_length(20)
}

pub(crate) fn attempts() -> Vec<Fixture> {
    [source_routes(), options(), header_lengths(), total_lengths()].concat()
}
