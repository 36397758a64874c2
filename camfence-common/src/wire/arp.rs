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

/// Who an ARP packet says its sender is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sender {
    /// Its hardware address.
    pub mac: Mac,
    /// Its IPv4 address, wire order.
    pub address: u32,
}

/// Reads the sender of the packet at `at`.
#[inline(always)]
pub fn sender<P: Packet + ?Sized>(packet: &P, at: usize) -> Parsed<Sender> {
    if packet.words(at) != Some(ETHERNET_IPV4) || at + ArpHdr::LEN > packet.wire_len() {
        return Err(Malformed);
    }
    let mac = packet.words(at + offset_of!(ArpHdr, sha)).map(Mac::from_words);
    let address = packet.words(at + offset_of!(ArpHdr, spa)).map(join32);
    Ok(Sender { mac: mac.ok_or(Malformed)?, address: address.ok_or(Malformed)? })
}
