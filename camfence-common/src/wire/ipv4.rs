//! IPv4 (RFC 791).

use core::mem::offset_of;

use network_types::ip::Ipv4Hdr;

use super::{
    Malformed, Parsed,
    extension::{self, Family, Fragment, Transport},
};
use crate::{
    packet::{Packet, join32},
    verifier::{Unknown, forget},
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
/// The same, as a mask.
const OPTIONS_MASK: usize = 0x3f;

/// 16-bit words of a header without options.
const WORDS: usize = Ipv4Hdr::LEN / 2;

/// An IPv4 header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ipv4 {
    /// Source address, wire order.
    pub source: u32,
    /// Destination address, wire order.
    pub destination: u32,
    protocol: u8,
    fragment: Fragment,
    total: u16,
    at: usize,
    len: usize,
}

/// Parses the header at `at`.
///
/// It is read at once: each read is compared with the frame's end.
#[inline(always)]
pub fn parse<P: Packet + ?Sized>(packet: &P, at: usize) -> Parsed<Ipv4> {
    let words: [u16; WORDS] = packet.words(at).ok_or(Malformed)?;
    let [version_ihl, _] = words[0].to_ne_bytes();
    let len = usize::from(version_ihl & 0xf) * 4;
    if version_ihl >> 4 != 4 || len < Ipv4Hdr::LEN {
        return Err(Malformed);
    }
    let flags_offset = u16::from_be(words[offset_of!(Ipv4Hdr, frags) / 2]);
    let [_, protocol] = words[offset_of!(Ipv4Hdr, proto) / 2].to_ne_bytes();
    let address = |at: usize| join32([words[at / 2], words[at / 2 + 1]]);
    Ok(Ipv4 {
        source: address(offset_of!(Ipv4Hdr, src_addr)),
        destination: address(offset_of!(Ipv4Hdr, dst_addr)),
        protocol,
        fragment: Fragment::new(flags_offset & FRAGMENT_OFFSET, flags_offset & MORE_FRAGMENTS != 0),
        total: u16::from_be(words[offset_of!(Ipv4Hdr, tot_len) / 2]),
        at,
        len,
    })
}
const _: () = assert!(offset_of!(Ipv4Hdr, proto) % 2 == 1);

impl Ipv4 {
    /// Whether a source-route option is there.
    #[inline(always)]
    pub fn has_source_route<P: Packet + ?Sized>(
        &self,
        packet: &P,
        unknown: Unknown,
    ) -> Parsed<bool> {
        if self.len == Ipv4Hdr::LEN {
            return Ok(false);
        }
        has_source_route(packet, self.at + Ipv4Hdr::LEN, self.len - Ipv4Hdr::LEN, unknown)
    }

    /// What the packet carries, behind authentication headers.
    #[inline(always)]
    pub fn transport<P: Packet + ?Sized>(&self, packet: &P, unknown: Unknown) -> Parsed<Transport> {
        let end = self.end(packet, unknown)?;
        let payload = self.at + self.len;
        extension::walk(packet, Family::Ipv4, self.protocol, payload, end, self.fragment, unknown)
    }

    /// Where the packet ends, by its total length.
    #[inline(always)]
    fn end<P: Packet + ?Sized>(&self, packet: &P, unknown: Unknown) -> Parsed<usize> {
        let total = usize::from(self.total);
        if total < self.len && !(total == 0 && packet.is_aggregate()) {
            return Err(Malformed);
        }
        extension::end(packet, self.at, total, unknown)
    }
}

/// Looks for a source route among the options, `len` bytes from `at`.
#[inline(always)]
fn has_source_route<P: Packet + ?Sized>(
    packet: &P,
    at: usize,
    len: usize,
    unknown: Unknown,
) -> Parsed<bool> {
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
        // The verifier finds the state after each kind of option alike, and walks on from one of
        // them only.
        option = forget(option, unknown) & OPTIONS_MASK;
    }
    Ok(false)
}
