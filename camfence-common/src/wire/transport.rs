//! The first numbers of what a packet carries: TCP (RFC 9293), UDP (RFC 768), ICMP (RFC 792) and
//! `ICMPv6` (RFC 4443).

use network_types::{icmp::Icmpv4Hdr, tcp::TcpHdr, udp::UdpHdr};

use super::{
    Malformed, Parsed,
    extension::{Family, Protocol, Transport},
};
use crate::{
    packet::Packet,
    verifier::{Unknown, forget, low16},
};

/// Bytes that every `ICMPv6` message has.
const ICMPV6_LEN: usize = 4;

/// The first two 16-bit numbers, in the machine's byte order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbers {
    /// TCP and UDP: the source port. ICMP: type and code.
    pub first: u16,
    /// TCP and UDP: the destination port.
    pub second: u16,
}

impl Numbers {
    /// Has them settled; see [`crate::verifier`].
    #[inline(always)]
    #[must_use]
    pub fn settle(self, unknown: Unknown) -> Self {
        let both = forget(usize::from(self.first) | usize::from(self.second) << 16, unknown);
        Self { first: low16(both), second: low16(both >> 16) }
    }

    /// The type of an ICMP or `ICMPv6` message.
    pub const fn icmp_type(self) -> u8 {
        self.first.to_be_bytes()[0]
    }
}

/// Parses the header. `None` of a later fragment, which has none, and of protocols that nothing is
/// asked of. A header that the packet, by its IP header's word, has not whole is malformed: what
/// lies behind the packet's end is nobody's.
#[inline(always)]
pub fn parse<P: Packet + ?Sized>(
    packet: &P,
    family: Family,
    transport: &Transport,
) -> Parsed<Option<Numbers>> {
    let len = len(family, transport.protocol);
    if transport.fragment.is_later() || len == 0 {
        return Ok(None);
    }
    if transport.at + len > transport.end {
        return Err(Malformed);
    }
    let [first, second] = packet.words(transport.at).ok_or(Malformed)?.map(u16::from_be);
    Ok(Some(Numbers { first, second }))
}

/// Bytes of a protocol's header; zero for those that nothing is asked of.
#[inline(always)]
const fn len(family: Family, protocol: Protocol) -> usize {
    match (protocol, family) {
        (Protocol::TCP, _) => TcpHdr::LEN,
        (Protocol::UDP, _) => UdpHdr::LEN,
        (Protocol::ICMP, Family::Ipv4) => Icmpv4Hdr::LEN,
        (Protocol::ICMPV6, Family::Ipv6) => ICMPV6_LEN,
        _ => 0,
    }
}
