//! Past what the porch may do by a port, an address or a protocol.

use camfence_common::reason::Reason::{Malformed, NotLocal, SourceRoute};
use camfence_tests::{Extension, IpOption, judge::Fixture};

use crate::{MAIL4, PINGED4, TIME4, TIME6, VENDOR4, calling, driveway4, porch4, porch6, sends};

fn time() -> Vec<Fixture> {
    let out = |name: &str, frame| sends(name, &frame, NotLocal);
    vec![
        out("the time of another server", porch4("192.0.2.124").ntp_request()),
        out("the time of another server over IPv6", porch6("2001:db8::124").ntp_request()),
        out("the time server's mapped address", porch6("::ffff:192.0.2.123").ntp_request()),
        out("the time server through NAT64", porch6("64:ff9b::192.0.2.123").ntp_request()),
        out("the time server by TCP", porch4(TIME4).tcp(5000, 123).syn()),
        out("the time server by the next port", porch4(TIME4).udp(123, 124).payload_of(48)),
        out("the time server by the source port", porch4(TIME4).udp(123, 443).payload_of(48)),
        out("the time server by a port backwards", porch4(TIME4).udp(123, 0x7b00).payload_of(48)),
        out("the time server by UDP-Lite", porch4(TIME4).protocol(136).payload([0, 123, 0, 123])),
        out("the time server's web page", porch6(TIME6).tcp(5000, 443).syn()),
        out("the time server by ping", porch4(TIME4).ping()),
        out("the time, by a camera that may not ask", driveway4(TIME4).ntp_request()),
    ]
}

fn mail_and_ports() -> Vec<Fixture> {
    let out = |name: &str, frame| sends(name, &frame, NotLocal);
    let tcp = |to: &str, port| porch4(to).tcp(8000, port).syn();
    vec![
        out("mail by UDP", porch4(MAIL4).udp(5000, 25).payload_of(20)),
        out("mail by another port", tcp(MAIL4, 26)),
        out("mail's neighbour", tcp("198.51.100.26", 25)),
        out("the port before the range", tcp(VENDOR4, 7999)),
        out("the port behind the range", tcp(VENDOR4, 8011)),
        out("the range by UDP", porch4(VENDOR4).udp(5000, 8000).payload_of(9)),
        out("the range before the network", tcp("203.0.112.255", 8000)),
        out("the range behind the network", tcp("203.0.114.0", 8000)),
        out("a port in the range as the source", tcp(VENDOR4, 443)),
        out("port 0", tcp(VENDOR4, 0)),
    ]
}

fn pings() -> Vec<Fixture> {
    let out = |name: &str, frame| sends(name, &frame, NotLocal);
    vec![
        out("a ping beside the host that may be", porch4("203.0.113.10").ping()),
        out("ICMPv6 over IPv4", porch4(PINGED4).protocol(58).payload_of(8)),
        out("ICMP over IPv6", porch6("2001:db8::9").protocol(1).payload_of(8)),
        out("a call to the host that may be pinged", calling(porch4(PINGED4))),
    ]
}

/// What is allowed, with something else about it.
fn disguised() -> Vec<Fixture> {
    let loose = IpOption::loose_route(VENDOR4);
    let routing = Extension::routing(4, "2001:db8::7");
    vec![
        sends(
            "mail by a source route",
            &porch4(MAIL4).option(&loose).tcp(1, 25).syn(),
            SourceRoute,
        ),
        sends(
            "the time by a routing header",
            &porch6(TIME6).extension(routing).udp(9, 123),
            SourceRoute,
        ),
        sends("mail in a header cut short", &porch4(MAIL4).tcp(1, 25).claim_length(39), Malformed),
        sends(
            "the time in a header cut short",
            &porch4(TIME4).udp(9, 123).claim_length(27),
            Malformed,
        ),
        sends("a ping cut short", &porch4(PINGED4).ping().claim_length(27), Malformed),
    ]
}

pub(crate) fn attempts() -> Vec<Fixture> {
    [time(), mail_and_ports(), pings(), disguised()].concat()
}
