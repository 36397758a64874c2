//! Readers of frames: each takes bytes from the net and gives what they tell of the sender. None keeps
//! anything, and what cannot be read tells nothing.

mod arp;
mod dhcp;
mod dhcp6;
mod fields;
mod lldp;
mod mdns;
mod nd;
pub(super) mod rtsp;
mod ssdp;
mod wsd;

use std::net::IpAddr;

use camfence_common::mac::Mac;
use etherparse::{
    EtherType, IpNumber, LaxNetSlice, LaxSlicedPacket, LinkSlice, TcpHeaderSlice, UdpHeaderSlice,
};

use super::fact::{Fact, Peer};

/// Ports of the protocols that are read.
mod port {
    pub(super) const DHCP_CLIENT: u16 = 68;
    pub(super) const DHCP_SERVER: u16 = 67;
    pub(super) const DHCP6_SERVER: u16 = 547;
    pub(super) const MDNS: u16 = 5353;
}

/// What a frame tells.
#[derive(Debug, PartialEq, Eq)]
pub struct Told {
    /// Who sent it.
    pub mac: Mac,
    /// What it tells of whoever that is.
    pub facts: Vec<Fact>,
}

/// Reads a frame, tagged or not, whole or cut. None if no single device can have sent it.
pub fn read(frame: &[u8]) -> Option<Told> {
    let packet = LaxSlicedPacket::from_ethernet(frame).ok()?;
    let Some(LinkSlice::Ethernet2(ethernet)) = &packet.link else { return None };
    let mac = Mac(ethernet.source());
    if mac.is_zero() || mac.is_multicast() {
        return None;
    }
    let to_group = Mac(ethernet.destination()).is_multicast();
    let mut facts = Vec::new();
    match &packet.net {
        Some(LaxNetSlice::Arp(arp)) => arp::read(arp, mac, &mut facts),
        Some(net) => of_packet(net, to_group, &mut facts),
        None => {
            if let Some(payload) = packet.ether_payload()
                && payload.ether_type == EtherType(lldp::ETHER_TYPE)
            {
                lldp::read(payload.payload, &mut facts);
            }
        }
    }
    Some(Told { mac, facts })
}

/// What a transport header says, and what is behind it.
#[derive(Default)]
struct Datagram<'a> {
    from: u16,
    to: u16,
    payload: &'a [u8],
}

fn of_packet(net: &LaxNetSlice<'_>, to_group: bool, facts: &mut Vec<Fact>) {
    let (source, destination, first) = match net {
        LaxNetSlice::Ipv4(ip) => {
            let header = ip.header();
            let first = header.fragments_offset().value() == 0;
            (header.source_addr().into(), header.destination_addr().into(), first)
        }
        LaxNetSlice::Ipv6(ip) => {
            let header = ip.header();
            // The fragment header is skipped by now; only what is whole is read.
            let whole = !ip.payload().fragmented;
            (header.source_addr().into(), header.destination_addr().into(), whole)
        }
        LaxNetSlice::Arp(_) => return,
    };
    facts.push(Fact::Sender(source));
    let Some(ip) = net.ip_payload_ref() else { return };
    let datagram = if first { datagram(ip.ip_number, ip.payload) } else { Datagram::default() };
    if !to_group {
        let (protocol, port) = (ip.ip_number.0, datagram.to);
        facts.push(Fact::Peer(Peer { address: destination, protocol, port }));
    }
    match ip.ip_number {
        IpNumber::UDP => of_datagram(source, &datagram, facts),
        IpNumber::TCP => rtsp::read(datagram.payload, facts),
        IpNumber::IPV6_ICMP if first => nd::read(ip.payload, facts),
        _ => {}
    }
}

fn datagram(protocol: IpNumber, bytes: &[u8]) -> Datagram<'_> {
    let read = match protocol {
        IpNumber::UDP => UdpHeaderSlice::from_slice(bytes).ok().map(|udp| {
            let payload = bytes.get(UDP_HEADER_BYTES..).unwrap_or_default();
            Datagram { from: udp.source_port(), to: udp.destination_port(), payload }
        }),
        IpNumber::TCP => TcpHeaderSlice::from_slice(bytes).ok().map(|tcp| {
            let payload = bytes.get(tcp.slice().len()..).unwrap_or_default();
            Datagram { from: tcp.source_port(), to: tcp.destination_port(), payload }
        }),
        _ => None,
    };
    read.unwrap_or_default()
}

const UDP_HEADER_BYTES: usize = 8;

fn of_datagram(source: IpAddr, udp: &Datagram<'_>, facts: &mut Vec<Fact>) {
    match (udp.from, udp.to) {
        (port::DHCP_CLIENT, port::DHCP_SERVER) => dhcp::read(udp.payload, facts),
        (_, port::DHCP6_SERVER) => dhcp6::read(udp.payload, facts),
        (port::MDNS, _) => mdns::read(udp.payload, source, facts),
        // Answers come from any port, to the port that asked: what they are is told by how they begin.
        _ if udp.payload.starts_with(b"<") => wsd::read(udp.payload, facts),
        _ => ssdp::read(udp.payload, facts),
    }
}

#[cfg(test)]
mod tests;
