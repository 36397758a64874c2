//! Packets in packets.

use etherparse::{EtherType, IpNumber};

use super::Frame;

impl Frame {
    /// The IP packet of `inner` in this one: protocol 4 (IPv4) or 41 (IPv6).
    pub fn ip_in_ip(self, inner: &Self) -> Self {
        let number = if inner.carries_ipv6() { IpNumber::IPV6 } else { IpNumber::IPV4 };
        self.protocol(number.0).payload(inner.packet())
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
}
