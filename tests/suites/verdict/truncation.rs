//! Frames cut at every byte.
//!
//! Cut inside its addresses a frame is nobody's (see the bystanders); cut anywhere behind, it has
//! less than its headers promise, and a camera's is malformed. Only padding can go missing.

use camfence_common::reason::Reason::{self, Local, Malformed, NotLocal};
use camfence_tests::{Frame, judge::Fixture};

use crate::{
    CAM, CAM4, CAM6, NVR4, NVR6, STRANGER, VENDOR4, VENDOR6, cam, check, inbound, outbound,
};

/// The length from which on a frame is the camera's: its source MAC ends here.
const SOURCE_END: usize = 12;
/// The same for the destination MAC.
const DESTINATION_END: usize = 6;

/// A frame cut at every byte, and whole.
fn cut(frame: &Frame, reason: Reason) -> Vec<Fixture> {
    let length = frame.build().len();
    let cut = |at| outbound(format!("cut to {at}"), &frame.clone().truncate(at), Malformed);
    (SOURCE_END..length).map(cut).chain([outbound("whole", frame, reason)]).collect()
}

#[test]
fn ipv4_udp() {
    check(&cut(&cam().ipv4(CAM4, NVR4).udp(5000, 554).payload_of(20), Local));
    check(&cut(&cam().ipv4(CAM4, VENDOR4).udp(5000, 10240).payload_of(20), NotLocal));
}

#[test]
fn ipv6_tcp() {
    check(&cut(&cam().ipv6(CAM6, NVR6).tcp(5000, 554).syn(), Local));
    check(&cut(&cam().ipv6(CAM6, VENDOR6).tcp(5000, 443).syn(), NotLocal));
}

#[test]
fn qinq() {
    check(&cut(&cam().qinq(100, 20).ipv4(CAM4, NVR4).tcp(5000, 554).syn(), Local));
    check(&cut(&cam().qinq(100, 20).ipv6(CAM6, NVR6).udp(5000, 554).payload_of(9), Local));
}

#[test]
fn padding_may_go_missing() {
    let frame = cam().ipv4(CAM4, NVR4).udp(5000, 554).pad_to(60);
    let packet_end = 14 + 20 + 8;
    let cut = |at| outbound(format!("padding cut to {at}"), &frame.clone().truncate(at), Local);
    check(&(packet_end..=60).map(cut).collect::<Vec<_>>());
}

#[test]
fn to_a_camera() {
    let frame = Frame::from(STRANGER).to(CAM).ipv4(NVR4, CAM4).udp(554, 5000).payload_of(20);
    let length = frame.build().len();
    let cut = |at| inbound(format!("cut to {at}"), &frame.clone().truncate(at), Malformed);
    check(&(DESTINATION_END..length).map(cut).collect::<Vec<_>>());
}
