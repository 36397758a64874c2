//! A frame in a few words, whatever it holds. Words and numbers only: what is printed of a capture
//! can do nothing to a terminal.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use etherparse::{
    ArpOperation, ArpPacketSlice, EtherType, IpNumber, LaxIpPayloadSlice, LaxNetSlice,
    LaxSlicedPacket, TransportSlice,
};

const EAPOL: EtherType = EtherType(0x888e);
const LLDP: EtherType = EtherType(0x88cc);
/// Below it is the length of an LLC frame (IEEE 802.3).
const FIRST_ETHERTYPE: u16 = 0x0600;

/// A frame in a few words.
pub fn sketch(bytes: &[u8]) -> String {
    let Ok(packet) = LaxSlicedPacket::from_ethernet(bytes) else {
        return format!("{} bytes, no Ethernet header", bytes.len());
    };
    let tags = packet.vlan_ids();
    let tags = tags.iter().map(|tag| format!("vlan {}", tag.value()));
    tags.chain([inside(&packet)]).collect::<Vec<_>>().join(" ")
}

fn inside(packet: &LaxSlicedPacket<'_>) -> String {
    let transport = packet.transport.as_ref();
    match &packet.net {
        Some(LaxNetSlice::Ipv4(ip)) => {
            let header = ip.header();
            let ends = [header.source_addr().into(), header.destination_addr().into()];
            ip_packet(ends, ip.payload(), transport)
        }
        Some(LaxNetSlice::Ipv6(ip)) => {
            let header = ip.header();
            let ends = [header.source_addr().into(), header.destination_addr().into()];
            ip_packet(ends, ip.payload(), transport)
        }
        Some(LaxNetSlice::Arp(arp)) => arp_packet(arp),
        None => unread(packet.ether_payload().map(|payload| payload.ether_type)),
    }
}

fn ip_packet(
    [from, to]: [IpAddr; 2],
    payload: &LaxIpPayloadSlice<'_>,
    transport: Option<&TransportSlice<'_>>,
) -> String {
    let ports = |first, second| {
        let (from, to) = (SocketAddr::new(from, first), SocketAddr::new(to, second));
        format!("{from} -> {to}")
    };
    match transport {
        Some(TransportSlice::Udp(udp)) => {
            format!("udp {}", ports(udp.source_port(), udp.destination_port()))
        }
        Some(TransportSlice::Tcp(tcp)) => {
            format!("tcp {}", ports(tcp.source_port(), tcp.destination_port()))
        }
        Some(TransportSlice::Icmpv4(icmp)) => {
            format!("icmp type {} {from} -> {to}", icmp.type_u8())
        }
        Some(TransportSlice::Icmpv6(icmp)) => {
            format!("icmpv6 type {} {from} -> {to}", icmp.type_u8())
        }
        Some(TransportSlice::Igmp(_)) => format!("igmp {from} -> {to}"),
        None => {
            let fragment = if payload.fragmented { " fragment" } else { "" };
            format!("{}{fragment} {from} -> {to}", protocol(payload.ip_number))
        }
    }
}

fn protocol(number: IpNumber) -> String {
    match number {
        IpNumber::TCP => "tcp".to_owned(),
        IpNumber::UDP => "udp".to_owned(),
        IpNumber::ICMP => "icmp".to_owned(),
        IpNumber::IPV6_ICMP => "icmpv6".to_owned(),
        IpNumber(number) => match IpNumber(number).keyword_str() {
            Some(name) => format!("protocol {number} ({name})"),
            None => format!("protocol {number}"),
        },
    }
}

fn arp_packet(arp: &ArpPacketSlice<'_>) -> String {
    let Ok(arp) = arp.to_packet().try_eth_ipv4() else {
        return "arp".to_owned();
    };
    let what = match arp.operation {
        ArpOperation::REQUEST => "request",
        ArpOperation::REPLY => "reply",
        _ => "other",
    };
    let [from, to] = [arp.sender_ipv4, arp.target_ipv4].map(Ipv4Addr::from);
    format!("arp {what} {from} -> {to}")
}

fn unread(kind: Option<EtherType>) -> String {
    match kind {
        None => "cut off".to_owned(),
        Some(EtherType::IPV4) => "ipv4, unreadable".to_owned(),
        Some(EtherType::IPV6) => "ipv6, unreadable".to_owned(),
        Some(EtherType::ARP) => "arp, unreadable".to_owned(),
        Some(EAPOL) => "eapol".to_owned(),
        Some(LLDP) => "lldp".to_owned(),
        Some(EtherType(length)) if length < FIRST_ETHERTYPE => "llc".to_owned(),
        Some(EtherType(other)) => format!("ethertype 0x{other:04x}"),
    }
}

#[cfg(test)]
mod tests;
