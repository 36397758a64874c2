//! What happens to a frame's bytes.

use proptest::{prelude::*, sample::Index};

/// Something that happens to a frame's bytes.
#[derive(Debug, Clone)]
pub(super) enum Damage {
    /// A byte is another.
    Set(Index, u8),
    /// A byte of the headers is another.
    SetHeader(usize, u8),
    /// A bit is flipped.
    Flip(Index, u8),
    /// The end is missing.
    Cut(Index),
    /// There is more behind the end.
    Append(usize),
}

pub(super) fn damage() -> BoxedStrategy<Damage> {
    prop_oneof![
        1 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::Set(at, byte)),
        3 => (12..100_usize, any::<u8>()).prop_map(|(at, byte)| Damage::SetHeader(at, byte)),
        2 => (any::<Index>(), 0..8_u8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        1 => any::<Index>().prop_map(Damage::Cut),
        2 => (1..100_usize).prop_map(Damage::Append),
    ]
    .boxed()
}

impl Damage {
    pub(super) fn apply(&self, bytes: &mut Vec<u8>) {
        let length = bytes.len();
        match *self {
            _ if bytes.is_empty() => {}
            Self::Set(at, byte) => bytes[at.index(length)] = byte,
            Self::SetHeader(at, byte) => bytes[at.min(length - 1)] = byte,
            Self::Flip(at, bit) => bytes[at.index(length)] ^= 1 << bit,
            Self::Cut(at) => bytes.truncate(at.index(length)),
            Self::Append(more) => bytes.resize(length + more, b'.'),
        }
    }
}
