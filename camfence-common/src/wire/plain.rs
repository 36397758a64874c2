//! What nearly every frame is: Ethernet, IPv4 without options, all of a packet, TCP or UDP.
//!
//! Such a frame has each header at a place of its own, and is read at once. It is nothing that the
//! other parsers would not find as well: what is not plain, or not whole, is left to them.

use core::mem::offset_of;

use network_types::{
    eth::EthHdr,
    ip::{IpProto, Ipv4Hdr},
    tcp::TcpHdr,
    udp::UdpHdr,
    vlan::VlanHdr,
};

use super::{
    ethernet::{EtherType, MAX_TAGS},
    extension::{Fragment, Protocol, Transport},
    transport::Numbers,
};
use crate::{
    packet::{MAX_OFFSET, Packet, join32},
    verifier::{Unknown, forget, low8},
};

/// Where the EtherType of a frame without a tag is.
pub const UNTAGGED: usize = offset_of!(EthHdr, ether_type);
/// From an EtherType to the IPv4 header, and to the header of what that carries.
const NETWORK: usize = size_of::<EtherType>();
const TRANSPORT: usize = NETWORK + Ipv4Hdr::LEN;
/// What is read: from the EtherType to the ports.
const WORDS: usize = TRANSPORT / 2 + PORTS;
const PORTS: usize = 2;
/// The places of an EtherType, as a mask.
const LAST: usize = 0x1f;
const _: () = assert!(UNTAGGED + MAX_TAGS * VlanHdr::LEN <= LAST);

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

/// Parses a frame whose EtherType is there; none if it is not plain.
///
/// What is known for sure is forgotten (see [`crate::verifier`]): to the verifier all other frames are then
/// like this one where the rules begin.
#[inline(always)]
pub fn parse<P: Packet + ?Sized>(packet: &P, ethertype: usize, unknown: Unknown) -> Option<Plain> {
    // At a place that the verifier does not know: it would go on with a frame that is at least so long, and
    // with another that is not.
    let words: [u16; WORDS] = packet.words(forget(ethertype, unknown) & LAST)?;
    let word = |at: usize| words[at / 2];
    let ip = |at: usize| word(NETWORK + at);
    let [version_ihl, _] = ip(0).to_ne_bytes();
    let is_plain = word(0) == EtherType::IPV4.number()
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
    let end = ethertype + NETWORK + total;
    if total < Ipv4Hdr::LEN + header || end > packet.wire_len() {
        return None;
    }
    let address = |at: usize| join32([ip(at), ip(at + 2)]);
    let ports = [word(TRANSPORT), word(TRANSPORT + 2)].map(u16::from_be);
    Some(Plain {
        source: address(offset_of!(Ipv4Hdr, src_addr)),
        destination: address(offset_of!(Ipv4Hdr, dst_addr)),
        transport: Transport {
            protocol: Protocol(low8(forget(usize::from(protocol), unknown))),
            at: forget(ethertype + TRANSPORT, unknown) & MAX_OFFSET,
            routing: false,
            fragment: Fragment::WHOLE.settle(unknown),
            end: forget(end, unknown),
        },
        numbers: Numbers::new(ports[0], ports[1]).settle(unknown),
    })
}

const TCP: u8 = IpProto::Tcp as u8;
const UDP: u8 = IpProto::Udp as u8;
