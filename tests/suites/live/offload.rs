//! Frames as the stack has them: many in one buffer, headers elsewhere, tags aside.

use anyhow::Result;
use camfence_tests::Frame;
use camfence_tests::wire::Offload;

use crate::fixture::{Attachment, CAM, GW, Home, SOON, nothing_arrives, over_every_attachment};
use crate::ledger::Ledger;

over_every_attachment!(a_frame_whose_headers_are_not_in_line_is_judged_right);

const SEGMENT: u16 = 1000;
const SEGMENTS: u64 = 10;
/// Payload of a super-frame; the last segment is shorter.
const PAYLOAD: usize = 9_500;

/// A super-frame, with the length of its headers.
fn super_frames(frame: &Frame, v4: [&str; 2], v6: [&str; 2]) -> [(Frame, u64); 4] {
    let over_v4 = frame.clone().ipv4(v4[0], v4[1]);
    let over_v6 = frame.clone().ipv6(v6[0], v6[1]);
    [
        (over_v4.clone().udp(5000, 443).payload_of(PAYLOAD), 14 + 20 + 8),
        (over_v4.tcp(5000, 443).ack().payload_of(PAYLOAD), 14 + 20 + 20),
        (over_v6.clone().udp(5000, 443).payload_of(PAYLOAD), 14 + 40 + 8),
        (over_v6.tcp(5000, 443).ack().payload_of(PAYLOAD), 14 + 40 + 20),
    ]
}

fn on_the_wire(headers: u64) -> (u64, u64) {
    (SEGMENTS, PAYLOAD as u64 + SEGMENTS * headers)
}

fn a_super_frame_counts_as_its_segments(attachment: Attachment) -> Result<()> {
    let home = Home::new(attachment)?;
    let fence = home.fenced()?;
    let (camera, gw) = (home.wire("driveway")?, home.wire("gw")?);
    let mut ledger = Ledger::default();
    let (away4, away6) = (["192.168.1.31", "203.0.113.7"], ["fd00:1::31", "2001:db8::7"]);
    let (home4, home6) = (["192.168.1.31", "192.168.1.1"], ["fd00:1::31", "fd00:1::1"]);
    let outbound = Frame::from(CAM).to(GW);
    for (frame, headers) in super_frames(&outbound, away4, away6) {
        for offload in [Offload::gso(SEGMENT), Offload::gso(SEGMENT).with_linear(14)] {
            camera.send_offloaded(&frame.build(), offload)?;
            let (packets, bytes) = on_the_wire(headers);
            ledger.add((CAM, "outbound", "not-local"), packets, bytes);
        }
    }
    nothing_arrives(&gw)?;
    for (frame, headers) in super_frames(&outbound, home4, home6) {
        camera.send_offloaded(&frame.build(), Offload::gso(SEGMENT))?;
        let (packets, bytes) = on_the_wire(headers);
        ledger.add((CAM, "outbound", "local"), packets, bytes);
        assert!(gw.capture(SOON)?.is_some(), "a super-frame to home passes");
        gw.capture_until_quiet(crate::fixture::QUIET)?;
    }
    // To the camera: on egress the kernel has not divided it yet.
    let inbound = Frame::from(GW).to(CAM);
    let back = |[camera, peer]: [&'static str; 2]| [peer, camera];
    for (reason, v4, v6) in
        [("inbound", back(away4), back(away6)), ("local", back(home4), back(home6))]
    {
        for (frame, headers) in super_frames(&inbound, v4, v6) {
            gw.send_offloaded(&frame.build(), Offload::gso(SEGMENT))?;
            let (packets, bytes) = on_the_wire(headers);
            ledger.add((CAM, "inbound", reason), packets, bytes);
        }
    }
    camera.capture(SOON)?;
    for frame in camera.capture_until_quiet(crate::fixture::QUIET)? {
        assert!(frame[26..30] != [203, 0, 113, 7], "it reached the camera");
    }
    ledger.check(&fence, CAM)
}

#[test]
fn a_super_frame_counts_as_its_segments_at_tcx() -> Result<()> {
    if Attachment::Tcx.is_here() {
        a_super_frame_counts_as_its_segments(Attachment::Tcx)?;
    }
    Ok(())
}

#[test]
fn a_super_frame_counts_as_its_segments_at_clsact() -> Result<()> {
    a_super_frame_counts_as_its_segments(Attachment::Clsact)
}

/// The kernel divides super-frames before native XDP sees them.
#[test]
fn a_super_frame_counts_as_its_segments_at_native_xdp() -> Result<()> {
    a_super_frame_counts_as_its_segments(Attachment::XdpNative)
}

fn a_frame_whose_headers_are_not_in_line_is_judged_right(attachment: Attachment) -> Result<()> {
    let home = Home::with_mtu(attachment, 9000)?;
    let fence = home.fenced()?;
    let (camera, gw) = (home.wire("driveway")?, home.wire("gw")?);
    let mut ledger = Ledger::default();
    let learn = Frame::from(CAM).to(GW).arp_request("192.168.1.31", "192.168.1.1").build();
    camera.send(&learn)?;
    ledger.outbound(CAM, "link", &learn);
    assert_eq!(gw.capture(SOON)?, Some(learn));
    let v4 = |to: &str| Frame::from(CAM).to(GW).ipv4("192.168.1.31", to).udp(1, 2).payload_of(8000);
    let v6 = |to: &str| Frame::from(CAM).to(GW).ipv6("fd00:1::31", to).udp(1, 2).payload_of(8000);
    for linear in [14, 20, 34] {
        for (local, away) in [
            (v4("192.168.1.1"), v4("203.0.113.7")),
            (v6("fd00:1::1"), v6("2001:db8::7")),
            (v4("192.168.1.1").vlan(20), v4("203.0.113.7").vlan(20)),
        ] {
            let (local, away) = (local.build(), away.build());
            camera.send_offloaded(&away, Offload::linear(linear))?;
            ledger.outbound(CAM, "not-local", &away);
            camera.send_offloaded(&local, Offload::linear(linear))?;
            ledger.outbound(CAM, "local", &local);
            assert_eq!(gw.capture(SOON)?, Some(local), "{linear}");
        }
    }
    let back = |from: &str| Frame::from(GW).to(CAM).ipv4(from, "192.168.1.31").udp(2, 1);
    for (reason, from) in [("inbound", "203.0.113.7"), ("local", "192.168.1.1")] {
        let frame = back(from).payload_of(8000).build();
        gw.send_offloaded(&frame, Offload::linear(14))?;
        ledger.inbound(CAM, reason, &frame);
    }
    assert_eq!(camera.capture(SOON)?, Some(back("192.168.1.1").payload_of(8000).build()));
    nothing_arrives(&camera)?;
    nothing_arrives(&gw)?;
    ledger.check(&fence, CAM)
}
