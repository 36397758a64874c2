//! Which flow a frame belongs to.

use std::net::IpAddr;

use anyhow::{Context as _, Result, ensure};
use camfence_common::reason::{
    Direction::{self, Inbound, Outbound},
    Reason,
};
use camfence_tests::{
    Extension, Frame, IpOption,
    judge::{Kernel, programs, runs},
};

use crate::{Books, CAM, CAM4, CAM6, GW, VENDOR4, VENDOR6, to};

/// A frame with its flow: peer, protocol, port and reason.
type Case = (&'static str, Direction, Frame, Option<(&'static str, u8, u16, Reason)>);

const TCP: u8 = 6;
const UDP: u8 = 17;

fn outward() -> Frame {
    Frame::from(CAM).to(GW)
}

fn inward() -> Frame {
    Frame::from(GW).to(CAM)
}

fn cases() -> Vec<Case> {
    let out6 = || outward().ipv6(CAM6, VENDOR6);
    let inner = to("198.51.100.9");
    let dropped = |peer, protocol, port| Some((peer, protocol, port, Reason::NotLocal));
    let outbound = [
        ("UDP", to(VENDOR4), dropped(VENDOR4, UDP, 10240)),
        ("TCP", outward().ipv4(CAM4, VENDOR4).tcp(40000, 443), dropped(VENDOR4, TCP, 443)),
        ("tagged", to(VENDOR4).vlan(20), dropped(VENDOR4, UDP, 10240)),
        ("tagged twice", to(VENDOR4).qinq(100, 20), dropped(VENDOR4, UDP, 10240)),
        ("options", to(VENDOR4).option(&IpOption::RouterAlert), dropped(VENDOR4, UDP, 10240)),
        ("a ping", outward().ipv4(CAM4, VENDOR4).ping(), dropped(VENDOR4, 1, 8 << 8)),
        (
            "a protocol without ports",
            outward().ipv4(CAM4, VENDOR4).protocol(132),
            dropped(VENDOR4, 132, 0),
        ),
        ("the first fragment", to(VENDOR4).first_fragment(), dropped(VENDOR4, UDP, 10240)),
        ("a later one", to(VENDOR4).last_fragment(64), dropped(VENDOR4, UDP, 0)),
        ("IPv6", out6().udp(5000, 10240), dropped(VENDOR6, UDP, 10240)),
        ("IPv6, tagged", out6().tcp(40000, 443).vlan(20), dropped(VENDOR6, TCP, 443)),
        (
            "behind headers",
            out6().extension(Extension::HopByHop).udp(1, 9),
            dropped(VENDOR6, UDP, 9),
        ),
        ("at home", to("192.168.1.10"), Some(("192.168.1.10", UDP, 10240, Reason::Local))),
        ("on the link", to("239.1.2.3"), Some(("239.1.2.3", UDP, 10240, Reason::OnLink))),
        (
            "a tunnel",
            outward().ipv4(CAM4, VENDOR4).ip_in_ip(&inner),
            Some((VENDOR4, 4, 0, Reason::Tunnel)),
        ),
        (
            "a source route",
            to(VENDOR4).option(&IpOption::loose_route("198.51.100.9")),
            Some((VENDOR4, UDP, 10240, Reason::SourceRoute)),
        ),
        (
            "half a header",
            to(VENDOR4).claim_length(20 + 4),
            Some((VENDOR4, UDP, 0, Reason::Malformed)),
        ),
        ("less than it says", to(VENDOR4).truncate(14 + 20 + 4), None),
        ("ARP", outward().arp_request(CAM4, "192.168.1.1"), None),
        ("no IP", outward().ethertype(0x88b5).payload_of(60), None),
        ("a broken header", to(VENDOR4).claim_ihl(3), None),
        ("too many tags", to(VENDOR4).vlan(1).vlan(2).vlan(3), None),
        ("somebody else's", Frame::from(GW).to(CAM).ipv4(VENDOR4, CAM4).udp(1, 2), None),
    ];
    let from = |peer: &'static str| inward().ipv4(peer, CAM4);
    let stopped = |peer, protocol, port| Some((peer, protocol, port, Reason::Inbound));
    let inbound = [
        ("UDP", from(VENDOR4).udp(443, 5000), stopped(VENDOR4, UDP, 443)),
        ("TCP", from(VENDOR4).tcp(443, 5000), stopped(VENDOR4, TCP, 443)),
        ("IPv6", inward().ipv6(VENDOR6, CAM6).udp(53, 9), stopped(VENDOR6, UDP, 53)),
        ("a ping", from(VENDOR4).ping(), stopped(VENDOR4, 1, 8 << 8)),
        (
            "at home",
            from("192.168.1.10").udp(554, 9),
            Some(("192.168.1.10", UDP, 554, Reason::Local)),
        ),
    ];
    let with = |direction| move |(name, frame, flow)| (name, direction, frame, flow);
    outbound.into_iter().map(with(Outbound)).chain(inbound.into_iter().map(with(Inbound))).collect()
}

#[test]
fn host_and_kernel_find_the_flow_of_a_frame() -> Result<()> {
    let mut books = Books::new(1_024)?;
    for (name, direction, frame, expected) in cases() {
        let frame = frame.build();
        let key = books.host.flow(direction, &frame);
        ensure!(key.is_some() == expected.is_some(), "{name}: {key:?}");
        if let (Some(key), Some((peer, protocol, port, reason))) = (key, expected) {
            let found = (key.peer(), key.protocol(), key.port(), key.reason());
            let expected = (peer.parse::<IpAddr>()?, protocol, port, Some(reason));
            ensure!(found == expected, "{name}: {found:?}, not {expected:?}");
            ensure!((key.direction(), key.mac().0) == (direction, CAM.0), "{name}: {key:?}");
        }
        for &program in programs(direction).iter().filter(|&&program| runs(program, &frame)) {
            books.run(program, &frame)?;
        }
    }
    books.check()
}

/// What cannot be read of a frame is no flow, and no reason to lose the frame.
#[test]
fn a_frame_cut_at_any_byte_is_counted_or_has_no_flow() -> Result<()> {
    let mut books = Books::new(1_024)?;
    let whole = to(VENDOR4).qinq(100, 20).build();
    for len in 14..=whole.len() {
        let frame = &whole[..len];
        for &program in programs(Outbound).iter().filter(|&&program| runs(program, frame)) {
            books.run(program, frame)?;
        }
    }
    ensure!(books.expected.len() == 1, "{:?}", books.expected);
    books.check()
}

#[test]
fn sealed_strangers_stay_unread() -> Result<()> {
    let text = "[fence]\nunknown = \"drop\"\n";
    let policy = camfence_tests::judge::policy(text)?;
    let mut kernel = Kernel::new(&policy)?;
    let frame = to(VENDOR4).build();
    for &program in programs(Outbound) {
        let ruling = kernel.judge(program, &frame)?;
        assert_eq!(ruling.reason().context("a reason")?, Reason::Sealed);
    }
    ensure!(kernel.ledger()?.flows.is_empty(), "{:?}", kernel.ledger()?);
    Ok(())
}

/// Unknown sources that a profile judges are in it by their own MAC.
#[test]
fn strangers_under_a_profile_have_flows() -> Result<()> {
    let text = "[fence]\nunknown = \"guest\"\n[profile.guest]\nlocal = []\n";
    let policy = camfence_tests::judge::policy(text)?;
    let mut kernel = Kernel::new(&policy)?;
    kernel.judge(camfence::kernel::runner::Program::OutboundXdp, &to(VENDOR4).build())?;
    let contents = kernel.ledger()?;
    let macs: Vec<_> = contents.flows.keys().map(|key| key.mac().0).collect();
    assert_eq!(macs, [CAM.0]);
    Ok(())
}
