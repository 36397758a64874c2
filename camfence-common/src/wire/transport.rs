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

/// What a header begins with: two 16-bit numbers, in the machine's byte order. They are zero, which no
/// rule is about, if the header is not here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbers(usize);

impl Numbers {
    const KNOWN: usize = 1 << 32;
    const MALFORMED: usize = 1 << 33;

    #[inline(always)]
    pub(crate) const fn new(first: u16, second: u16) -> Self {
        Self(Self::KNOWN | first as usize | (second as usize) << 16)
    }

    /// TCP and UDP: the source port. ICMP: type and code.
    #[inline(always)]
    pub const fn first(self) -> u16 {
        low16(self.0)
    }

    /// TCP and UDP: the destination port.
    #[inline(always)]
    pub const fn second(self) -> u16 {
        low16(self.0 >> 16)
    }

    /// The type of an ICMP or `ICMPv6` message.
    #[inline(always)]
    pub const fn icmp_type(self) -> u8 {
        self.first().to_be_bytes()[0]
    }

    /// Whether the header is here: not of a later fragment, nor of protocols that nothing is asked of.
    #[inline(always)]
    pub const fn are_known(self) -> bool {
        self.0 & Self::KNOWN != 0
    }

    /// Whether the packet, by its IP header's word, has not all of the header: what lies behind the
    /// packet's end is nobody's.
    #[inline(always)]
    pub const fn are_malformed(self) -> bool {
        self.0 & Self::MALFORMED != 0
    }
}

/// Parses the header. What is found is settled (see [`crate::verifier`]), and so one number: of an
/// `Option` or a `Result` LLVM would go on with what is in a register where there is nothing.
#[inline(always)]
pub fn parse<P: Packet + ?Sized>(
    packet: &P,
    family: Family,
    transport: &Transport,
    unknown: Unknown,
) -> Numbers {
    let Numbers(found) = match read(packet, family, transport) {
        Ok(Some([first, second])) => Numbers::new(first, second),
        Ok(None) => Numbers(0),
        Err(Malformed) => Numbers(Numbers::MALFORMED),
    };
    Numbers(forget(found, unknown))
}

#[inline(always)]
fn read<P: Packet + ?Sized>(
    packet: &P,
    family: Family,
    transport: &Transport,
) -> Parsed<Option<[u16; 2]>> {
    let len = len(family, transport.protocol);
    if transport.fragment.is_later() || len == 0 {
        return Ok(None);
    }
    if transport.at + len > transport.end {
        return Err(Malformed);
    }
    Ok(Some(packet.words(transport.at).ok_or(Malformed)?.map(u16::from_be)))
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
