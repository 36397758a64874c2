//! The chain of headers between an IP header and what the packet carries: IPv6 extension headers
//! (RFC 8200 §4) and the authentication header (RFC 4302), which IPv4 has too.

use network_types::ip::IpProto;

use super::{Malformed, Parsed};
use crate::{
    packet::{MAX_OFFSET, Packet},
    verifier::{Unknown, forget, low8, low16},
};

/// Extension headers that are walked. RFC 8200 §4.1 recommends an order of at most six before
/// the payload; a longer chain is malformed.
pub const MAX_EXTENSIONS: usize = 6;

/// A protocol or next-header number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Protocol(pub u8);

impl Protocol {
    /// TCP.
    pub const TCP: Self = Self(IpProto::Tcp as u8);
    /// UDP.
    pub const UDP: Self = Self(IpProto::Udp as u8);
    /// IGMP.
    pub const IGMP: Self = Self(IpProto::Igmp as u8);
    /// ICMP, of IPv4.
    pub const ICMP: Self = Self(IpProto::Icmp as u8);
    /// `ICMPv6`.
    pub const ICMPV6: Self = Self(IpProto::Ipv6Icmp as u8);

    /// Whether packets of this protocol carry other packets, in clear or not.
    #[inline(always)]
    pub const fn is_tunnel(self) -> bool {
        const IPV4: u8 = IpProto::Ipv4 as u8;
        const IPV6: u8 = IpProto::Ipv6 as u8;
        const GRE: u8 = IpProto::Gre as u8;
        const SDRP: u8 = IpProto::Sdrp as u8;
        const DSR: u8 = IpProto::Dsr as u8;
        const SWIPE: u8 = IpProto::Swipe as u8;
        const SKIP: u8 = IpProto::Skip as u8;
        const PIPE: u8 = IpProto::Pipe as u8;
        const ESP: u8 = IpProto::Esp as u8;
        const MOBILE: u8 = IpProto::Mobile as u8;
        const IPIP: u8 = IpProto::Ipip as u8;
        const ETHERIP: u8 = IpProto::Etherip as u8;
        const ENCAP: u8 = IpProto::Encap as u8;
        const IPCOMP: u8 = IpProto::IpComp as u8;
        const IPX_IN_IP: u8 = IpProto::IpxInIp as u8;
        const L2TP: u8 = IpProto::L2tp as u8;
        const MPLS: u8 = IpProto::Mpls as u8;
        const WESP: u8 = IpProto::Wesp as u8;
        const ROHC: u8 = IpProto::Rohc as u8;
        const ETHERNET: u8 = IpProto::EthernetInIpv4 as u8;
        const AGGFRAG: u8 = IpProto::Aggfrag as u8;
        const INLSP: u8 = IpProto::Inlsp as u8;
        const ISO_IP: u8 = IpProto::IsoIp as u8;
        const AX25: u8 = IpProto::Ax25 as u8;
        const PRIVATE: u8 = IpProto::AnyPrivateEncryptionScheme as u8;
        // A multicast router takes packets out of its register messages (RFC 7761 §4.4).
        const PIM: u8 = IpProto::Pim as u8;
        const UTI: u8 = IpProto::Uti as u8;
        const FIBRE_CHANNEL: u8 = IpProto::Fc as u8;
        // RFC 9491.
        const NSH: u8 = 145;
        matches!(
            self.0,
            IPV4 | IPV6
                | GRE
                | SDRP
                | DSR
                | SWIPE
                | SKIP
                | PIPE
                | ESP
                | MOBILE
                | IPIP
                | ETHERIP
                | ENCAP
                | IPCOMP
                | IPX_IN_IP
                | L2TP
                | MPLS
                | WESP
                | ROHC
                | ETHERNET
                | AGGFRAG
                | INLSP
                | ISO_IP
                | AX25
                | PRIVATE
                | PIM
                | UTI
                | FIBRE_CHANNEL
                | NSH
        )
    }
}

/// Which headers can follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Only authentication headers.
    Ipv4 = 0,
    /// All extension headers.
    Ipv6 = 1,
}

/// Which part of a fragmented packet this is: where it belongs, in units of eight bytes, and
/// whether more follow, as the IPv6 fragment header has them in one number (RFC 8200 §4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fragment(u16);

impl Fragment {
    /// All of a packet.
    pub const WHOLE: Self = Self(0);
    const MORE: u16 = 1;
    const OFFSET: u16 = !7;

    /// From the fragment offset, in units of eight bytes, and whether more follow.
    #[inline(always)]
    pub const fn new(offset: u16, more: bool) -> Self {
        Self(offset << 3 | more as u16)
    }

    /// Has it settled; see [`crate::verifier`].
    #[inline(always)]
    pub(super) fn settle(self, unknown: Unknown) -> Self {
        Self(low16(forget(usize::from(self.0), unknown)))
    }

    /// What a fragment of a fragment is.
    #[inline(always)]
    const fn and(self, word: u16) -> Self {
        Self(self.0 | word & (Self::OFFSET | Self::MORE))
    }

    /// Whether this is all of a packet.
    #[inline(always)]
    pub const fn is_whole(self) -> bool {
        self.0 == 0
    }

    /// Whether this is a part behind others: nothing but payload follows.
    #[inline(always)]
    pub const fn is_later(self) -> bool {
        self.0 & Self::OFFSET != 0
    }
}

/// What a packet carries, behind all extension headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transport {
    /// Its protocol. Of a later fragment, what the headers before the cut say.
    pub protocol: Protocol,
    /// Where it starts.
    pub at: usize,
    /// Whether a routing header was met; the walk ends there.
    pub routing: bool,
    /// Whether its header is here.
    pub fragment: Fragment,
    /// Where the packet ends, as its IP header tells.
    pub end: usize,
}

impl Transport {
    /// Has what was found settled; see [`crate::verifier`].
    #[inline(always)]
    #[must_use]
    pub(crate) fn settle(self, unknown: Unknown) -> Self {
        const AT: u32 = 8;
        const ROUTING: u32 = 20;
        const FRAGMENT: u32 = 24;
        let found = forget(
            usize::from(self.protocol.0)
                | self.at << AT
                | usize::from(self.routing) << ROUTING
                | usize::from(self.fragment.0) << FRAGMENT,
            unknown,
        );
        Self {
            protocol: Protocol(low8(found)),
            at: found >> AT & MAX_OFFSET,
            routing: found >> ROUTING & 1 != 0,
            fragment: Fragment(low16(found >> FRAGMENT)),
            end: self.end,
        }
    }
}

const HOP_BY_HOP: u8 = IpProto::HopOpt as u8;
const ROUTING: u8 = IpProto::Ipv6Route as u8;
const FRAGMENT: u8 = IpProto::Ipv6Frag as u8;
const AUTHENTICATION: u8 = IpProto::Ah as u8;
const DESTINATION: u8 = IpProto::Ipv6Opts as u8;
const MOBILITY: u8 = IpProto::MobilityHeader as u8;
const HIP: u8 = IpProto::Hip as u8;
const SHIM6: u8 = IpProto::Shim6 as u8;

/// Bytes of the fragment header.
const FRAGMENT_LEN: usize = 8;

/// Where headers end that start at `start` and fill `len` bytes with what they carry. An aggregate
/// may say zero and mean all there is. A frame that is shorter than it says is malformed.
#[inline(always)]
pub fn end<P: Packet + ?Sized>(
    packet: &P,
    start: usize,
    len: usize,
    unknown: Unknown,
) -> Parsed<usize> {
    let end = if len == 0 && packet.is_aggregate() { packet.wire_len() } else { start + len };
    if end > packet.wire_len() {
        return Err(Malformed);
    }
    Ok(forget(end, unknown))
}

/// Walks from the header `next` at `at` to what the packet carries; the packet ends at `end`.
#[inline(always)]
pub fn walk<P: Packet + ?Sized>(
    packet: &P,
    family: Family,
    next: u8,
    at: usize,
    end: usize,
    fragment: Fragment,
    unknown: Unknown,
) -> Parsed<Transport> {
    let mut header = Header { next, at, fragment };
    for position in 0..=MAX_EXTENSIONS {
        let routing = family == Family::Ipv6 && header.next == ROUTING;
        if routing || header.fragment.is_later() || !is_extension(family, header.next) {
            // Headers only go on, so that the last one's place says where all of them are.
            if header.at > end {
                return Err(Malformed);
            }
            return Ok(Transport {
                protocol: Protocol(header.next),
                at: header.at,
                routing,
                fragment: header.fragment,
                end,
            }
            .settle(unknown));
        }
        // Hop-by-hop options stand first or nowhere (RFC 8200 §4.1).
        if header.next == HOP_BY_HOP && position > 0 {
            break;
        }
        header = header.skip(packet, unknown)?;
    }
    Err(Malformed)
}

#[inline(always)]
const fn is_extension(family: Family, next: u8) -> bool {
    match family {
        Family::Ipv4 => next == AUTHENTICATION,
        Family::Ipv6 => matches!(
            next,
            HOP_BY_HOP | FRAGMENT | AUTHENTICATION | DESTINATION | MOBILITY | HIP | SHIM6
        ),
    }
}

/// Where the walk is.
struct Header {
    next: u8,
    at: usize,
    fragment: Fragment,
}

impl Header {
    /// Steps over one extension header.
    #[inline(always)]
    fn skip<P: Packet + ?Sized>(self, packet: &P, unknown: Unknown) -> Parsed<Self> {
        let [word] = packet.words(self.at).ok_or(Malformed)?;
        let [next, len] = word.to_ne_bytes();
        let len = usize::from(len);
        let mut fragment = self.fragment;
        let bytes = match self.next {
            FRAGMENT => {
                let word = packet.be16(self.at + 2).ok_or(Malformed)?;
                fragment = fragment.and(word);
                FRAGMENT_LEN
            }
            // In 32-bit words less two (RFC 4302 §2.2); the others in 64-bit words less one.
            AUTHENTICATION => (len + 2) * 4,
            _ => (len + 1) * 8,
        };
        let at = self.at + bytes;
        if at > MAX_OFFSET {
            return Err(Malformed);
        }
        Ok(Self { next, at: forget(at, unknown) & MAX_OFFSET, fragment: fragment.settle(unknown) })
    }
}
