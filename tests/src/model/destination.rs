//! Rules 8 to 11: with whom a packet is exchanged.

use std::net::IpAddr;

use camfence::config::{Allowance, Protocol};
use camfence_common::reason::{Direction, Reason};

use super::{
    Station,
    ip::Packet,
    transport::{ICMP, ICMPV6, TCP, Transport, UDP},
};

/// The far end of a packet.
struct Peer {
    address: IpAddr,
    /// The protocol it speaks, and its port if one is seen.
    protocol: u8,
    port: Option<u16>,
    /// Whether ports are in another fragment.
    unseen: bool,
}

pub(super) fn reason(station: &Station, packet: &Packet, transport: Transport) -> Reason {
    let peer = Peer::of(station.direction, packet, transport);
    if stays_on_link(station, peer.address) {
        Reason::OnLink
    } else if station.profile.local.prefixes.iter().any(|net| net.contains(&peer.address)) {
        Reason::Local
    } else {
        exception(&station.profile.allow, &peer).unwrap_or(match station.direction {
            Direction::Outbound => Reason::NotLocal,
            Direction::Inbound => Reason::Inbound,
        })
    }
}

impl Peer {
    fn of(direction: Direction, packet: &Packet, transport: Transport) -> Self {
        let ports = transport.ports();
        let (address, port) = match direction {
            Direction::Outbound => (packet.destination, ports.map(|(_, to)| to)),
            Direction::Inbound => (packet.source, ports.map(|(from, _)| from)),
        };
        let unseen = transport == Transport::Unseen;
        Self { address, protocol: packet.protocol, port, unseen }
    }

    /// Whether an allowance is for it, its port left aside.
    fn could_have(&self, allowance: &Allowance) -> bool {
        let protocol = match allowance.protocol {
            Protocol::Tcp => TCP,
            Protocol::Udp => UDP,
            Protocol::Icmp if self.address.is_ipv4() => ICMP,
            Protocol::Icmp => ICMPV6,
            Protocol::Number(number) => number,
        };
        protocol == self.protocol && allowance.to.is_none_or(|net| net.contains(&self.address))
    }
}

/// Rule 8.
fn stays_on_link(station: &Station, address: IpAddr) -> bool {
    const ORGANIZATION: u8 = 8;
    match address {
        IpAddr::V4(ip) if ip.is_link_local() => true,
        IpAddr::V6(ip) if ip.is_unicast_link_local() => true,
        IpAddr::V6(ip) if !station.sends() => ip.is_unspecified(),
        IpAddr::V4(_) if !station.sends() => false,
        IpAddr::V4(ip) => ip.is_broadcast() || matches!(ip.octets(), [224, 0, 0, _] | [239, ..]),
        IpAddr::V6(ip) => ip.is_multicast() && ip.octets()[1] & 0xf <= ORGANIZATION,
    }
}

/// Rule 10.
fn exception(allowances: &[Allowance], peer: &Peer) -> Option<Reason> {
    let candidates = || allowances.iter().filter(|allowance| peer.could_have(allowance));
    let allowed = candidates().any(|allowance| match (&allowance.ports, peer.port) {
        (None, _) => true,
        (Some(ports), Some(port)) => ports.contains(&port),
        (Some(_), None) => false,
    });
    if allowed {
        Some(Reason::Allowed)
    } else if peer.unseen && candidates().next().is_some() {
        Some(Reason::Fragment)
    } else {
        None
    }
}
