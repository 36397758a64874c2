//! IPv6 (RFC 8200).

use core::mem::offset_of;

use network_types::ip::Ipv6Hdr;

use super::{
    Malformed, Parsed,
    extension::{self, Family, Fragment, Transport},
};
use crate::{
    packet::{Bytes, Packet, join64},
    reason::Direction,
    verifier::Unknown,
};

/// An IPv6 header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ipv6 {
    /// Source address, wire order.
    pub source: [u64; 2],
    /// Destination address, wire order.
    pub destination: [u64; 2],
    next: u8,
    at: usize,
}

/// Parses the header at `at`.
#[inline(always)]
pub fn parse<P: Packet + ?Sized>(packet: &P, at: usize) -> Parsed<Ipv6> {
    let version = packet.byte(at).ok_or(Malformed)? >> 4;
    if version != 6 {
        return Err(Malformed);
    }
    Ok(Ipv6 {
        source: address(packet, at + offset_of!(Ipv6Hdr, src_addr))?,
        destination: address(packet, at + offset_of!(Ipv6Hdr, dst_addr))?,
        next: packet.byte(at + offset_of!(Ipv6Hdr, next_hdr)).ok_or(Malformed)?,
        at,
    })
}

impl Ipv6 {
    /// Where the peer's address is.
    #[inline(always)]
    pub const fn peer_at(&self, direction: Direction) -> usize {
        self.at
            + match direction {
                Direction::Outbound => offset_of!(Ipv6Hdr, dst_addr),
                Direction::Inbound => offset_of!(Ipv6Hdr, src_addr),
            }
    }

    /// What the packet carries, behind all extension headers.
    #[inline(always)]
    pub fn transport<P: Packet + ?Sized>(&self, packet: &P, unknown: Unknown) -> Parsed<Transport> {
        let length = packet.be16(self.at + offset_of!(Ipv6Hdr, payload_len)).ok_or(Malformed)?;
        let payload = self.at + Ipv6Hdr::LEN;
        // A jumbogram (RFC 2675) says zero: its extension header then lies behind the end.
        let end = extension::end(packet, payload, usize::from(length), unknown)?;
        extension::walk(packet, Family::Ipv6, self.next, payload, end, Fragment::WHOLE, unknown)
    }
}

/// Reads an address, wire order.
#[inline(always)]
pub(crate) fn address<B: Bytes + ?Sized>(bytes: &B, at: usize) -> Parsed<[u64; 2]> {
    let half = |at| bytes.words(at).map(join64).ok_or(Malformed);
    Ok([half(at)?, half(at + 8)?])
}
