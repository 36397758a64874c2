//! IPv6 neighbour and router discovery (RFC 4861).

use super::{Malformed, Parsed, extension::Transport, ipv6};
use crate::packet::Packet;

/// `ICMPv6` types.
pub const ROUTER_ADVERTISEMENT: u8 = 134;
/// Who has an address?
pub const SOLICITATION: u8 = 135;
/// An address is mine.
pub const ADVERTISEMENT: u8 = 136;
/// There is a better way to a destination.
pub const REDIRECT: u8 = 137;

/// Where a solicitation's and an advertisement's target is, and how long.
const TARGET: usize = 8;
const TARGET_LEN: usize = 16;

/// The target of a solicitation or an advertisement, wire order.
#[inline(always)]
pub fn target<P: Packet + ?Sized>(packet: &P, icmp: &Transport) -> Parsed<[u64; 2]> {
    let at = icmp.at + TARGET;
    if at + TARGET_LEN > icmp.end {
        return Err(Malformed);
    }
    ipv6::address(packet, at)
}
