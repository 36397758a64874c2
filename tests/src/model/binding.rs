//! Rule 6: a camera with addresses speaks for no other.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use camfence_common::reason::Reason::{self, Malformed, Spoof};

use super::{
    Station,
    ip::{LAST_START, Packet, Part},
    transport::Transport,
};

const IGMP: u8 = 2;
const DHCP_SERVER: u16 = 67;
const NEIGHBOR_SOLICITATION: u8 = 135;
const NEIGHBOR_ADVERTISEMENT: u8 = 136;

impl Station<'_> {
    fn is_bound(&self) -> bool {
        !self.bound.is_empty()
    }

    /// Whether an address is its own. A family of which nothing is bound has link-local ones only.
    fn owns(&self, address: IpAddr) -> bool {
        let link_local = match address {
            IpAddr::V4(ip) => ip.is_link_local(),
            IpAddr::V6(ip) => ip.is_unicast_link_local(),
        };
        link_local || self.bound.iter().any(|net| net.contains(&address))
    }
}

/// A packet that a station sends.
pub(super) fn check(
    station: &Station,
    packet: &Packet,
    transport: Transport,
) -> Result<(), Reason> {
    if !station.is_bound() {
        return Ok(());
    }
    check_source(station, packet, transport)?;
    match transport {
        Transport::Udp { destination: DHCP_SERVER, .. } if packet.is_v4() => dhcp(station, packet),
        Transport::Icmpv6(kind) => neighbor(station, packet, kind),
        _ => Ok(()),
    }
}

fn check_source(station: &Station, packet: &Packet, transport: Transport) -> Result<(), Reason> {
    let fine = if packet.source.is_unspecified() {
        has_no_address_yet(packet, transport)
    } else {
        station.owns(packet.source)
    };
    if fine { Ok(()) } else { Err(Spoof) }
}

/// What may be sent from the unspecified address.
fn has_no_address_yet(packet: &Packet, transport: Transport) -> bool {
    match transport {
        Transport::Unseen => false,
        Transport::Udp { destination, .. } => packet.is_v4() && destination == DHCP_SERVER,
        Transport::Icmpv6(_) => true,
        _ => packet.is_v4() && packet.protocol == IGMP,
    }
}

/// A message of a DHCP client is about the station itself.
fn dhcp(station: &Station, packet: &Packet) -> Result<(), Reason> {
    const MESSAGE: usize = 8;
    const HARDWARE_LENGTH: usize = MESSAGE + 2;
    const HARDWARE_ADDRESS: usize = MESSAGE + 28;
    if packet.part != Part::Whole {
        return Err(Spoof);
    }
    let address = looked_at(packet, HARDWARE_ADDRESS)
        .and(packet.body.get(HARDWARE_ADDRESS..HARDWARE_ADDRESS + 6))
        .ok_or(Malformed)?;
    let its_own = packet.body[HARDWARE_LENGTH] == 6 && address == station.mac.0;
    if its_own { Ok(()) } else { Err(Spoof) }
}

/// Whether what starts here in a packet's body is looked at: not behind the last offset at which a
/// header may start. (Of a neighbour's address it is the second half that matters.)
fn looked_at(packet: &Packet, start: usize) -> Option<()> {
    (packet.at + start <= LAST_START).then_some(())
}

/// An advertisement, or a question whether an address is free, is about the station's own.
fn neighbor(station: &Station, packet: &Packet, kind: u8) -> Result<(), Reason> {
    if !matches!(kind, NEIGHBOR_SOLICITATION | NEIGHBOR_ADVERTISEMENT) {
        return Ok(());
    }
    if packet.part != Part::Whole {
        return Err(Spoof);
    }
    if kind == NEIGHBOR_SOLICITATION && !packet.source.is_unspecified() {
        return Ok(());
    }
    let target = looked_at(packet, 16).and(packet.body.get(8..24)).ok_or(Malformed)?;
    let target: [u8; 16] = target.try_into().expect("a range of sixteen");
    if station.owns(Ipv6Addr::from(target).into()) { Ok(()) } else { Err(Spoof) }
}

/// Rule 4 and 6: ARP.
pub(super) fn arp(station: &Station, packet: &[u8]) -> Result<Reason, Reason> {
    /// Ethernet and IPv4 addresses, of six and four bytes.
    const KIND: [u8; 6] = [0, 1, 8, 0, 6, 4];
    if !(station.sends() && station.is_bound()) {
        return Ok(Reason::Link);
    }
    let packet = packet.first_chunk::<28>().ok_or(Malformed)?;
    if packet[..6] != KIND {
        return Err(Malformed);
    }
    let address =
        |at: usize| Ipv4Addr::new(packet[at], packet[at + 1], packet[at + 2], packet[at + 3]);
    let (sender, target) = (address(14), address(24));
    // Whoever has no address asks for the one it would take.
    let meant = if sender.is_unspecified() { target } else { sender };
    let its_own = station.owns(meant.into());
    if packet[8..14] == station.mac.0 && its_own { Ok(Reason::Link) } else { Err(Spoof) }
}
