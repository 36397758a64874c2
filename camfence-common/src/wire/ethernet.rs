//! Ethernet II with up to two VLAN tags (IEEE 802.3, 802.1Q, 802.1ad).

use core::mem::offset_of;

use network_types::{
    eth::{EthHdr, EtherType as Known},
    vlan::VlanHdr,
};

use super::{Malformed, Parsed};
use crate::{
    mac::Mac,
    packet::{Bytes, Packet},
    reason::Direction,
    verifier::{Unknown, forget},
};

/// VLAN tags that are skipped. A frame with more is malformed.
pub const MAX_TAGS: usize = 2;

/// Where the payload can start at most, as a mask.
const MAX_PAYLOAD: usize = 31;
const _: () = assert!(EthHdr::LEN + MAX_TAGS * VlanHdr::LEN <= MAX_PAYLOAD);

/// An EtherType, in wire order. Values below 0x0600 are the length of an LLC frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EtherType(u16);

impl EtherType {
    /// IPv4.
    pub const IPV4: Self = Self(Known::Ipv4 as u16);
    /// IPv6.
    pub const IPV6: Self = Self(Known::Ipv6 as u16);
    /// ARP.
    pub const ARP: Self = Self(Known::Arp as u16);
    /// EAP over LAN (IEEE 802.1X).
    pub const EAPOL: Self = Self(0x888e_u16.to_be());
    /// IEEE 802.11 pre-authentication: 802.1X of a station that is about to roam.
    pub const PREAUTH: Self = Self(0x88c7_u16.to_be());
    /// Link Layer Discovery Protocol (IEEE 802.1AB).
    pub const LLDP: Self = Self(0x88cc_u16.to_be());

    const VLAN: Self = Self(Known::Ieee8021q as u16);
    const SERVICE_VLAN: Self = Self(Known::Ieee8021ad as u16);

    /// As it lies in memory.
    #[inline(always)]
    pub(crate) const fn number(self) -> u16 {
        self.0
    }

    const fn is_tag(self) -> bool {
        self.0 == Self::VLAN.0 || self.0 == Self::SERVICE_VLAN.0
    }
}

/// What follows the Ethernet header and its tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ethernet {
    /// What the payload is.
    pub ethertype: EtherType,
    /// Where it starts.
    pub payload: usize,
}

impl Ethernet {
    /// Where the EtherType is, right before the payload.
    #[inline(always)]
    pub const fn ethertype_at(self) -> usize {
        self.payload.wrapping_sub(size_of::<EtherType>())
    }
}

/// The MAC of the camera that a frame would be from (outbound) or to (inbound). `None` for a
/// frame too short to have one.
#[inline(always)]
pub fn camera_mac<B: Bytes + ?Sized>(bytes: &B, direction: Direction) -> Option<Mac> {
    let at = match direction {
        Direction::Outbound => offset_of!(EthHdr, src_addr),
        Direction::Inbound => offset_of!(EthHdr, dst_addr),
    };
    bytes.words(at).map(Mac::from_words)
}

/// Parses the Ethernet header and skips its tags.
#[inline(always)]
pub fn parse<P: Packet + ?Sized>(packet: &P, unknown: Unknown) -> Parsed<Ethernet> {
    let mut tags = packet.stripped_tags();
    let mut at = forget(offset_of!(EthHdr, ether_type), unknown) & MAX_PAYLOAD;
    // One turn a tag and one for the EtherType behind the last.
    for _ in 0..=MAX_TAGS {
        let [word] = packet.words(at).ok_or(Malformed)?;
        let ethertype = EtherType(word);
        if !ethertype.is_tag() {
            let payload = forget(at + 2, unknown) & MAX_PAYLOAD;
            return Ok(Ethernet { ethertype, payload });
        }
        tags += 1;
        if tags > MAX_TAGS {
            break;
        }
        at = forget(at + VlanHdr::LEN, unknown) & MAX_PAYLOAD;
    }
    Err(Malformed)
}
