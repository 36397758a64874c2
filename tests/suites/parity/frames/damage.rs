//! What happens to a frame's bytes.

use proptest::{collection, prelude::*, sample::Index};

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
    /// In an untagged IPv4 packet there is an authentication header of a length in words, less two.
    Authenticate(u8),
}

/// None, some, or an authentication header, which the frame builder knows only in IPv6.
pub(super) fn damages() -> BoxedStrategy<Vec<Damage>> {
    let words = prop_oneof![3 => 0..=4_u8, 1 => 105..=125_u8, 1 => any::<u8>()];
    let authenticate = words.prop_map(Damage::Authenticate);
    prop_oneof![
        24 => Just(vec![]),
        8 => collection::vec(damage(), 1..=3),
        2 => collection::vec(authenticate.clone(), 1),
        1 => collection::vec(authenticate, 2..=8),
    ]
    .boxed()
}

fn damage() -> BoxedStrategy<Damage> {
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
            Self::Authenticate(words) => {
                authenticate(bytes, words);
            }
        }
    }
}

/// Puts an authentication header behind that of IPv4, if there is one.
fn authenticate(bytes: &mut Vec<u8>, words: u8) -> Option<()> {
    const AUTHENTICATION: u8 = 51;
    let packet = bytes.get(12..)?.strip_prefix(&[0x08, 0])?;
    let at = 14 + usize::from(packet.first()? & 0xf) * 4;
    let length = u16::from_be_bytes([*packet.get(2)?, *packet.get(3)?]);
    let mut header = vec![*packet.get(9)?, words];
    header.resize((usize::from(words) + 2) * 4, 0);
    let length = length.checked_add(u16::try_from(header.len()).ok()?)?;
    bytes.get(at..)?;
    bytes.splice(at..at, header);
    bytes[16..18].copy_from_slice(&length.to_be_bytes());
    bytes[23] = AUTHENTICATION;
    Some(())
}
