//! ICMP, and ICMPv6 with neighbour discovery.

use std::net::{Ipv4Addr, Ipv6Addr};

use etherparse::icmpv6::{NeighborAdvertisementHeader, RouterAdvertisementHeader};
use etherparse::{IcmpEchoHeader, Icmpv4Type, Icmpv6Type};

use super::Frame;
use super::ip::Net;
use super::transport::Transport;
use crate::addr::{Literal, Mac};

/// Neighbour discovery options: somebody's link-layer address.
const SOURCE_ADDRESS: u8 = 1;
const TARGET_ADDRESS: u8 = 2;

impl Frame {
    /// An echo request, of ICMP or ICMPv6.
    #[track_caller]
    pub fn ping(self) -> Self {
        let echo = IcmpEchoHeader { id: 1, seq: 1 };
        self.echo(Icmpv4Type::EchoRequest(echo), Icmpv6Type::EchoRequest(echo))
    }

    /// An echo reply, of ICMP or ICMPv6.
    #[track_caller]
    pub fn pong(self) -> Self {
        let echo = IcmpEchoHeader { id: 1, seq: 1 };
        self.echo(Icmpv4Type::EchoReply(echo), Icmpv6Type::EchoReply(echo))
    }

    #[track_caller]
    fn echo(mut self, v4: Icmpv4Type, v6: Icmpv6Type) -> Self {
        self.transport = match self.net {
            Some(Net::V4(_)) => Transport::Icmpv4(v4),
            Some(Net::V6(_)) => Transport::Icmpv6(v6),
            None => panic!("a ping goes over IP: say ipv4 or ipv6 before"),
        };
        self
    }

    /// An ICMP message of any type and code; what follows its first eight bytes is the payload.
    #[track_caller]
    pub fn icmp(mut self, type_u8: u8, code_u8: u8) -> Self {
        let bytes5to8 = [0; 4];
        self.transport = match self.net {
            Some(Net::V6(_)) => {
                Transport::Icmpv6(Icmpv6Type::Unknown { type_u8, code_u8, bytes5to8 })
            }
            _ => Transport::Icmpv4(Icmpv4Type::Unknown { type_u8, code_u8, bytes5to8 }),
        };
        self
    }

    /// Tells a host to reach the destination of `about` through `gateway` (ICMP redirect).
    #[track_caller]
    pub fn redirect(mut self, gateway: impl Literal<Ipv4Addr>, about: &Self) -> Self {
        const REDIRECT: u8 = 5;
        const FOR_HOST: u8 = 1;
        self.transport = Transport::Icmpv4(Icmpv4Type::Unknown {
            type_u8: REDIRECT,
            code_u8: FOR_HOST,
            bytes5to8: gateway.value().octets(),
        });
        let mut quoted = about.packet();
        quoted.truncate(20 + 8);
        self.payload(quoted)
    }

    /// Asks the solicited-node group of `target` who has it.
    pub fn neighbor_solicitation(
        self,
        source: impl Literal<Ipv6Addr>,
        target: impl Literal<Ipv6Addr>,
    ) -> Self {
        let (source, target, mac) = (source.value(), target.value(), self.source);
        let mut payload = target.octets().to_vec();
        if !source.is_unspecified() {
            payload.extend(link_address(SOURCE_ADDRESS, mac));
        }
        self.ipv6(source, solicited_node(target))
            .discovery(Icmpv6Type::NeighborSolicitation, payload)
    }

    /// Asks whether `target` is free: duplicate address detection.
    pub fn dad_probe(self, target: impl Literal<Ipv6Addr>) -> Self {
        self.neighbor_solicitation(Ipv6Addr::UNSPECIFIED, target)
    }

    /// Tells `destination` that `target` is at the frame's source.
    pub fn neighbor_advertisement(
        self,
        source: impl Literal<Ipv6Addr>,
        destination: impl Literal<Ipv6Addr>,
        target: impl Literal<Ipv6Addr>,
    ) -> Self {
        let destination = destination.value();
        let header = NeighborAdvertisementHeader {
            router: false,
            solicited: !destination.is_multicast(),
            r#override: true,
        };
        let mut payload = target.value().octets().to_vec();
        payload.extend(link_address(TARGET_ADDRESS, self.source));
        self.ipv6(source.value(), destination)
            .discovery(Icmpv6Type::NeighborAdvertisement(header), payload)
    }

    /// Asks all routers to advertise themselves.
    pub fn router_solicitation(self, source: impl Literal<Ipv6Addr>) -> Self {
        let option = link_address(SOURCE_ADDRESS, self.source);
        self.ipv6(source.value(), "ff02::2").discovery(Icmpv6Type::RouterSolicitation, option)
    }

    /// Advertises oneself to all nodes as a router.
    pub fn router_advertisement(self, source: impl Literal<Ipv6Addr>) -> Self {
        self.router_advertisement_to(source, "ff02::1")
    }

    /// Advertises oneself to `destination` as a router.
    pub fn router_advertisement_to(
        self,
        source: impl Literal<Ipv6Addr>,
        destination: impl Literal<Ipv6Addr>,
    ) -> Self {
        let header = RouterAdvertisementHeader {
            cur_hop_limit: 64,
            managed_address_config: false,
            other_config: false,
            router_lifetime: 1800,
        };
        let unspecified_timers = [0; 8];
        let mut payload = unspecified_timers.to_vec();
        payload.extend(link_address(SOURCE_ADDRESS, self.source));
        self.ipv6(source.value(), destination.value())
            .discovery(Icmpv6Type::RouterAdvertisement(header), payload)
    }

    /// Tells the receiver of an IPv6 packet, set by [`Frame::ipv6`], to reach `destination`
    /// through `target` (RFC 4861, redirect).
    #[track_caller]
    pub fn nd_redirect(
        self,
        target: impl Literal<Ipv6Addr>,
        destination: impl Literal<Ipv6Addr>,
    ) -> Self {
        let payload = [target.value().octets(), destination.value().octets()].concat();
        self.discovery(Icmpv6Type::Redirect, payload)
    }

    #[track_caller]
    fn discovery(mut self, kind: Icmpv6Type, payload: impl AsRef<[u8]>) -> Self {
        self.transport = Transport::Icmpv6(kind);
        self.for_discovery().payload(payload)
    }
}

fn link_address(option: u8, mac: Mac) -> Vec<u8> {
    const ONE_UNIT_OF_EIGHT: u8 = 1;
    [&[option, ONE_UNIT_OF_EIGHT], mac.0.as_slice()].concat()
}

/// The group of all nodes that may have this address (RFC 4291).
fn solicited_node(target: Ipv6Addr) -> Ipv6Addr {
    let [.., high, low] = target.segments();
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | high & 0xff, low)
}
