//! Frames as a NIC or the network stack hands them on: a tag taken off, several in one. The runner
//! gives the kernel neither, so that the core is tried on the host alone.

use camfence_common::{
    packet::{Bytes, Packet},
    reason::{
        Direction,
        Reason::{self, Local, Malformed, NotLocal, SourceRoute, Tunnel},
    },
    verdict::{Verdict, find, judge},
    wire::length::{self, Payload},
};
use camfence_tests::{Extension, Frame, IpOption, judge::policy};

use crate::{CAM4, CAM6, HOME, NVR4, NVR6, VENDOR4, VENDOR6, cam, to4, to6};

/// A socket buffer.
#[derive(Default)]
struct Buffer {
    bytes: Vec<u8>,
    stripped_tags: usize,
    aggregate: bool,
}

impl Bytes for Buffer {
    fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.byte(at)
    }

    fn words<const N: usize>(&self, at: usize) -> Option<[u16; N]> {
        self.bytes.words(at)
    }
}

impl Packet for Buffer {
    fn wire_len(&self) -> usize {
        self.bytes.len()
    }

    fn stripped_tags(&self) -> usize {
        self.stripped_tags
    }

    fn is_aggregate(&self) -> bool {
        self.aggregate
    }
}

fn verdict(buffer: &Buffer) -> Verdict {
    let policy = policy(HOME).expect("a policy");
    let camera = find(Direction::Outbound, buffer, &policy, || 1).expect("a camera's frame");
    judge(Direction::Outbound, buffer, &policy, camera)
}

/// The reason for a frame of which so many tags were taken off.
fn stripped(stripped_tags: usize, frame: &Frame) -> Reason {
    verdict(&Buffer { bytes: frame.build(), stripped_tags, ..Buffer::default() }).reason()
}

/// The reason for several frames in one.
fn aggregate(frame: &Frame) -> Reason {
    verdict(&Buffer { bytes: frame.build(), aggregate: true, ..Buffer::default() }).reason()
}

#[test]
fn a_tag_that_was_taken_off_counts() {
    assert_eq!(stripped(1, &to4(NVR4)), Local);
    assert_eq!(stripped(1, &to6(VENDOR6)), NotLocal);
    assert_eq!(stripped(1, &to4(NVR4).vlan(20)), Local);
    assert_eq!(stripped(1, &to4(VENDOR4).vlan(20)), NotLocal);
    assert_eq!(stripped(1, &to4(NVR4).qinq(100, 20)), Malformed);
    assert_eq!(stripped(2, &to4(NVR4)), Local);
    assert_eq!(stripped(2, &to4(NVR4).vlan(20)), Malformed);
}

#[test]
fn an_aggregate_may_say_that_its_length_is_zero() {
    assert_eq!(aggregate(&to4(NVR4).claim_length(0)), Local);
    assert_eq!(aggregate(&to4(VENDOR4).claim_length(0)), NotLocal);
    assert_eq!(aggregate(&to6(NVR6).claim_length(0)), Local);
    assert_eq!(aggregate(&to6(VENDOR6).claim_length(0)), NotLocal);
    // What Linux puts before TCP in a packet of more than 64 KiB.
    let jumbo = Extension::Claiming(0, 0, vec![0xc2, 4, 0, 1, 0x11, 0x70]);
    assert_eq!(aggregate(&to6(NVR6).extension(jumbo.clone()).claim_length(0)), Local);
    assert_eq!(aggregate(&to6(VENDOR6).extension(jumbo).claim_length(0)), NotLocal);
}

#[test]
fn an_aggregate_may_not_lie_otherwise() {
    assert_eq!(aggregate(&to4(NVR4)), Local);
    assert_eq!(aggregate(&to4(NVR4).claim_length(19)), Malformed);
    assert_eq!(aggregate(&to4(NVR4).claim_length(34)), Malformed);
    assert_eq!(aggregate(&to6(NVR6).claim_length(14)), Malformed);
    assert_eq!(aggregate(&to4(NVR4).claim_length(0).truncate(30)), Malformed);
    assert_eq!(aggregate(&to4(NVR4).ip_in_ip(&to4(VENDOR4)).claim_length(0)), Tunnel);
    let routed = to4(NVR4).option(&IpOption::loose_route(VENDOR4)).claim_length(0);
    assert_eq!(aggregate(&routed), SourceRoute);
}

/// Bytes of the headers that every segment of an aggregate repeats.
fn headers(frame: &Frame) -> usize {
    let buffer = Buffer { bytes: frame.build(), aggregate: true, ..Buffer::default() };
    let payload = verdict(&buffer).payload();
    assert_ne!(payload, Payload::UNREAD, "a packet that was read");
    length::headers(&buffer, payload)
}

#[test]
fn the_headers_of_segments_are_measured() {
    let v4 = || cam().ipv4(CAM4, NVR4);
    let v6 = || cam().ipv6(CAM6, NVR6);
    assert_eq!(headers(&v4().udp(1, 2).payload_of(9)), 14 + 20 + 8);
    assert_eq!(headers(&v4().tcp(1, 2).payload_of(9)), 14 + 20 + 20);
    assert_eq!(headers(&v6().udp(1, 2).payload_of(9)), 14 + 40 + 8);
    assert_eq!(headers(&v6().tcp(1, 2).qinq(100, 20)), 14 + 8 + 40 + 20);
    assert_eq!(headers(&v4().option(&IpOption::RouterAlert).tcp(1, 2)), 14 + 24 + 20);
    assert_eq!(headers(&v6().extension(Extension::HopByHop).tcp(1, 2)), 14 + 48 + 20);
    assert_eq!(headers(&v4().ping()), 14 + 20);
    assert_eq!(headers(&v4().udp(1, 2).last_fragment(64)), 14 + 20);
    assert_eq!(headers(&cam().ipv4(CAM4, VENDOR4).tcp(1, 2)), 14 + 20 + 20);
}
