//! What a frame can tell of its sender.

use std::net::IpAddr;

use serde::Serialize;

use crate::printable::Printable;

/// Longest text that is taken from the net, in bytes. What is longer is cut.
pub const MAX_TEXT_BYTES: usize = 128;

/// Something that a frame tells of its sender. None of it is proven: a device says what it likes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// An address that is said to be its own.
    Address(IpAddr),
    /// The source of a packet: its own address, or that of somebody it forwards for.
    Sender(IpAddr),
    /// What it calls itself.
    Hostname(Printable),
    /// The type of a service it offers by mDNS: `_rtsp._tcp`.
    Service(Printable),
    /// What it says it is made of: a vendor class of DHCP, a `Server:` line, LLDP's description.
    Software(Printable),
    /// It said that it speaks ONVIF.
    Onvif(Onvif),
    /// It answered as an RTSP server.
    Rtsp,
    /// It sent a packet to somebody.
    Peer(Peer),
}

/// What an ONVIF device says of itself in the scopes of WS-Discovery (ONVIF Core Specification,
/// "Scopes").
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Onvif {
    /// Its name; often the vendor's and the model's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Printable>,
    /// Its model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hardware: Option<Printable>,
    /// Where it is, if somebody told it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Printable>,
}

/// Whom a packet was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Peer {
    /// The address.
    pub address: IpAddr,
    /// The number of the protocol in the IP header.
    pub protocol: u8,
    /// The peer's port; zero if there is none.
    pub port: u16,
}

/// Text from the net: without space or zeros around it, and cut; none if nothing is left.
pub fn text(bytes: &[u8]) -> Option<Printable> {
    let is_filling = |byte: &u8| *byte == 0 || byte.is_ascii_whitespace();
    let start = bytes.iter().position(|byte| !is_filling(byte))?;
    let end = bytes.iter().rposition(|byte| !is_filling(byte))?;
    let bytes = &bytes[start..=end];
    let cut = (0..=bytes.len().min(MAX_TEXT_BYTES)).rev().find(|&at| is_boundary(bytes, at));
    Some(Printable::new(&bytes[..cut.unwrap_or_default()])).filter(|text| !text.is_empty())
}

/// Whether no character of UTF-8 goes across this place. One of four bytes ends within three.
fn is_boundary(bytes: &[u8], at: usize) -> bool {
    const CONTINUATION: u8 = 0b1000_0000;
    bytes.get(at).is_none_or(|byte| byte & 0b1100_0000 != CONTINUATION)
        || (1..=3).all(|back| {
            let byte = at.checked_sub(back).and_then(|at| bytes.get(at));
            byte.is_some_and(|byte| byte & 0b1100_0000 == CONTINUATION)
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_is_trimmed_and_cut_between_characters() {
        let shown = |bytes: &[u8]| text(bytes).map(|text| text.to_string());
        assert_eq!(shown(b"  front door\r\n\0"), Some("front door".into()));
        assert_eq!(shown(b" \0\t"), None);
        assert_eq!(shown(b""), None);
        let long = format!("a{}", "é".repeat(MAX_TEXT_BYTES));
        assert_eq!(shown(long.as_bytes()), Some(format!("a{}", "é".repeat(63))));
        assert_eq!(shown(b"\x1b[2J"), Some(r"\u{1b}[2J".into()));
    }

    proptest! {
        #[test]
        fn any_bytes_are_text_or_none(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = text(&bytes);
        }

        #[test]
        fn good_text_has_no_bad_end(long in "[a-zé門🎥]{0,200}") {
            let whole = text(long.as_bytes()).is_none_or(|text| !text.as_str().contains(r"\x"));
            prop_assert!(whole);
        }
    }
}
