//! Packets in packets.

use etherparse::{EtherType, IpNumber};

use super::{Extension, Frame};

impl Frame {
    /// The IP packet of `inner` in this one: protocol 4 (IPv4) or 41 (IPv6).
    pub fn ip_in_ip(self, inner: &Self) -> Self {
        self.protocol(inner.ip_number().0).payload(inner.packet())
    }

    /// The IP packet of `inner` in GRE (RFC 2784).
    pub fn gre(self, inner: &Self) -> Self {
        const NO_FLAGS: [u8; 2] = [0, 0];
        let kind = if inner.carries_ipv6() { EtherType::IPV6 } else { EtherType::IPV4 };
        let header = [NO_FLAGS, kind.0.to_be_bytes()].concat();
        self.protocol(IpNumber::GRE.0).payload([header, inner.packet()].concat())
    }

    /// The whole frame of `inner` in EtherIP (RFC 3378).
    pub fn etherip(self, inner: &Self) -> Self {
        const VERSION_3: [u8; 2] = [0x30, 0];
        self.protocol(IpNumber::ETHER_IP.0).payload([&VERSION_3, inner.build().as_slice()].concat())
    }

    /// The packet of `inner` behind any other protocol number that tunnels: 94 (IPIP),
    /// 98 (ENCAP), 115 (L2TP), 137 (MPLS-in-IP), …
    pub fn tunnel(self, number: u8, inner: &Self) -> Self {
        self.protocol(number).payload(inner.packet())
    }

    /// The whole frame of `inner` in GRE, as bridges over GRE have it.
    pub fn gre_bridge(self, inner: &Self) -> Self {
        const NO_FLAGS: [u8; 2] = [0, 0];
        const ETHERNET: [u8; 2] = [0x65, 0x58];
        let header = [NO_FLAGS, ETHERNET].concat();
        self.protocol(IpNumber::GRE.0).payload([header, inner.build()].concat())
    }

    /// The packet of `inner` as ESP has it (RFC 4303): behind an index and a number, before its
    /// trailer, and here in clear.
    pub fn esp(self, inner: &Self) -> Self {
        const INDEX_AND_NUMBER: [u8; 8] = [0, 0, 1, 0, 0, 0, 0, 1];
        const PADDING: u8 = 0;
        let next = inner.ip_number().0;
        let packet = inner.packet();
        let payload = [INDEX_AND_NUMBER.as_slice(), &packet, &[PADDING, next]].concat();
        self.protocol(IpNumber::ENCAPSULATING_SECURITY_PAYLOAD.0).payload(payload)
    }

    /// The packet of `inner` behind an authentication header of IPv4 (RFC 4302, tunnel mode).
    pub fn authenticated(self, inner: &Self) -> Self {
        let header = Extension::Authentication.bytes(inner.ip_number());
        let payload = [header, inner.packet()].concat();
        self.protocol(IpNumber::AUTHENTICATION_HEADER.0).payload(payload)
    }

    /// The whole frame of `inner` in `L2TPv3` over IP (RFC 3931).
    pub fn l2tpv3(self, inner: &Self) -> Self {
        const SESSION: [u8; 4] = [0, 0, 0, 1];
        const L2TP: u8 = 115;
        self.protocol(L2TP).payload([&SESSION, inner.build().as_slice()].concat())
    }

    /// The whole frame of `inner` in VXLAN (RFC 7348).
    pub fn vxlan(self, inner: &Self) -> Self {
        const PORT: u16 = 4789;
        const NETWORK_1: [u8; 8] = [8, 0, 0, 0, 0, 0, 1, 0];
        self.udp(50_000, PORT).payload([&NETWORK_1, inner.build().as_slice()].concat())
    }

    /// The IPv6 packet of `inner` in UDP, as Teredo has it (RFC 4380).
    pub fn teredo(self, inner: &Self) -> Self {
        const PORT: u16 = 3544;
        self.udp(50_000, PORT).payload(inner.packet())
    }

    fn ip_number(&self) -> IpNumber {
        if self.carries_ipv6() { IpNumber::IPV6 } else { IpNumber::IPV4 }
    }
}
