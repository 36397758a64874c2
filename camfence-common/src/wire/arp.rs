//! ARP for IPv4 over Ethernet (RFC 826).

use core::mem::offset_of;

use network_types::arp::ArpHdr;

use super::{Malformed, Parsed};
use crate::{
    mac::Mac,
    packet::{Packet, join32},
};

/// Hardware type, protocol type, and the lengths of their addresses: Ethernet and IPv4.
const ETHERNET_IPV4: [u16; 3] = [1_u16.to_be(), 0x0800_u16.to_be(), 0x0604_u16.to_be()];

/// Whom an ARP packet is from, and about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arp {
    /// The sender's hardware address.
    pub mac: Mac,
    /// The sender's IPv4 address, wire order; zero if it has none.
    pub sender: u32,
    /// The IPv4 address that it asks for or answers to, wire order.
    pub target: u32,
}

/// Parses the packet at `at`.
#[inline(always)]
pub fn parse<P: Packet + ?Sized>(packet: &P, at: usize) -> Parsed<Arp> {
    if packet.words(at) != Some(ETHERNET_IPV4) || at + ArpHdr::LEN > packet.wire_len() {
        return Err(Malformed);
    }
    let address = |at| packet.words(at).map(join32).ok_or(Malformed);
    Ok(Arp {
        mac: packet.words(at + offset_of!(ArpHdr, sha)).map(Mac::from_words).ok_or(Malformed)?,
        sender: address(at + offset_of!(ArpHdr, spa))?,
        target: address(at + offset_of!(ArpHdr, tpa))?,
    })
}
