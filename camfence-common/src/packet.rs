//! How the core reads a frame.

/// The highest offset a header may start at. Headers that reach further are malformed; it bounds
/// what the BPF verifier has to consider and how much of a frame has to be at hand.
pub const MAX_OFFSET: usize = 511;

/// How many bytes from the start of a frame the core can ask for: a header at [`MAX_OFFSET`] and
/// the longest read there. Longer ones are of headers that cannot start so late.
pub const HEADER_WINDOW: u32 = 528;
const _: () = assert!(HEADER_WINDOW as usize == MAX_OFFSET + 1 + 16);

/// The bytes of a frame, from its destination MAC.
///
/// Offsets of words are even, as headers are. `None` means that the frame ends before, or that the
/// offset is beyond [`MAX_OFFSET`].
pub trait Bytes {
    /// The byte at an offset.
    fn byte(&self, at: usize) -> Option<u8>;

    /// `N` 16-bit words at an even offset, each as it lies in memory (wire order).
    fn words<const N: usize>(&self, at: usize) -> Option<[u16; N]>;

    /// A 16-bit number in network byte order.
    #[inline(always)]
    fn be16(&self, at: usize) -> Option<u16> {
        let [word] = self.words(at)?;
        Some(u16::from_be(word))
    }
}

/// A frame: its bytes and what a hook knows besides.
pub trait Packet: Bytes {
    /// Bytes of the frame on the wire, without FCS and without a tag that is not among its bytes.
    fn wire_len(&self) -> usize;

    /// VLAN tags that the frame has but that are not among its bytes (a NIC or the kernel took
    /// them off).
    fn stripped_tags(&self) -> usize {
        0
    }

    /// Whether this is several frames in one (GRO, GSO). The length fields of such a frame's IP
    /// header may be zero (Linux "BIG TCP").
    fn is_aggregate(&self) -> bool {
        false
    }
}

impl Bytes for [u8] {
    fn byte(&self, at: usize) -> Option<u8> {
        if at > MAX_OFFSET {
            return None;
        }
        self.get(at).copied()
    }

    fn words<const N: usize>(&self, at: usize) -> Option<[u16; N]> {
        if at > MAX_OFFSET {
            return None;
        }
        let bytes = self.get(at..at + 2 * N)?;
        let mut words = [0; N];
        for (word, pair) in words.iter_mut().zip(bytes.chunks_exact(2)) {
            *word = u16::from_ne_bytes([pair[0], pair[1]]);
        }
        Some(words)
    }
}

/// A whole frame in memory.
impl Packet for [u8] {
    fn wire_len(&self) -> usize {
        self.len()
    }
}

/// Puts two wire-order words together as they lie in memory.
#[inline(always)]
pub fn join32(words: [u16; 2]) -> u32 {
    let [first, second] = words.map(u32::from);
    if cfg!(target_endian = "little") { first | second << 16 } else { first << 16 | second }
}

/// Puts four wire-order words together as they lie in memory.
#[inline(always)]
pub fn join64(words: [u16; 4]) -> u64 {
    let first = u64::from(join32([words[0], words[1]]));
    let second = u64::from(join32([words[2], words[3]]));
    if cfg!(target_endian = "little") { first | second << 32 } else { first << 32 | second }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_words_lie_in_memory_as_they_did_on_the_wire() {
        let bytes: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];
        assert_eq!(join32(bytes[..].words(0).unwrap()).to_ne_bytes(), bytes[..4]);
        assert_eq!(join64(bytes[..].words(0).unwrap()).to_ne_bytes(), bytes);
    }

    #[test]
    fn a_read_past_the_end_is_none() {
        let bytes: &[u8] = &[0; 5];
        assert_eq!(bytes.byte(4), Some(0));
        assert_eq!(bytes.byte(5), None);
        assert_eq!(bytes.words::<2>(0), Some([0; 2]));
        assert_eq!(bytes.words::<2>(2), None);
        assert_eq!(bytes.be16(usize::MAX - 1), None);
    }
}
