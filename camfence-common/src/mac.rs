//! The hardware address a camera is known by.

use core::{error, fmt, str::FromStr};

use bytemuck::{Pod, Zeroable};

/// An Ethernet hardware address, in wire order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Pod, Zeroable)]
#[repr(transparent)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// The address every station listens to, `ff:ff:ff:ff:ff:ff`.
    pub const BROADCAST: Self = Self([0xff; 6]);

    /// The address that three 16-bit words hold as they lie in memory (wire order).
    #[inline(always)]
    pub fn from_words(words: [u16; 3]) -> Self {
        Self(bytemuck::cast(words))
    }

    /// As a number of 48 bits.
    #[inline(always)]
    pub const fn number(self) -> u64 {
        let mac = self.0;
        u64::from_le_bytes([mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], 0, 0])
    }

    /// Of a number's lower 48 bits.
    #[inline(always)]
    pub const fn from_number(number: u64) -> Self {
        let mac = number.to_le_bytes();
        Self([mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]])
    }

    /// Whether this addresses a group of stations; true of broadcast too.
    pub const fn is_multicast(self) -> bool {
        self.0[0] & 1 == 1
    }

    /// Whether this is `00:00:00:00:00:00`, which no station has.
    pub fn is_zero(self) -> bool {
        self.0 == [0; 6]
    }

    /// Whether this is [`Mac::BROADCAST`].
    pub fn is_broadcast(self) -> bool {
        self == Self::BROADCAST
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { ":" };
            write!(f, "{separator}{byte:02x}")?;
        }
        Ok(())
    }
}

/// Text that is not six two-digit hexadecimal groups joined by `:` or by `-`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseMacError;

impl fmt::Display for ParseMacError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a MAC address is six two-digit groups, like b0:c5:54:25:5b:0e")
    }
}

impl error::Error for ParseMacError {}

impl FromStr for Mac {
    type Err = ParseMacError;

    /// Accepts `:` or `-` between groups, though not both, and digits in either case.
    fn from_str(text: &str) -> Result<Self, ParseMacError> {
        let text: &[u8; 17] = text.as_bytes().try_into().map_err(|_| ParseMacError)?;
        let separator = text[2];
        if separator != b':' && separator != b'-' {
            return Err(ParseMacError);
        }
        let mut mac = [0; 6];
        for (byte, group) in mac.iter_mut().zip(text.chunks(3)) {
            if group.get(2).is_some_and(|&found| found != separator) {
                return Err(ParseMacError);
            }
            *byte = digit(group[0])? << 4 | digit(group[1])?;
        }
        Ok(Self(mac))
    }
}

fn digit(byte: u8) -> Result<u8, ParseMacError> {
    match byte {
        b'0'..=b'9' => Ok(byte - b'0'),
        b'a'..=b'f' => Ok(byte - b'a' + 10),
        b'A'..=b'F' => Ok(byte - b'A' + 10),
        _ => Err(ParseMacError),
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::string::ToString;

    use proptest::prelude::*;

    use super::*;

    const DRIVEWAY: Mac = Mac([0xb0, 0xc5, 0x54, 0x25, 0x5b, 0x0e]);

    #[test]
    fn prints_lower_case_with_colons() {
        assert_eq!(DRIVEWAY.to_string(), "b0:c5:54:25:5b:0e");
    }

    #[test]
    fn accepts_either_separator_and_either_case() {
        for text in ["b0:c5:54:25:5b:0e", "B0-C5-54-25-5B-0E", "b0:C5:54:25:5B:0e"] {
            assert_eq!(text.parse(), Ok(DRIVEWAY), "{text}");
        }
    }

    #[test]
    fn refuses_everything_else() {
        let wrong = [
            "",
            "b0c554255b0e",
            "b0:c5:54:25:5b",
            "b0:c5:54:25:5b:0",
            "b0:c5:54:25:5b:0e:",
            "b0:c5:54:25:5b:0e:01",
            "b0:c5-54:25:5b:0e",
            "b0.c5.54.25.5b.0e",
            "b0:c5:54:25:5b:0g",
            "b0:c5:54:25:5b:+e",
            "b:0c5:54:25:5b:0e",
            " b0:c5:54:25:5b:0e",
            "b0:c5:54:25:5b:é",
        ];
        for text in wrong {
            assert_eq!(text.parse::<Mac>(), Err(ParseMacError), "{text:?}");
        }
    }

    #[test]
    fn tells_special_addresses_apart() {
        let mdns = Mac([0x01, 0x00, 0x5e, 0x00, 0x00, 0xfb]);
        // (address, multicast, zero, broadcast)
        for (mac, multicast, zero, broadcast) in [
            (DRIVEWAY, false, false, false),
            (mdns, true, false, false),
            (Mac([0; 6]), false, true, false),
            (Mac::BROADCAST, true, false, true),
        ] {
            assert_eq!(mac.is_multicast(), multicast, "{mac}");
            assert_eq!(mac.is_zero(), zero, "{mac}");
            assert_eq!(mac.is_broadcast(), broadcast, "{mac}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_can_be_read(bytes: [u8; 6]) {
            let mac = Mac(bytes);
            prop_assert_eq!(mac.to_string().parse(), Ok(mac));
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".*") {
            let _ = text.parse::<Mac>();
        }
    }
}
