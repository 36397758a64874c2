//! DNS queries over UDP (RFC 1035 §4.1).

use network_types::udp::UdpHdr;

use super::{Malformed, Parsed, extension::Transport};
use crate::{
    abi::{MAX_NAME, NameKey},
    packet::Packet,
    verifier::{Unknown, forget, low16, opaque},
};

/// Port of servers.
pub const PORT: u16 = 53;
/// Port of servers that are asked under encryption: DNS over TLS (RFC 7858) and QUIC (RFC 9250).
pub const ENCRYPTED_PORT: u16 = 853;

/// Bytes of a message's header.
const HEADER_LEN: usize = 12;
/// Bytes behind the name of a question: type and class.
const QUESTION_LEN: usize = 4;
/// What a query has zero of its flags: that it is a response, and the kind of query.
const RESPONSE_OPCODE: u16 = 0xf800;
/// Longest label (RFC 1035 §2.3.4). What is more is compression, or nothing known.
const MAX_LABEL: u8 = 63;

/// Where the length stands in a UDP header.
const UDP_LENGTH: usize = 4;

/// Bytes of an LPM trie's key: the prefix's length, then the data.
const TRIE_KEY: usize = PREFIX_LEN + size_of::<NameKey>();
const PREFIX_LEN: usize = 4;
const PROFILE_LEN: usize = 2;

/// Where a name ends in [`Name`]: the longest leaves room for the rest of a key before it.
const LAST: usize = PREFIX_LEN + PROFILE_LEN + MAX_NAME;
const _: () = assert!(LAST + 1 - PREFIX_LEN - PROFILE_LEN == 0xff);

/// Bytes of [`Name`]: a key may begin anywhere in the first 256 and is read whole.
const SIZE: usize = 520;
/// Changes no index that a byte is put at.
const MASK: usize = 0x1ff;
const _: () = assert!(LAST <= MASK && MASK < SIZE);

/// A name as a [`NameKey`] has it, with room before it for what else an LPM
/// trie's key begins with. It is put down from the end on, as a message has the labels of a name
/// from its beginning and a key from its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub struct Name {
    bytes: [u8; SIZE],
}

impl Name {
    /// One without a name.
    pub const EMPTY: Self = Self { bytes: [0; SIZE] };

    #[inline(always)]
    fn put(&mut self, index: usize, byte: u8) -> Parsed<()> {
        // LLVM would subtract from the address first, and kernel 7.2 refuses one that is below its
        // map's value. A mask costs the verifier less than a comparison.
        *self.bytes.get_mut(opaque(LAST - index) & MASK).ok_or(Malformed)? = byte;
        Ok(())
    }

    /// The key of an LPM trie for the name of so many bytes, 1 to [`MAX_NAME`], in a profile's
    /// list: the prefix's length in bits (machine's byte order), then a
    /// [`NameKey`].
    #[inline(always)]
    pub fn trie_key(&mut self, profile: u32, len: usize) -> Option<&[u8; TRIE_KEY]> {
        let len = len & 0xff;
        let start = LAST + 1 - PREFIX_LEN - PROFILE_LEN - len;
        let key = self.bytes.get_mut(start..)?.first_chunk_mut::<TRIE_KEY>()?;
        let [b0, b1, b2, b3, p0, p1, ..] = key;
        [*b0, *b1, *b2, *b3] = u32::from(low16((PROFILE_LEN + len) * 8)).to_ne_bytes();
        let [_, _, high, low] = profile.to_be_bytes();
        [*p0, *p1] = [high, low];
        Some(key)
    }

    /// The name of so many bytes.
    pub fn key(&self, len: usize) -> &[u8] {
        self.bytes.get((LAST + 1).saturating_sub(len)..=LAST).unwrap_or_default()
    }
}

/// Reads the name that a query asks for, and returns its length in a key. Everything but a plain
/// query for one name, in letters, digits, `-` and `_`, is malformed; so is what has other bytes
/// behind it than one record of options.
#[inline(always)]
pub fn read_query<P: Packet + ?Sized>(
    packet: &P,
    udp: &Transport,
    name: &mut Name,
    unknown: Unknown,
) -> Parsed<usize> {
    let message = udp.at + UdpHdr::LEN;
    let length = packet.be16(udp.at + UDP_LENGTH).ok_or(Malformed)?;
    let [_id, flags, questions, answers, authorities, additional] =
        packet.words(message).ok_or(Malformed)?.map(u16::from_be);
    let is_query = flags & RESPONSE_OPCODE == 0
        && questions == 1
        && answers | authorities == 0
        // One may say how long answers can be (RFC 6891).
        && additional <= 1;
    if !is_query || udp.at + usize::from(length) != udp.end {
        return Err(Malformed);
    }
    let start = message + HEADER_LEN;
    let len = read_name(packet, start, name, unknown)?;
    // The root's byte follows the name.
    let question_end = start + len + 1 + QUESTION_LEN;
    let end = match additional {
        0 => question_end,
        _ => options_end(packet, question_end)?,
    };
    // Nothing else travels with a query.
    if end == udp.end { Ok(len) } else { Err(Malformed) }
}

/// Where the record of options at `at` ends (RFC 6891 §6.1.2): the root's name, type 41, and six bytes
/// before the length of what it holds.
#[inline(always)]
fn options_end<P: Packet + ?Sized>(packet: &P, at: usize) -> Parsed<usize> {
    const TYPE: u8 = 41;
    const LENGTH: usize = 9;
    const FIXED: usize = 11;
    let byte = |offset| packet.byte(at + offset).ok_or(Malformed);
    if [byte(0)?, byte(1)?, byte(2)?] != [0, 0, TYPE] {
        return Err(Malformed);
    }
    let length = u16::from_be_bytes([byte(LENGTH)?, byte(LENGTH + 1)?]);
    Ok(at + FIXED + usize::from(length))
}

/// Reads the name at `start`, without a bound: the caller has to see where it ends.
#[inline(always)]
fn read_name<P: Packet + ?Sized>(
    packet: &P,
    start: usize,
    name: &mut Name,
    unknown: Unknown,
) -> Parsed<usize> {
    // Bytes left of the label.
    let mut left = 0;
    for index in 0..=MAX_NAME {
        let byte = packet.byte(start + index).ok_or(Malformed)?;
        if left > 0 {
            name.put(index, letter(byte)?)?;
            left -= 1;
        } else if byte == 0 {
            let len = forget(index, unknown) & 0xff;
            return if len == 0 { Err(Malformed) } else { Ok(len) };
        } else if byte <= MAX_LABEL {
            name.put(index, b'.')?;
            left = usize::from(byte);
        } else {
            return Err(Malformed);
        }
        left = forget(left, unknown) & usize::from(MAX_LABEL);
    }
    Err(Malformed)
}

/// A byte of a label in lower case.
#[inline(always)]
const fn letter(byte: u8) -> Parsed<u8> {
    match byte {
        b'A'..=b'Z' => Ok(byte | 0x20),
        b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => Ok(byte),
        _ => Err(Malformed),
    }
}
