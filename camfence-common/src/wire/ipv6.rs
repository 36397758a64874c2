//! IPv6 (RFC 8200).

use core::mem::offset_of;

use network_types::ip::Ipv6Hdr;

use super::{
    Malformed, Parsed,
    extension::{self, Family, Fragment, Transport},
};
use crate::{
    packet::{Bytes, Packet, join64},
    verifier::Unknown,
};

/// 16-bit words of a header.
const WORDS: usize = Ipv6Hdr::LEN / 2;

/// An IPv6 header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ipv6 {
    /// Source address, wire order.
    pub source: [u64; 2],
    /// Destination address, wire order.
    pub destination: [u64; 2],
    next: u8,
    length: u16,
    at: usize,
}

/// Parses the header at `at`.
///
/// It is read at once: each read is compared with the frame's end.
#[inline(always)]
pub fn parse<P: Packet + ?Sized>(packet: &P, at: usize) -> Parsed<Ipv6> {
    let words: [u16; WORDS] = packet.words(at).ok_or(Malformed)?;
    let [version, _] = words[0].to_ne_bytes();
    if version >> 4 != 6 {
        return Err(Malformed);
    }
    let [next, _] = words[offset_of!(Ipv6Hdr, next_hdr) / 2].to_ne_bytes();
    Ok(Ipv6 {
        source: address_of(&words, offset_of!(Ipv6Hdr, src_addr)),
        destination: address_of(&words, offset_of!(Ipv6Hdr, dst_addr)),
        next,
        length: u16::from_be(words[offset_of!(Ipv6Hdr, payload_len) / 2]),
        at,
    })
}
const _: () = assert!(offset_of!(Ipv6Hdr, next_hdr).is_multiple_of(2));

impl Ipv6 {
    /// What the packet carries, behind all extension headers.
    #[inline(always)]
    pub fn transport<P: Packet + ?Sized>(&self, packet: &P, unknown: Unknown) -> Parsed<Transport> {
        let payload = self.at + Ipv6Hdr::LEN;
        // A jumbogram (RFC 2675) says zero: its extension header then lies behind the end.
        let end = extension::end(packet, payload, usize::from(self.length), unknown)?;
        extension::walk(packet, Family::Ipv6, self.next, payload, end, Fragment::WHOLE, unknown)
    }
}

/// Reads an address, wire order.
#[inline(always)]
pub(crate) fn address<B: Bytes + ?Sized>(bytes: &B, at: usize) -> Parsed<[u64; 2]> {
    let words: [u16; 8] = bytes.words(at).ok_or(Malformed)?;
    Ok(address_of(&words, 0))
}

/// The address that is `at` bytes behind the first of some words.
#[inline(always)]
fn address_of(words: &[u16], at: usize) -> [u64; 2] {
    let half = |at: usize| join64([words[at], words[at + 1], words[at + 2], words[at + 3]]);
    [half(at / 2), half(at / 2 + 4)]
}
