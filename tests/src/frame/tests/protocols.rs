//! What is carried: DNS, DHCP, ARP that lies, group membership, services.

use etherparse::{IgmpType, UdpHeader};

use super::*;
use crate::frame::{Arp, Dhcp, Dhcpv6, Dns};

/// The UDP header and payload of a frame whose checksums are right.
#[track_caller]
fn datagram(frame: &Frame) -> (UdpHeader, Vec<u8>) {
    let bytes = frame.build();
    assert_checksums(&bytes);
    let packet = parse(&bytes);
    let payload = packet.payload.slice().to_vec();
    let Some(TransportHeader::Udp(udp)) = packet.transport else { panic!("UDP") };
    (udp, payload)
}

#[test]
fn a_question_has_a_name_and_what_is_asked() {
    let (udp, payload) = datagram(&over_v4().dns(&Dns::query("Pool.ntp.org").kind(Dns::AAAA)));
    assert_eq!(udp.destination_port, 53);
    assert_eq!(payload[2..12], [1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(payload[12..26], *b"\x04Pool\x03ntp\x03org\0");
    assert_eq!(payload[26..], [0, 28, 0, 1]);
}

#[test]
fn a_question_can_lie() {
    let question = || Dns::query("a.b");
    let name = |message: Dns| message.bytes()[12..].to_vec();
    assert_eq!(name(Dns::query("")), [0, 0, 1, 0, 1]);
    assert_eq!(name(Dns::query("a").pointing_to(12)), [1, b'a', 0xc0, 12, 0, 1, 0, 1]);
    assert_eq!(name(Dns::unended(["a"])), [1, b'a', 0, 1, 0, 1]);
    assert_eq!(name(question().claim_label(63))[0], 63);
    assert_eq!(question().response().opcode(5).bytes()[2], 0x80 | 5 << 3 | 1);
    assert_eq!(question().and(&Dns::query("c")).bytes()[4..6], [0, 2]);
    assert_eq!(question().claim_counts([1, 2, 3, 4]).bytes()[4..12], [0, 1, 0, 2, 0, 3, 0, 4]);
    assert_eq!(question().edns().bytes()[10..12], [0, 1]);
    assert_eq!(question().edns().bytes().len(), question().bytes().len() + 11);
    let length = u8::try_from(question().bytes().len()).unwrap();
    assert_eq!(question().over_tcp()[..2], [0, length]);
    assert_checksums(&over_v6().dns_over_tcp(&question()).build());
}

#[test]
fn dhcp_says_who_asks() {
    let (udp, payload) = datagram(&Frame::from(CAM).dhcp(&Dhcp::discover(CAM)));
    assert_eq!((udp.source_port, udp.destination_port), (68, 67));
    assert_eq!(payload[..4], [1, 1, 6, 0]);
    assert_eq!(payload[28..34], CAM.0);
    assert_eq!(payload[236..243], [99, 130, 83, 99, 53, 1, 1]);
    assert_eq!(payload.last(), Some(&255));
    let offer = Dhcp::offer(CAM, "192.168.1.31", "192.168.1.1");
    let (udp, payload) = datagram(&over_v4().dhcp(&offer.claim_address_length(16)));
    assert_eq!((udp.source_port, udp.destination_port), (67, 68));
    assert_eq!((payload[0], payload[2], &payload[16..20]), (2, 16, &[192, 168, 1, 31][..]));
    let (_, payload) = datagram(&over_v4().dhcp(&Dhcp::renew(CAM, "192.168.1.31")));
    assert_eq!(payload[12..16], [192, 168, 1, 31]);
}

#[test]
fn dhcpv6_goes_to_all_servers_or_to_a_client() {
    let solicit = Frame::from(CAM).dhcpv6("fe80::31", &Dhcpv6::solicit(CAM));
    let (udp, payload) = datagram(&solicit);
    assert_eq!((udp.source_port, udp.destination_port, payload[0]), (546, 547, 1));
    assert_eq!(solicit.build()[..6], mac("33:33:00:01:00:02").0);
    assert_eq!(payload[12..18], CAM.0);
    let (udp, payload) = datagram(&over_v6().dhcpv6("fe80::31", &Dhcpv6::reply(CAM)));
    assert_eq!((udp.source_port, udp.destination_port, payload[0]), (547, 546, 7));
}

#[test]
fn arp_can_lie() {
    let honest = Arp::claim(CAM, "192.168.1.31");
    let frame = Frame::from(GW).arp(&honest).build();
    let Some(NetHeaders::Arp(arp)) = parse(&frame).net else { panic!("ARP") };
    let arp = arp.try_eth_ipv4().unwrap();
    assert_eq!((arp.operation, arp.sender_mac), (ArpOperation::REPLY, CAM.0));
    assert_eq!((arp.sender_ipv4, arp.target_ipv4), ([192, 168, 1, 31], [192, 168, 1, 31]));
    let lying = honest.hardware(6).protocol(0x86dd).claim_sizes(8, 16).operation(3);
    let frame = Frame::from(GW).arp(&lying).build();
    assert_eq!(frame[14..22], [0, 6, 0x86, 0xdd, 8, 16, 0, 3]);
    assert_eq!(frame.len(), 14 + 28);
}

#[test]
fn groups_are_joined_and_left() {
    let igmp = |frame: Frame| {
        let bytes = frame.build();
        let packet = parse(&bytes);
        let Some(TransportHeader::Igmp(igmp)) = packet.transport else { panic!("IGMP") };
        assert_eq!(igmp.checksum, igmp.calc_checksum(packet.payload.slice()));
        igmp.igmp_type
    };
    let report = igmp(Frame::from(CAM).igmp3_report("0.0.0.0", "239.1.2.3"));
    assert!(matches!(report, IgmpType::MembershipReportV3(_)));
    let leave = igmp(Frame::from(CAM).igmp_leave("192.168.1.31", "239.1.2.3"));
    assert!(matches!(leave, IgmpType::LeaveGroup(_)));
    assert_checksums(&Frame::from(CAM).mld1_report("fe80::31", "ff02::fb").build());
}

#[test]
fn services_have_their_ports() {
    let to = |frame: Frame| datagram(&frame).0.destination_port;
    assert_eq!(to(over_v4().ssdp_search("ssdp:all")), 1900);
    assert_eq!(to(over_v4().nat_pmp_map(554)), 5351);
    assert_eq!(to(over_v4().pcp_map(554)), 5351);
    assert_eq!(to(over_v6().pcp_map(554)), 5351);
    assert_eq!(to(over_v4().ntp_request()), 123);
    assert_eq!(to(over_v6().ws_hello()), 3702);
    assert_eq!(to(over_v4().syslog()), 514);
    assert_eq!(to(over_v4().snmp_trap()), 162);
    assert_eq!(to(over_v4().mdns(&Dns::query("a.local"))), 5353);
    assert_eq!(to(over_v4().llmnr(&Dns::query("a"))), 5355);
    assert!(datagram(&over_v4().ssdp_notify()).1.starts_with(b"NOTIFY"));
    assert_eq!(datagram(&over_v4().pcp_map(554)).1.len(), 60);
}

#[test]
fn whole_frames_and_packets_fit_in_others() {
    let inner = over_v6().udp(5000, 10240);
    let (packet, frame) = (inner.build().len() - 14, inner.build().len());
    let carried = |outer: Frame| outer.build().len() - (14 + 20);
    assert_eq!(carried(over_v4().gre_bridge(&inner)), 4 + frame);
    assert_eq!(carried(over_v4().l2tpv3(&inner)), 4 + frame);
    assert_eq!(carried(over_v4().vxlan(&inner)), 8 + 8 + frame);
    assert_eq!(carried(over_v4().teredo(&inner)), 8 + packet);
    assert_eq!(carried(over_v4().esp(&inner)), 8 + packet + 2);
    assert_eq!(carried(over_v4().authenticated(&inner)), 24 + packet);
    assert_eq!(cam().snap(&inner).build().len(), 14 + 8 + packet);
    assert_eq!(cam().pppoe_discovery().build()[12..14], [0x88, 0x63]);
}

#[test]
fn a_packet_falls_into_fragments() {
    for whole in [over_v4(), over_v6()].map(|over| over.udp(5000, 10240).payload_of(40)) {
        let ip = whole.build().len() - 8 - 40;
        let fragments = whole.fragments(16);
        let lengths: Vec<_> = fragments.iter().map(|frame| frame.build().len()).collect();
        let header = if whole.carries_ipv6() { 8 } else { 0 };
        assert_eq!(lengths, [16, 16, 16].map(|length| ip + header + length));
        let body: Vec<_> =
            fragments.iter().flat_map(|f| f.build()[ip + header..].to_vec()).collect();
        assert_eq!(body, whole.build()[ip..]);
    }
}

#[test]
fn what_is_behind_the_packet_is_not_counted() {
    let honest = over_v4().udp(1, 2).build();
    let trailing = over_v4().udp(1, 2).trailer(b"more").build();
    assert_eq!(trailing, [honest.as_slice(), b"more"].concat());
}

#[test]
fn options_and_tags_of_other_kinds() {
    let stamped = over_v4().option(&IpOption::Timestamp(2)).udp(1, 2).build();
    let Some(NetHeaders::Ipv4(ip, _)) = parse(&stamped).net else { panic!("IPv4") };
    assert_eq!(ip.options.as_slice()[..4], [68, 12, 5, 0]);
    let jumbo = over_v6().extension(Extension::Jumbo(70_000)).udp(1, 2).build();
    assert_eq!(jumbo[54..62], [17, 0, 0xc2, 4, 0, 1, 0x11, 0x70]);
    let urgent = over_v4().udp(1, 2).priority_tag(5).build();
    assert_eq!(urgent[12..16], [0x81, 0, 0xa0, 0]);
}
