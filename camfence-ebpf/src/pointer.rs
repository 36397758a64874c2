//! Packet pointers: the one place where an offset becomes an address.

use camfence_common::{
    packet::{Bytes, MAX_OFFSET},
    verifier::opaque,
};

const _: () = assert!(MAX_OFFSET & (MAX_OFFSET + 1) == 0, "the highest offset must be a mask");

/// The part of a frame that can be read directly.
#[derive(Clone, Copy)]
pub(crate) struct Linear {
    start: usize,
    end: usize,
}

impl Linear {
    /// From `data` and `data_end` of a context.
    #[inline(always)]
    pub(crate) const fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// How many bytes it has.
    #[inline(always)]
    pub(crate) const fn len(self) -> usize {
        self.end - self.start
    }

    /// Reads a `T` at an offset; `None` past the end. The mask tells the verifier how far the
    /// offset can reach, where LLVM finds that the comparison before need not be made.
    #[inline(always)]
    fn read<T: Copy>(self, offset: usize) -> Option<T> {
        if offset > MAX_OFFSET {
            return None;
        }
        let address = opaque(self.start + (offset & MAX_OFFSET));
        if address + size_of::<T>() > self.end {
            return None;
        }
        // SAFETY: `address..address + size_of::<T>()` was just found to be inside the frame, `T`
        // is a byte or an array of 16-bit words (any bytes are a value), and words are at even
        // offsets, as `Bytes` demands.
        Some(unsafe { *(address as *const T) })
    }
}

impl Bytes for Linear {
    #[inline(always)]
    fn byte(&self, at: usize) -> Option<u8> {
        self.read(at)
    }

    #[inline(always)]
    fn words<const N: usize>(&self, at: usize) -> Option<[u16; N]> {
        self.read(at)
    }
}

/// Reads a packet's bytes from its field `linear`.
macro_rules! bytes_from_linear {
    ($packet:ty) => {
        impl camfence_common::packet::Bytes for $packet {
            #[inline(always)]
            fn byte(&self, at: usize) -> Option<u8> {
                self.linear.byte(at)
            }

            #[inline(always)]
            fn words<const N: usize>(&self, at: usize) -> Option<[u16; N]> {
                self.linear.words(at)
            }
        }
    };
}
pub(crate) use bytes_from_linear;
