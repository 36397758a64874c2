//! What a frame tells beside its verdict, in one number: see [`crate::verifier`].

use network_types::{eth::EthHdr, ip::IpProto};

use crate::{
    packet::MAX_OFFSET,
    verifier::{Unknown, forget, low8, low16},
    wire::{
        extension::{Family, Protocol, Transport},
        length::Payload,
    },
};

/// Whom a frame is to or from, and what it carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outline(pub(super) usize);

impl Outline {
    /// Of a frame whose headers were not read: no more than its Ethernet header is known.
    pub(super) const UNREAD: Self =
        Self((IpProto::Reserved as usize) << Self::PROTOCOL | EthHdr::LEN << Self::AT);

    const PROTOCOL: u32 = 16;
    const IPV4: usize = 1 << 24;
    const IPV6: usize = 1 << 25;
    const PEER: u32 = 26;
    /// Where a peer's address can start at most, as a mask.
    pub(super) const LAST_PEER: usize = 0x3f;
    const AT: u32 = 32;
    const LATER: usize = 1 << 41;
    /// Bits that it has.
    pub(super) const BITS: u32 = 42;

    /// Of a packet whose peer's address is at `peer` and has a port, or the type and code of ICMP.
    #[inline(always)]
    pub(super) fn new(
        family: Family,
        peer: usize,
        port: u16,
        transport: &Transport,
        unknown: Unknown,
    ) -> Self {
        let family = match family {
            Family::Ipv4 => Self::IPV4,
            Family::Ipv6 => Self::IPV6,
        };
        let later = if transport.fragment.is_later() { Self::LATER } else { 0 };
        let protocol = usize::from(transport.protocol.0) << Self::PROTOCOL;
        let places = peer << Self::PEER | transport.at << Self::AT;
        Self(forget(usize::from(port) | protocol | family | places | later, unknown))
    }

    /// The family of the peer's address, and where that is; none if it was not read.
    #[inline(always)]
    pub(crate) const fn peer(self) -> Option<(Family, usize)> {
        let at = self.0 >> Self::PEER & Self::LAST_PEER;
        if self.0 & Self::IPV4 != 0 {
            Some((Family::Ipv4, at))
        } else if self.0 & Self::IPV6 != 0 {
            Some((Family::Ipv6, at))
        } else {
            None
        }
    }

    /// The peer's port, or the type and code of ICMP; 0 if it is not known.
    #[inline(always)]
    pub(crate) const fn port(self) -> u16 {
        low16(self.0)
    }

    /// The protocol's number.
    #[inline(always)]
    pub(crate) const fn protocol(self) -> u8 {
        low8(self.0 >> Self::PROTOCOL)
    }

    /// What it carries.
    #[inline(always)]
    pub(super) const fn payload(self) -> Payload {
        Payload {
            protocol: Protocol(self.protocol()),
            at: self.0 >> Self::AT & MAX_OFFSET,
            is_later: self.0 & Self::LATER != 0,
        }
    }
}
const _: () = assert!(MAX_OFFSET << Outline::AT < Outline::LATER);
const _: () = assert!(Outline::LATER < 1 << Outline::BITS);
