//! To be of use: video, events and web pages at home.

use camfence_common::reason::Reason::{Local, OnLink};
use camfence_tests::{Frame, IpOption, judge::Fixture};

use crate::{
    NVR4, NVR6, PHONE4, PHONE6, ROUTER4, YARD4, YARD6, driveway4, driveway6, porch4, porch6, sends,
    sequence, yard,
};

/// What the fragments of a packet get, all the same.
fn pieces(name: &str, frame: &Frame) -> Fixture {
    let frames: Vec<_> = frame.fragments(1440).into_iter().map(|piece| (piece, Local)).collect();
    sequence(name, &frames)
}

pub(crate) fn needed() -> Vec<Fixture> {
    let local = |name: &str, frame| sends(name, &frame, Local);
    let big = |over: Frame| over.udp(5000, 50_002).payload_of(4000);
    vec![
        local("RTSP to the recorder", porch4(NVR4).tcp(5000, 554).syn()),
        local("RTSP to the recorder over IPv6", porch6(NVR6).tcp(5000, 554).syn()),
        local(
            "RTSP answered to the recorder",
            porch4(NVR4).tcp(554, 5000).psh().ack().payload_of(900),
        ),
        local("RTP to the recorder", porch4(NVR4).rtp()),
        local("RTP to the recorder over IPv6", porch6(NVR6).rtp()),
        local("RTP from an address that is bound", yard().ipv4(YARD4, NVR4).rtp()),
        local("RTP from an IPv6 address that is bound", yard().ipv6(YARD6, NVR6).rtp()),
        local("RTP with a tag", driveway4(NVR4).rtp().vlan(20)),
        local("RTP with two tags", driveway4(NVR4).rtp().qinq(100, 20)),
        local("RTP with a priority tag", driveway4(NVR4).rtp().priority_tag(5)),
        sends("RTP to a group", &driveway4("239.1.2.3").rtp(), OnLink),
        sends("RTP to an IPv6 group of the site", &driveway6("ff05::1234").rtp(), OnLink),
        local(
            "a web page for a phone",
            driveway4(PHONE4).tcp(80, 5000).psh().ack().payload_of(900),
        ),
        local("a web page for a phone over IPv6", driveway6(PHONE6).tcp(443, 5000).syn().ack()),
        local("an ONVIF event", driveway4(PHONE4).tcp(5000, 8080).psh().ack().payload_of(700)),
        local(
            "an event to another network of the home",
            driveway4("10.9.8.7").tcp(5000, 443).syn(),
        ),
        local("a line for the log server", driveway4(NVR4).syslog()),
        local("an SNMP trap", driveway4(NVR4).snmp_trap()),
        local("an answer to a ping", driveway4(PHONE4).pong()),
        local("an answer to a ping over IPv6", driveway6(PHONE6).pong()),
        local("a ping of the router", driveway4(ROUTER4).ping()),
        local(
            "an answer with a recorded route",
            driveway4(PHONE4).option(&IpOption::RecordRoute(3)).pong(),
        ),
        local("a port that is closed", driveway4(NVR4).icmp(3, 3).payload_of(28)),
        local("an acknowledgement that is padded", driveway4(NVR4).tcp(554, 5000).ack().pad_to(60)),
        local("a file by an unusual protocol", driveway4(NVR4).protocol(132).payload_of(12)),
        sends(
            "from a link-local address to a neighbour",
            &yard().ipv6("fe80::31", "fe80::1").rtp(),
            OnLink,
        ),
        sends(
            "from an address of its own making",
            &yard().ipv4("169.254.3.4", "169.254.1.1").rtp(),
            OnLink,
        ),
        pieces("a big datagram in fragments", &big(porch4(NVR4))),
        pieces("a big datagram in fragments over IPv6", &big(porch6(NVR6))),
    ]
}
