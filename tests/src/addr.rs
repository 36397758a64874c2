//! Addresses, written in tests as literals.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An Ethernet address in wire order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

/// The address that `text` spells, such as `mac("b0:c5:54:25:5b:0e")`; fit for a `const`.
///
/// # Panics
/// When `text` is not six pairs of hexadecimal digits between colons. In a `const` that is
/// an error of compilation.
pub const fn mac(text: &str) -> Mac {
    let text = text.as_bytes();
    assert!(text.len() == 17, "a MAC address is six pairs of digits between colons");
    let mut octets = [0; 6];
    let mut i = 0;
    while i < 6 {
        assert!(i == 5 || text[3 * i + 2] == b':', "a MAC address has colons between its pairs");
        octets[i] = 16 * hex_digit(text[3 * i]) + hex_digit(text[3 * i + 1]);
        i += 1;
    }
    Mac(octets)
}

const fn hex_digit(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        b'A'..=b'F' => digit - b'A' + 10,
        _ => panic!("a MAC address is written in hexadecimal digits"),
    }
}

impl Mac {
    /// The address of every station.
    pub const BROADCAST: Self = Self([0xff; 6]);

    /// The group address that multicast to `group` is sent to (RFC 1112, RFC 2464), or none
    /// for a unicast address.
    pub fn of_group(group: IpAddr) -> Option<Self> {
        match group {
            IpAddr::V4(ip) if ip.is_broadcast() => Some(Self::BROADCAST),
            IpAddr::V4(ip) if ip.is_multicast() => {
                let [_, b, c, d] = ip.octets();
                Some(Self([0x01, 0x00, 0x5e, b & 0x7f, c, d]))
            }
            IpAddr::V6(ip) if ip.is_multicast() => {
                let [.., a, b, c, d] = ip.octets();
                Some(Self([0x33, 0x33, a, b, c, d]))
            }
            _ => None,
        }
    }
}

impl From<Mac> for camfence_common::mac::Mac {
    fn from(mac: Mac) -> Self {
        Self(mac.0)
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, octet) in self.0.iter().enumerate() {
            let colon = if i == 0 { "" } else { ":" };
            write!(f, "{colon}{octet:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What may stand for a `T` in a test: the value itself, or its text.
pub trait Literal<T> {
    /// The value.
    ///
    /// # Panics
    /// When the text does not spell a `T`.
    fn value(self) -> T;
}

macro_rules! literal {
    ($($type:ty),*) => {$(
        impl Literal<$type> for $type {
            fn value(self) -> $type {
                self
            }
        }

        impl Literal<$type> for &str {
            #[track_caller]
            fn value(self) -> $type {
                match self.parse() {
                    Ok(value) => value,
                    Err(error) => panic!("{self:?} is no {}: {error}", stringify!($type)),
                }
            }
        }
    )*};
}

literal!(IpAddr, Ipv4Addr, Ipv6Addr);

impl Literal<Mac> for Mac {
    fn value(self) -> Mac {
        self
    }
}

impl Literal<Mac> for &str {
    #[track_caller]
    fn value(self) -> Mac {
        mac(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mac_prints_as_it_was_written() {
        assert_eq!(mac("B0:c5:54:25:5b:0e").to_string(), "b0:c5:54:25:5b:0e");
    }

    #[test]
    #[should_panic(expected = "colons")]
    fn a_mac_without_colons_is_refused() {
        mac("b0-c5-54-25-5b-0e");
    }

    #[test]
    fn groups_have_their_own_addresses() {
        let group = |ip: &str| Mac::of_group(ip.value());
        assert_eq!(group("239.255.255.250"), Some(mac("01:00:5e:7f:ff:fa")));
        assert_eq!(group("ff02::fb"), Some(mac("33:33:00:00:00:fb")));
        assert_eq!(group("255.255.255.255"), Some(Mac::BROADCAST));
        assert_eq!(group("192.168.1.1"), None);
    }
}
