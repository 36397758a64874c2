//! IPv4 (RFC 791).

use core::mem::offset_of;

use network_types::ip::Ipv4Hdr;

use super::{
    Malformed, Parsed,
    extension::{self, Family, Fragment, Transport},
};
use crate::{
    packet::{Packet, join32},
    reason::Direction,
    verifier::Unknown,
};

/// Loose and strict source route options (RFC 791 §3.1).
const LOOSE_SOURCE_ROUTE: u8 = 131;
const STRICT_SOURCE_ROUTE: u8 = 137;
const END_OF_OPTIONS: u8 = 0;
const NO_OPERATION: u8 = 1;
/// The fragment offset, beside the three flags, of which one says that more fragments follow.
const FRAGMENT_OFFSET: u16 = 0x1fff;
const MORE_FRAGMENTS: u16 = 0x2000;
/// Bytes of options there can be: a header length of 15 words less the fixed part.
const MAX_OPTIONS: usize = 60 - Ipv4Hdr::LEN;

/// An IPv4 header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ipv4 {
    /// Source address, wire order.
    pub source: u32,
    /// Destination address, wire order.
    pub destination: u32,
    protocol: u8,
    fragment: Fragment,
    at: usize,
    len: usize,
}

/// Parses the header at `at`.
#[inline(always)]
pub fn parse<P: Packet + ?Sized>(packet: &P, at: usize) -> Parsed<Ipv4> {
    let version_ihl = packet.byte(at).ok_or(Malformed)?;
    let len = usize::from(version_ihl & 0xf) * 4;
    if version_ihl >> 4 != 4 || len < Ipv4Hdr::LEN {
        return Err(Malformed);
    }
    let [source_a, source_b, destination_a, destination_b] =
        packet.words(at + offset_of!(Ipv4Hdr, src_addr)).ok_or(Malformed)?;
    let flags_offset = packet.be16(at + offset_of!(Ipv4Hdr, frags)).ok_or(Malformed)?;
    Ok(Ipv4 {
        source: join32([source_a, source_b]),
        destination: join32([destination_a, destination_b]),
        protocol: packet.byte(at + offset_of!(Ipv4Hdr, proto)).ok_or(Malformed)?,
        fragment: Fragment::new(flags_offset & FRAGMENT_OFFSET, flags_offset & MORE_FRAGMENTS != 0),
        at,
        len,
    })
}

impl Ipv4 {
    /// Where the peer's address is.
    #[inline(always)]
    pub const fn peer_at(&self, direction: Direction) -> usize {
        self.at
            + match direction {
                Direction::Outbound => offset_of!(Ipv4Hdr, dst_addr),
                Direction::Inbound => offset_of!(Ipv4Hdr, src_addr),
            }
    }

    /// Whether a source-route option is there.
    #[inline(always)]
    pub fn has_source_route<P: Packet + ?Sized>(&self, packet: &P) -> Parsed<bool> {
        if self.len == Ipv4Hdr::LEN {
            return Ok(false);
        }
        has_source_route(packet, self.at + Ipv4Hdr::LEN, self.len - Ipv4Hdr::LEN)
    }

    /// What the packet carries, behind authentication headers.
    #[inline(always)]
    pub fn transport<P: Packet + ?Sized>(&self, packet: &P, unknown: Unknown) -> Parsed<Transport> {
        let end = end(packet, self.at, self.len, unknown)?;
        let payload = self.at + self.len;
        extension::walk(packet, Family::Ipv4, self.protocol, payload, end, self.fragment, unknown)
    }
}

/// Where the packet ends, by its total length.
#[inline(always)]
fn end<P: Packet + ?Sized>(
    packet: &P,
    at: usize,
    header: usize,
    unknown: Unknown,
) -> Parsed<usize> {
    let total = usize::from(packet.be16(at + offset_of!(Ipv4Hdr, tot_len)).ok_or(Malformed)?);
    if total < header && !(total == 0 && packet.is_aggregate()) {
        return Err(Malformed);
    }
    extension::end(packet, at, total, unknown)
}

/// Looks for a source route among the options, `len` bytes from `at`.
#[inline(always)]
fn has_source_route<P: Packet + ?Sized>(packet: &P, at: usize, len: usize) -> Parsed<bool> {
    let mut option = 0;
    for _ in 0..MAX_OPTIONS {
        if option >= len {
            break;
        }
        match packet.byte(at + option).ok_or(Malformed)? {
            END_OF_OPTIONS => break,
            NO_OPERATION => option += 1,
            LOOSE_SOURCE_ROUTE | STRICT_SOURCE_ROUTE => return Ok(true),
            _ => {
                let size = usize::from(packet.byte(at + option + 1).ok_or(Malformed)?);
                if size < 2 || option + size > len {
                    return Err(Malformed);
                }
                option += size;
            }
        }
        // Never more than 40. With the bound written down, the verifier finds the state after
        // each kind of option alike, and walks on from one of them only.
        option &= 0x3f;
    }
    Ok(false)
}
