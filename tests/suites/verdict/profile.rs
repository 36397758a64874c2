//! Cameras with profiles of their own.

use camfence_common::reason::{
    Direction,
    Reason::{Link, Local, NoPolicy, NotLocal, OnLink},
};
use camfence_tests::{
    Frame, Mac,
    judge::{Host, policy},
};

use crate::{CAM, CAM4, HOME, NVR4, NVR6, PORCH, SHED, VENDOR4, VENDOR6, check, outbound};

fn datagram(from: Mac, to: &str) -> Frame {
    let frame = Frame::from(from);
    let frame = if to.contains(':') { frame.ipv6("fd00:1::32", to) } else { frame.ipv4(CAM4, to) };
    frame.udp(5000, 10240)
}

#[test]
fn a_camera_reaches_what_its_own_profile_calls_local() {
    let expected = [
        (PORCH, NVR4, Local),
        (PORCH, "192.168.1.9", NotLocal),
        (PORCH, "192.168.1.11", NotLocal),
        (PORCH, "10.0.0.1", NotLocal),
        (PORCH, VENDOR4, NotLocal),
        (PORCH, "255.255.255.255", OnLink),
        (PORCH, "169.254.1.1", OnLink),
        (PORCH, "239.255.255.250", OnLink),
        (PORCH, NVR6, Local),
        (PORCH, "fd00:1::11", NotLocal),
        (PORCH, "fd00:1::f", NotLocal),
        (PORCH, VENDOR6, NotLocal),
        (PORCH, "fe80::1", OnLink),
        (PORCH, "ff02::1", OnLink),
        (SHED, "100.64.95.255", NotLocal),
        (SHED, "100.64.96.0", Local),
        (SHED, "100.64.127.255", Local),
        (SHED, "100.64.128.0", NotLocal),
        (SHED, NVR4, NotLocal),
        (SHED, "2001:db8:3f:ffff:ffff:ffff:ffff:ffff", NotLocal),
        (SHED, "2001:db8:40::", Local),
        (SHED, "2001:db8:5f:ffff:ffff:ffff:ffff:ffff", Local),
        (SHED, "2001:db8:60::", NotLocal),
        (SHED, NVR6, NotLocal),
        (CAM, "100.64.96.1", NotLocal),
        (CAM, "2001:db8:40::1", NotLocal),
        (CAM, "192.168.1.9", Local),
    ];
    let fixtures = expected
        .map(|(from, to, reason)| outbound(format!("{from} to {to}"), &datagram(from, to), reason));
    check(&fixtures);
}

#[test]
fn from_camera_to_camera_the_sender_is_counted() {
    check(&[
        outbound("to one at home", &datagram(CAM, NVR4).to(PORCH), Local),
        outbound("to one that is not", &datagram(PORCH, "192.168.1.31").to(CAM), NotLocal),
        outbound("ARP", &Frame::from(SHED).to(PORCH).arp_reply(NVR4, CAM4), Link),
    ]);
}

/// The host alone: what writes the kernel's tables never leaves a camera without a profile.
#[test]
fn without_its_profile_a_camera_reaches_nothing_by_ip() {
    let mut policy = policy(HOME).expect("a policy");
    policy.profiles.clear();
    let host = Host::new(&policy);
    let reason = |frame: &Frame| host.judge(Direction::Outbound, &frame.build()).reason();
    for to in [NVR4, VENDOR4, "239.255.255.250", NVR6, "fe80::1"] {
        assert_eq!(reason(&datagram(CAM, to)), Some(NoPolicy), "{to}");
    }
    assert_eq!(reason(&Frame::from(CAM).arp_request(CAM4, NVR4)), Some(Link));
}
