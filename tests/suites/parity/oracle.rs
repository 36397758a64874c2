//! A second opinion on addresses, from another dissector and another notion of networks.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use camfence_common::reason::{
    Direction,
    Reason::{self, Inbound, Local, NotLocal, OnLink},
};
use etherparse::{LaxPacketHeaders, NetHeaders};
use ipnet::IpNet;

/// Whether a reason fits the frame's address. Reasons that say nothing of it always do.
pub(crate) fn fits(direction: Direction, reason: Reason, local: &[IpNet], frame: &[u8]) -> bool {
    if !matches!(reason, OnLink | Local | NotLocal | Inbound) {
        return true;
    }
    let Some(address) = address(direction, frame) else { return false };
    let outside = match direction {
        Direction::Outbound => NotLocal,
        Direction::Inbound => Inbound,
    };
    let expected = if stays_on_link(direction, address) {
        OnLink
    } else if local.iter().any(|net| net.contains(&address)) {
        Local
    } else {
        outside
    };
    reason == expected
}

/// The address that is judged.
fn address(direction: Direction, frame: &[u8]) -> Option<IpAddr> {
    let (from, to): (IpAddr, IpAddr) = match LaxPacketHeaders::from_ethernet(frame).ok()?.net? {
        NetHeaders::Ipv4(ip, _) => (ip.source.into(), ip.destination.into()),
        NetHeaders::Ipv6(ip, _) => (ip.source.into(), ip.destination.into()),
        NetHeaders::Arp(_) => return None,
    };
    Some(match direction {
        Direction::Outbound => to,
        Direction::Inbound => from,
    })
}

fn stays_on_link(direction: Direction, address: IpAddr) -> bool {
    let group = direction == Direction::Outbound
        && match address {
            IpAddr::V4(ip) => is_group4(ip),
            IpAddr::V6(ip) => is_group6(ip),
        };
    group
        || match address {
            IpAddr::V4(ip) => ip.is_link_local(),
            IpAddr::V6(ip) => ip.is_unicast_link_local(),
        }
}

fn is_group4(ip: Ipv4Addr) -> bool {
    ip.is_broadcast() || matches!(ip.octets(), [224, 0, 0, _] | [239, ..])
}

fn is_group6(ip: Ipv6Addr) -> bool {
    const ORGANIZATION: u8 = 8;
    ip.is_multicast() && ip.octets()[1] & 0xf <= ORGANIZATION
}
