use etherparse::{
    ArpOperation, Icmpv6Type, IpNumber, LaxPacketHeaders, LinkExtHeader, NetHeaders, PacketHeaders,
    TransportHeader,
};

use super::*;
use crate::addr::mac;

mod protocols;

const CAM: Mac = mac("b0:c5:54:25:5b:0e");
const GW: Mac = mac("02:00:00:00:00:01");

fn cam() -> Frame {
    Frame::from(CAM).to(GW)
}

fn over_v4() -> Frame {
    cam().ipv4("192.168.1.31", "203.0.113.7")
}

fn over_v6() -> Frame {
    cam().ipv6("fd00:1::31", "2001:db8::7")
}

#[track_caller]
fn parse(frame: &[u8]) -> PacketHeaders<'_> {
    PacketHeaders::from_ethernet_slice(frame).expect("a frame that etherparse understands")
}

/// Whether the checksums of the frame are those that etherparse computes from its parts.
#[track_caller]
fn assert_checksums(frame: &[u8]) {
    let packet = parse(frame);
    let payload = packet.payload.slice();
    let (stated, right) = match (packet.net.as_ref().unwrap(), packet.transport.unwrap()) {
        (NetHeaders::Ipv4(ip, _), TransportHeader::Udp(h)) => {
            (h.checksum, h.calc_checksum_ipv4(ip, payload).unwrap())
        }
        (NetHeaders::Ipv4(ip, _), TransportHeader::Tcp(h)) => {
            (h.checksum, h.calc_checksum_ipv4(ip, payload).unwrap())
        }
        (NetHeaders::Ipv6(ip, _), TransportHeader::Udp(h)) => {
            (h.checksum, h.calc_checksum_ipv6(ip, payload).unwrap())
        }
        (NetHeaders::Ipv6(ip, _), TransportHeader::Tcp(h)) => {
            (h.checksum, h.calc_checksum_ipv6(ip, payload).unwrap())
        }
        (NetHeaders::Ipv6(ip, _), TransportHeader::Icmpv6(h)) => {
            (h.checksum, h.icmp_type.calc_checksum(ip.source, ip.destination, payload).unwrap())
        }
        (_, TransportHeader::Icmpv4(h)) => (h.checksum, h.icmp_type.calc_checksum(payload)),
        other => panic!("no checksum in {other:?}"),
    };
    assert_eq!(stated, right, "transport checksum");
    if let Some(NetHeaders::Ipv4(ip, _)) = packet.net {
        assert_eq!(ip.header_checksum, ip.calc_header_checksum(), "header checksum");
    }
}

#[test]
fn a_datagram_says_who_what_and_where_to() {
    let frame = over_v4().udp(5000, 10240).payload(b"hello").build();
    let packet = parse(&frame);
    let ethernet = packet.link.clone().unwrap().ethernet2().unwrap();
    assert_eq!((ethernet.source, ethernet.destination), (CAM.0, GW.0));
    let Some(NetHeaders::Ipv4(ip, _)) = &packet.net else { panic!("{packet:?}") };
    assert_eq!((ip.source, ip.destination), ([192, 168, 1, 31], [203, 0, 113, 7]));
    let Some(TransportHeader::Udp(udp)) = &packet.transport else { panic!("{packet:?}") };
    assert_eq!((udp.source_port, udp.destination_port, udp.length), (5000, 10240, 13));
    assert_eq!(packet.payload.slice(), b"hello");
}

#[test]
fn checksums_are_right_for_every_transport() {
    for over in [over_v4(), over_v6()] {
        for frame in [
            over.clone().udp(5000, 53).payload(b"odd"),
            over.clone().tcp(5000, 443).syn(),
            over.clone().tcp(5000, 443).psh().ack().payload_of(1000),
            over.clone().ping().payload_of(33),
            over.clone().pong(),
        ] {
            assert_checksums(&frame.build());
        }
    }
}

#[test]
fn a_wrong_checksum_is_wrong_and_zero_is_zero() {
    let sum_of = |frame: Frame| {
        let bytes = frame.build();
        u16::from_be_bytes([bytes[14 + 20 + 6], bytes[14 + 20 + 7]])
    };
    let right = sum_of(over_v4().udp(1, 2));
    assert_ne!(sum_of(over_v4().udp(1, 2).checksum(Checksum::Wrong)), right);
    assert_eq!(sum_of(over_v4().udp(1, 2).checksum(Checksum::Zero)), 0);
}

#[test]
fn tags_are_in_the_order_they_were_said() {
    let frame = cam().qinq(100, 20).ipv4("192.168.1.31", "192.168.1.1").udp(1, 2).build();
    let tags: Vec<_> = parse(&frame)
        .link_exts
        .iter()
        .map(|tag| match tag {
            LinkExtHeader::Vlan(tag) => (tag.vlan_id.value(), tag.ether_type),
            LinkExtHeader::Macsec(_) => panic!("no MACsec was said"),
        })
        .collect();
    assert_eq!(tags, [(100, EtherType::VLAN_TAGGED_FRAME), (20, EtherType::IPV4)]);
    assert_eq!(frame[12..14], EtherType::PROVIDER_BRIDGING.0.to_be_bytes());
}

#[test]
fn groups_are_sent_to_their_own_address() {
    let mdns = Frame::from(CAM).ipv4("192.168.1.31", "224.0.0.251").udp(5353, 5353).build();
    assert_eq!(mdns[..6], mac("01:00:5e:00:00:fb").0);
    let mdns = Frame::from(CAM).ipv6("fe80::31", "ff02::fb").udp(5353, 5353).build();
    assert_eq!(mdns[..6], mac("33:33:00:00:00:fb").0);
}

#[test]
fn arp_asks_answers_and_probes() {
    let arp = |frame: Frame| match parse(&frame.build()).net {
        Some(NetHeaders::Arp(arp)) => arp.try_eth_ipv4().unwrap(),
        other => panic!("{other:?}"),
    };
    let request = arp(Frame::from(CAM).arp_request("192.168.1.31", "192.168.1.1"));
    assert_eq!((request.operation, request.sender_mac), (ArpOperation::REQUEST, CAM.0));
    let reply = arp(cam().arp_reply("192.168.1.31", "192.168.1.1"));
    assert_eq!((reply.operation, reply.target_mac), (ArpOperation::REPLY, GW.0));
    let probe = arp(Frame::from(CAM).arp_probe("192.168.1.31"));
    assert_eq!((probe.sender_ipv4, probe.target_ipv4), ([0; 4], [192, 168, 1, 31]));
}

#[test]
fn options_lengthen_the_header() {
    let routed = over_v4()
        .option(&IpOption::Nop)
        .option(&IpOption::loose_route("192.168.1.1"))
        .udp(1, 2)
        .build();
    let Some(NetHeaders::Ipv4(ip, _)) = parse(&routed).net else { panic!("IPv4") };
    assert_eq!(ip.options.as_slice(), [1, 131, 7, 4, 192, 168, 1, 1]);
    assert_checksums(&routed);
    assert_checksums(&over_v4().option(&IpOption::RecordRoute(9)).udp(1, 2).build());
}

#[test]
fn lies_are_told_without_touching_the_rest() {
    let honest = over_v4().udp(1, 2).build();
    let lying = over_v4().udp(1, 2).claim_ihl(4).claim_version(5).claim_length(999).build();
    assert_eq!(lying[14], 0x54);
    assert_eq!(lying[16..18], 999_u16.to_be_bytes());
    assert_eq!((lying.len(), &lying[26..]), (honest.len(), &honest[26..]));
    let lying = over_v6().udp(1, 2).claim_length(7).build();
    assert_eq!(lying[18..20], 7_u16.to_be_bytes());
}

#[test]
fn later_fragments_have_no_transport_header() {
    let first = over_v4().udp(5000, 10240).payload_of(24).first_fragment().build();
    let Some(NetHeaders::Ipv4(ip, _)) = LaxPacketHeaders::from_ethernet(&first).unwrap().net else {
        panic!("IPv4")
    };
    assert!(ip.more_fragments && ip.fragment_offset.value() == 0);
    assert_eq!(first.len(), 14 + 20 + 8 + 24);

    let last = over_v4().udp(5000, 10240).payload_of(24).last_fragment(32).build();
    let packet = parse(&last);
    let Some(NetHeaders::Ipv4(ip, _)) = &packet.net else { panic!("IPv4") };
    assert!(!ip.more_fragments && ip.fragment_offset.value() == 4);
    assert_eq!((ip.protocol, packet.payload.slice().len()), (IpNumber::UDP, 24));

    let last = over_v6().udp(5000, 10240).payload_of(24).last_fragment(32).build();
    assert_eq!(last.len(), 14 + 40 + 8 + 24);
}

#[test]
fn extension_headers_form_a_chain() {
    let frame = over_v6()
        .extension(Extension::HopByHop)
        .extension(Extension::DestinationOptions)
        .extension(Extension::routing(0, "fd00:1::9"))
        .extension(Extension::Fragment(0, false))
        .extension(Extension::Authentication)
        .udp(5000, 10240)
        .build();
    let packet = parse(&frame);
    let Some(NetHeaders::Ipv6(ip, chain)) = &packet.net else { panic!("{packet:?}") };
    assert_eq!(ip.next_header, IpNumber::IPV6_HEADER_HOP_BY_HOP);
    assert!(
        chain.destination_options.is_some() && chain.fragment.is_some() && chain.auth.is_some()
    );
    assert_eq!(chain.routing.as_ref().unwrap().routing.payload()[..2], [0, 1]);
    assert_checksums(&frame);
}

#[test]
fn other_extension_headers_have_their_numbers() {
    for (extension, number) in [
        (Extension::Mobility, 135),
        (Extension::Hip, 139),
        (Extension::Shim6, 140),
        (Extension::Esp, 50),
        (Extension::NoNextHeader, 59),
        (Extension::Claiming(60, 255, vec![0; 6]), 60),
    ] {
        assert_eq!(over_v6().extension(extension).udp(1, 2).build()[14 + 6], number);
    }
}

#[test]
fn neighbours_are_discovered() {
    let asked = Frame::from(CAM).neighbor_solicitation("fe80::31", "fe80::1:2:3").build();
    assert_eq!(asked[..6], mac("33:33:ff:02:00:03").0);
    for frame in [
        asked,
        Frame::from(CAM).dad_probe("fd00:1::31").build(),
        Frame::from(CAM).neighbor_advertisement("fe80::31", "ff02::1", "fe80::31").build(),
        Frame::from(CAM).router_solicitation("fe80::31").build(),
        Frame::from(CAM).router_advertisement("fe80::31").build(),
        Frame::from(CAM).ipv6("fe80::1", "fe80::31").nd_redirect("fe80::2", "2001:db8::7").build(),
        Frame::from(CAM).mld_report("fe80::31", "ff02::fb").build(),
    ] {
        assert_checksums(&frame);
    }
    let frame = Frame::from(CAM).router_advertisement("fe80::31").build();
    let Some(TransportHeader::Icmpv6(icmp)) = parse(&frame).transport else { panic!("ICMPv6") };
    assert!(matches!(icmp.icmp_type, Icmpv6Type::RouterAdvertisement(_)));
}

#[test]
fn ipv4_hosts_are_redirected_and_join_groups() {
    let about = over_v4().udp(1, 2);
    assert_checksums(
        &cam().ipv4("192.168.1.1", "192.168.1.31").redirect("192.168.1.9", &about).build(),
    );
    let report = Frame::from(CAM).igmp_report("192.168.1.31", "239.255.255.250").build();
    let Some(TransportHeader::Igmp(igmp)) = parse(&report).transport else { panic!("IGMP") };
    assert_eq!(igmp.checksum, igmp.calc_checksum(&[]));
}

#[test]
fn tunnels_hold_the_whole_inner_packet() {
    let inner = over_v6().udp(5000, 10240);
    let outer = over_v4().ip_in_ip(&inner).build();
    assert_eq!(outer[14 + 9], IpNumber::IPV6.0);
    assert_eq!(outer[14 + 20..], inner.build()[14..]);
    assert_eq!(over_v4().gre(&inner).build().len(), outer.len() + 4);
    assert_eq!(over_v4().etherip(&inner).build().len(), outer.len() + 2 + 14);
    assert_eq!(over_v4().tunnel(137, &inner).build()[14 + 9], 137);
    assert_eq!(cam().pppoe(&inner).build().len(), inner.build().len() + 8);
    assert_eq!(cam().mpls(16, &inner).build().len(), inner.build().len() + 4);
}

#[test]
fn link_frames_carry_what_they_are_called() {
    let kind = |frame: Frame| u16::from_be_bytes(frame.build()[12..14].try_into().unwrap());
    assert_eq!(kind(Frame::from(CAM).eapol()), 0x888e);
    assert_eq!(kind(Frame::from(CAM).preauthentication()), 0x88c7);
    assert_eq!(kind(Frame::from(CAM).lldp()), 0x88cc);
    assert_eq!(kind(cam().ethertype(0x9000).payload_of(46)), 0x9000);
    assert_eq!(kind(cam().llc([0; 35])), 38);
}

#[test]
fn frames_are_padded_before_they_are_cut() {
    assert_eq!(over_v4().udp(1, 2).pad_to(60).build().len(), 60);
    assert_eq!(over_v4().udp(1, 2).pad_to(60).truncate(20).build().len(), 20);
    let padded = over_v4().udp(1, 2).payload(b"x").pad_to(60).build();
    assert_eq!(parse(&padded).payload.slice(), b"x");
}

#[test]
#[should_panic(expected = "say udp before")]
fn a_contradiction_is_a_mistake_of_the_test() {
    let _ = over_v4().tcp(1, 2).claim_udp_length(3);
}
