//! What nearly every frame is: Ethernet without a tag, IPv4 without options, all of a packet, TCP or UDP.
//!
//! Such a frame has each header at a place of its own, and is read at once. It is nothing that the
//! other parsers would not find as well: what is not plain, or not whole, is left to them.

use core::mem::offset_of;

use network_types::{
    eth::EthHdr,
    ip::{IpProto, Ipv4Hdr},
    tcp::TcpHdr,
    udp::UdpHdr,
};

use super::{
    ethernet::EtherType,
    extension::{Fragment, Protocol, Transport},
    transport::Numbers,
};
use crate::{
    packet::{MAX_OFFSET, Packet, join32},
    verifier::{Unknown, forget},
};

/// Where the IPv4 header starts.
pub const NETWORK: usize = EthHdr::LEN;
/// Where the header of what it carries starts.
const TRANSPORT: usize = NETWORK + Ipv4Hdr::LEN;

/// What is read: from the EtherType to the ports.
const START: usize = offset_of!(EthHdr, ether_type);
const WORDS: usize = (TRANSPORT + 4 - START) / 2;

/// Version 4, and a header of five 32-bit words (RFC 791 §3.1).
const VERSION_IHL: u8 = 0x45;
/// The fragment offset and whether more follow, wire order.
const FRAGMENT: u16 = 0x3fff_u16.to_be();

/// A plain frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plain {
    /// Source address, wire order.
    pub source: u32,
    /// Destination address, wire order.
    pub destination: u32,
    /// TCP or UDP.
    pub transport: Transport,
    /// Its ports.
    pub numbers: Numbers,
}

/// Parses a frame; none if it is not plain.
#[inline(always)]
pub fn parse<P: Packet + ?Sized>(packet: &P, unknown: Unknown) -> Option<Plain> {
    let words: [u16; WORDS] = packet.words(START)?;
    let word = |at: usize| words[(at - START) / 2];
    let ip = |at: usize| word(NETWORK + at);
    let [version_ihl, _] = ip(0).to_ne_bytes();
    let is_plain = word(START) == EtherType::IPV4.number()
        && version_ihl == VERSION_IHL
        && ip(offset_of!(Ipv4Hdr, frags)) & FRAGMENT == 0;
    if !is_plain {
        return None;
    }
    let [_, protocol] = ip(offset_of!(Ipv4Hdr, proto)).to_ne_bytes();
    let header = match protocol {
        TCP => TcpHdr::LEN,
        UDP => UdpHdr::LEN,
        _ => return None,
    };
    let total = usize::from(u16::from_be(ip(offset_of!(Ipv4Hdr, tot_len))));
    let end = NETWORK + total;
    if total < Ipv4Hdr::LEN + header || end > packet.wire_len() {
        return None;
    }
    let address = |at: usize| join32([ip(at), ip(at + 2)]);
    Some(Plain {
        source: address(offset_of!(Ipv4Hdr, src_addr)),
        destination: address(offset_of!(Ipv4Hdr, dst_addr)),
        transport: Transport {
            protocol: Protocol(protocol),
            // Known to the verifier, each way to read what follows would leave it with another
            // length that the frame has at least.
            at: forget(TRANSPORT, unknown) & MAX_OFFSET,
            routing: false,
            fragment: Fragment::WHOLE,
            end,
        },
        numbers: Numbers::new(u16::from_be(word(TRANSPORT)), u16::from_be(word(TRANSPORT + 2))),
    })
}

const TCP: u8 = IpProto::Tcp as u8;
const UDP: u8 = IpProto::Udp as u8;
