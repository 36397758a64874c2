//! What a frame tells beside its reason: see [`crate::verifier`] for why most of it is one number.

use network_types::{eth::EthHdr, ip::IpProto};

use crate::{
    packet::MAX_OFFSET,
    verifier::{low8, low16},
    wire::{
        extension::{Protocol, Transport},
        length::Payload,
    },
};

/// Whom a frame is to or from, and what it carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outline {
    /// The parts below. Room is left for a reason.
    pub(super) word: usize,
    /// The peer's address, wire order; IPv4 as in `::ffff:192.0.2.1`. Zero if it was not read.
    pub(crate) peer: [u64; 2],
}

impl Outline {
    /// Of a frame whose headers were not read: no more than its Ethernet header is known.
    pub(super) const UNREAD: Self =
        Self { word: IpProto::Reserved as usize | EthHdr::LEN << Self::AT, peer: [0; 2] };

    /// Where the index of a reason goes, and its bits: right above the protocol, as in a
    /// [`FlowKey`](crate::flow::FlowKey).
    pub(super) const REASON: u32 = 8;
    pub(super) const REASON_MASK: usize = 0x1f;
    const LATER: usize = 1 << 13;
    const READ: usize = 1 << 14;
    const AT: u32 = 16;
    const PORT: u32 = 48;

    /// Of a packet whose peer has an address and a port, or the type and code of ICMP.
    #[inline(always)]
    pub(super) fn new(peer: [u64; 2], port: u16, transport: &Transport) -> Self {
        let later = if transport.fragment.is_later() { Self::LATER } else { 0 };
        let protocol = usize::from(transport.protocol.0);
        let places = transport.at << Self::AT | usize::from(port) << Self::PORT;
        Self { word: protocol | places | later | Self::READ, peer }
    }

    /// Whether it was read as far as the peer's address.
    #[inline(always)]
    pub(crate) const fn is_read(self) -> bool {
        self.word & Self::READ != 0
    }

    /// The peer's port, or the type and code of ICMP; 0 if it is not known.
    #[inline(always)]
    pub(crate) const fn port(self) -> u16 {
        low16(self.word >> Self::PORT)
    }

    /// The protocol's number, and the index of the reason above it.
    #[inline(always)]
    pub(crate) const fn protocol_and_reason(self) -> u16 {
        low16(self.word & (Self::REASON_MASK << Self::REASON | 0xff))
    }

    /// What it carries.
    #[inline(always)]
    pub(super) const fn payload(self) -> Payload {
        Payload {
            protocol: Protocol(low8(self.word)),
            at: self.word >> Self::AT & MAX_OFFSET,
            is_later: self.word & Self::LATER != 0,
        }
    }
}
const _: () = assert!(Outline::REASON_MASK << Outline::REASON < Outline::LATER);
const _: () = assert!(MAX_OFFSET << Outline::AT < 1 << Outline::PORT);
