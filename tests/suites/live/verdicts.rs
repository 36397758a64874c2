//! Every frame is judged once, counted once, and goes where it should or nowhere.

use anyhow::Result;
use camfence_tests::frame::{Extension, IpOption};
use camfence_tests::lab::{INTERNET, INTERNET_V4, INTERNET_V6};
use camfence_tests::traffic::{TcpEcho, TcpSession, UdpEcho, udp_request};
use camfence_tests::{BpffsRoot, Bridge, Frame, Host, Lab, Mac, RawPort};

use crate::fixture::{
    Attachment, CAM, CAM2, Fence, GW, Home, NVR, arrives, config, nothing_arrives,
    over_every_attachment,
};
use crate::ledger::Ledger;

over_every_attachment!(
    frames_of_a_camera_pass_at_home_only,
    frames_to_a_camera_come_from_home_only,
    a_bystander_is_untouched,
    every_bystanders_frame_survives_a_fence_without_cameras,
    sockets_work_at_home_and_fail_outside,
);

type Case = (&'static str, Frame);

/// Each of these with no tag, an 802.1Q tag, and an 802.1ad tag around one.
fn tagged(frames: Vec<Case>) -> Vec<Case> {
    let each = |(reason, frame): Case| {
        [(reason, frame.clone()), (reason, frame.clone().vlan(20)), (reason, frame.qinq(100, 20))]
    };
    frames.into_iter().flat_map(each).collect()
}

fn outbound_cases(from: Mac) -> Vec<Case> {
    let v4 = |to: &str| Frame::from(from).to(GW).ipv4("192.168.1.31", to);
    let v6 = |to: &str| Frame::from(from).to(GW).ipv6("fd00:1::31", to);
    let mut cases = vec![
        ("local", v4("192.168.1.1").udp(5000, 53).payload_of(100)),
        ("local", v4("10.9.8.7").tcp(5000, 443).syn()),
        ("local", v6("fd00:2::7").udp(5000, 53).payload_of(1200)),
        ("on-link", v4("255.255.255.255").udp(68, 67)),
        ("on-link", v6("fe80::1").udp(546, 547)),
        ("link", Frame::from(from).to(GW).arp_request("192.168.1.31", "192.168.1.1")),
        ("link", Frame::from(from).to(GW).eapol()),
        ("ethertype", Frame::from(from).to(GW).ethertype(0x88a2).payload_of(60)),
    ];
    for ip in INTERNET_V4 {
        cases.push(("not-local", v4(ip).udp(5000, 10240).payload_of(64)));
        cases.push(("not-local", v4(ip).option(&IpOption::RouterAlert).tcp(5000, 443).syn()));
        cases.push(("not-local", v4(ip).udp(5000, 10240).payload_of(64).last_fragment(1480)));
    }
    for ip in INTERNET_V6 {
        cases.push(("not-local", v6(ip).udp(5000, 10240).payload_of(1400)));
        cases.push(("not-local", v6(ip).extension(Extension::DestinationOptions).udp(5, 9)));
    }
    cases.push(("tunnel", v4("192.168.1.1").ip_in_ip(&v4("203.0.113.7").udp(5, 9))));
    cases.push(("source-route", v4("192.168.1.1").option(&IpOption::loose_route("203.0.113.7"))));
    cases.push(("malformed", v4("192.168.1.1").udp(5, 9).claim_ihl(3)));
    cases.push(("malformed", v4("192.168.1.1").udp(5, 9).payload_of(30).truncate(14 + 19)));
    let mut cases = tagged(cases);
    // With three tags a frame is malformed, also where the kernel took the first aside.
    let deep = v4("192.168.1.1").udp(5, 9).payload_of(30);
    cases.push(("malformed", deep.clone().vlan(1).vlan(2).vlan(3)));
    cases.push(("malformed", deep.clone().qinq(1, 2).vlan(3).vlan(4)));
    cases.push(("local", deep.clone().vlan(1).vlan(2)));
    cases.push(("local", deep.pad_to(100)));
    cases
}

/// Lets the bridge learn where a station is; gives the frame that did.
fn introduce(port: &RawPort, station: Mac, others: &[&RawPort]) -> Result<Vec<u8>> {
    let frame = Frame::from(station).broadcast().arp_request("192.168.1.1", "192.168.1.99").build();
    port.send(&frame)?;
    others.iter().try_for_each(|other| arrives(other, std::slice::from_ref(&frame)))?;
    Ok(frame)
}

fn passes(reason: &str) -> bool {
    ["local", "on-link", "link"].contains(&reason)
}

fn frames_of_a_camera_pass_at_home_only(attachment: Attachment) -> Result<()> {
    let home = Home::new(attachment)?;
    let fence = home.fenced()?;
    let (camera, gw, nvr) = (home.wire("driveway")?, home.wire("gw")?, home.wire("nvr")?);
    let other = home.wire("garage")?;
    // The bridge learns where the gateway is, so that what passes goes there only.
    introduce(&gw, GW, &[&camera, &nvr, &other])?;
    let mut ledger = Ledger::default();
    let mut passed = Vec::new();
    for (reason, frame) in outbound_cases(CAM) {
        let frame = frame.build();
        camera.send(&frame)?;
        ledger.outbound(CAM, reason, &frame);
        if passes(reason) {
            passed.push(frame);
        }
    }
    // What is dropped is not flooded either.
    let flooded = Frame::from(CAM).ipv6("fd00:1::31", INTERNET_V6[0]).udp(1, 2).build();
    camera.send(&flooded)?;
    ledger.outbound(CAM, "not-local", &flooded);
    let multicast = Frame::from(CAM).ipv4("192.168.1.31", "224.0.1.129").udp(319, 319).build();
    camera.send(&multicast)?;
    ledger.outbound(CAM, "not-local", &multicast);
    arrives(&gw, &passed)?;
    nothing_arrives(&nvr)?;
    nothing_arrives(&other)?;
    ledger.check(&fence, CAM)?;
    ledger.check(&fence, CAM2)
}

fn frames_to_a_camera_come_from_home_only(attachment: Attachment) -> Result<()> {
    let home = Home::new(attachment)?;
    let fence = home.fenced()?;
    let (camera, gw) = (home.wire("driveway")?, home.wire("gw")?);
    let v4 = |from: &str| Frame::from(GW).to(CAM).ipv4(from, "192.168.1.31").udp(443, 5000);
    let v6 = |from: &str| Frame::from(GW).to(CAM).ipv6(from, "fd00:1::31").tcp(443, 5000).syn();
    let mut cases = vec![
        ("local", v4("192.168.1.1").payload_of(1000)),
        ("local", v6("fd00:2::1")),
        ("on-link", v6("fe80::1")),
        ("link", Frame::from(GW).to(CAM).arp_reply("192.168.1.1", "192.168.1.31")),
        ("ethertype", Frame::from(GW).to(CAM).ethertype(0x88a2).payload_of(60)),
        ("malformed", v4("192.168.1.1").claim_ihl(3)),
    ];
    cases.extend(INTERNET_V4.map(|ip| ("inbound", v4(ip).payload_of(77))));
    cases.extend(INTERNET_V6.map(|ip| ("inbound", v6(ip).payload_of(77))));
    let mut ledger = Ledger::default();
    // A frame to a station that the bridge does not know leaves by every port, and is judged and
    // counted at each.
    ledger.outbound(CAM, "link", &introduce(&camera, CAM, &[&gw])?);
    let mut passed = Vec::new();
    for (reason, frame) in tagged(cases) {
        let frame = frame.build();
        gw.send(&frame)?;
        ledger.inbound(CAM, reason, &frame);
        if passes(reason) {
            passed.push(frame);
        }
    }
    let deep = v4("192.168.1.1").vlan(1).vlan(2).vlan(3).build();
    gw.send(&deep)?;
    ledger.inbound(CAM, "malformed", &deep);
    arrives(&camera, &passed)?;
    // From one camera to another: counted for both.
    let between = Frame::from(CAM2).to(CAM).ipv4("192.168.1.32", "192.168.1.31").udp(1, 2).build();
    home.wire("garage")?.send(&between)?;
    ledger.outbound(CAM2, "local", &between);
    ledger.inbound(CAM, "local", &between);
    arrives(&camera, &[between])?;
    // A group is nobody's MAC.
    let group = Frame::from(GW).ipv4("203.0.113.7", "239.255.255.250").udp(1900, 1900).build();
    gw.send(&group)?;
    arrives(&camera, &[group])?;
    ledger.check(&fence, CAM)?;
    ledger.check(&fence, CAM2)
}

fn a_bystander_is_untouched(attachment: Attachment) -> Result<()> {
    let home = Home::new(attachment)?;
    let fence = home.fenced()?;
    let (nvr, gw) = (home.wire("nvr")?, home.wire("gw")?);
    let mut frames: Vec<_> =
        outbound_cases(NVR).into_iter().map(|(_, frame)| frame.build()).collect();
    // Nothing but addresses and an EtherType.
    frames.push(Frame::from(NVR).to(GW).ethertype(0x0800).build());
    frames.push(Frame::from(NVR).to(GW).ethertype(0x86dd).payload([6]).build());
    for frame in &frames {
        nvr.send(frame)?;
    }
    arrives(&gw, &frames)?;
    let none = Ledger::default();
    none.check(&fence, CAM)?;
    none.check(&fence, CAM2)
}

fn every_bystanders_frame_survives_a_fence_without_cameras(attachment: Attachment) -> Result<()> {
    let home = Home::new(attachment)?;
    let fence = home.fence(&[])?;
    fence.up()?;
    assert_eq!(fence.port("driveway")?["enforcing"], true);
    let (camera, gw) = (home.wire("driveway")?, home.wire("gw")?);
    let frames: Vec<_> = outbound_cases(CAM).into_iter().map(|(_, frame)| frame.build()).collect();
    for frame in &frames {
        camera.send(frame)?;
    }
    arrives(&gw, &frames)
}

fn sockets_work_at_home_and_fail_outside(attachment: Attachment) -> Result<()> {
    let host = |name: &str, last: u8| {
        Host::new(name)
            .ip(&format!("192.168.1.{last}/24"))
            .ip(&format!("fd00:1::{last}/64"))
            .via("192.168.1.1")
            .via("fd00:1::1")
    };
    let gateway = Host::new("gw").ip("192.168.1.1/24").ip("fd00:1::1/64").router();
    let lab = Lab::builder()
        .bridge(Bridge::new("br-cam"))
        .host(host("driveway", 31).mac(CAM))
        .host(host("nvr", 10))
        .host(gateway)
        .host(Host::internet_behind("gw"))
        .build()?;
    let bpffs = BpffsRoot::new()?;
    let text = config(&["br-cam"], attachment.hook(), "", &[CAM]);
    let fence = Fence::new(&lab, &bpffs, attachment, &text)?;
    let _at_home = (TcpEcho::open(lab.host("nvr"), 554)?, UdpEcho::open(lab.host("nvr"), 7)?);
    let _outside = (TcpEcho::open(lab.host(INTERNET), 443)?, UdpEcho::open(lab.host(INTERNET), 7)?);
    let at = |ip: &str, port| -> Result<_> { Ok(std::net::SocketAddr::new(ip.parse()?, port)) };
    let camera = lab.host("driveway");
    let mut established = TcpSession::open(camera, at(INTERNET_V4[0], 443)?)?;
    established.exchange()?;
    fence.up()?;
    established.exchange().expect_err("an established flow is cut");
    for ip in ["192.168.1.10", "fd00:1::10"] {
        TcpSession::open(camera, at(ip, 554)?)?.exchange()?;
        udp_request(camera, at(ip, 7)?, b"hello")?;
    }
    for ip in [INTERNET_V4[0], INTERNET_V6[0]] {
        udp_request(camera, at(ip, 7)?, b"hello").expect_err("not local");
        udp_request(lab.host("nvr"), at(ip, 7)?, b"hello")?;
    }
    let [_, dropped] = fence.outbound(CAM)?;
    assert!(dropped >= 3, "{dropped}");
    Ok(())
}
