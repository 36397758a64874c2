//! The ledger's shapes: whom a camera's packets go to and come from, and how many.
//!
//! A [`Flow`] is what was counted under a [`FlowKey`]. A program counts in a small table of its CPU
//! first, [`Recent`], whose places are found by [`FlowKey::place`].

use core::net::{IpAddr, Ipv6Addr};

use bytemuck::{Pod, Zeroable};

use crate::{
    abi::Tally,
    mac::Mac,
    packet::Bytes,
    reason::{Direction, Reason},
    verdict::Verdict,
    wire::ethernet::camera_mac,
};

/// Places for recent flows on each CPU.
pub const RECENT_FLOWS: u32 = 1_024;

/// Bits of a hash that are not the number of a place.
const HASH_REST: u32 = 54;
const _: () = assert!(1 << (u64::BITS - HASH_REST) == RECENT_FLOWS);

/// Odd numbers without a pattern, one for each word of a key.
const FACTORS: [u64; 4] =
    [0x9e37_79b9_7f4a_7c15, 0xbf58_476d_1ce4_e5b9, 0x94d0_49bb_1331_11eb, 0xd6e8_feb8_6659_fd93];

/// What packets have in common that are counted together.
///
/// Whole words, so that programs write, hash and compare it as such.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Pod, Zeroable)]
#[repr(C)]
pub struct FlowKey {
    /// The peer's address, wire order; IPv4 as in `::ffff:192.0.2.1`.
    peer: [u64; 2],
    /// The camera's MAC, and in the upper 16 bits the port.
    camera: u64,
    /// The protocol, and above it the direction in the highest bit and the reason's index.
    what: u64,
}

/// What was counted of a flow. Times are nanoseconds since boot, suspension left out
/// (`CLOCK_MONOTONIC`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Pod, Zeroable)]
#[repr(C)]
pub struct Flow {
    /// When its first packet came.
    pub first: u64,
    /// When its last packet came.
    pub last: u64,
    /// Its frames and bytes.
    pub tally: Tally,
}

/// A place for a recent flow.
///
/// Only programs of its CPU write it; others copy it from its beginning to its end. When another
/// flow takes the place, [`begun`](Self::begun) is raised first and [`finished`](Self::finished)
/// last, so that a copy is of one flow if they are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Pod, Zeroable)]
#[repr(C)]
pub struct Recent {
    /// How many flows have taken the place.
    pub finished: u64,
    /// Which flow it is. Nothing was counted for a place that was never taken.
    pub key: FlowKey,
    /// What was counted since it took the place.
    pub flow: Flow,
    /// How many flows began to take the place.
    pub begun: u64,
}

/// What was put in the map of flows, on one CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Pod, Zeroable)]
#[repr(C)]
pub struct Flushed {
    /// Entries made. Those that are not there any more were evicted.
    pub entries: u64,
    /// What was counted for entries, made or found.
    pub tally: Tally,
    /// What was counted for flows that no entry could be made for.
    pub lost: Tally,
}

/// What the ledger does not have any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Pod, Zeroable)]
#[repr(C)]
pub struct Missing {
    /// Entries that made way for others.
    pub entries: u64,
    /// What they had counted.
    pub evicted: Tally,
    /// What was never in an entry.
    pub lost: Tally,
}

impl FlowKey {
    const INBOUND: u64 = 0x80;
    /// Where the port is, and where direction and reason are.
    const PORT: u32 = 48;
    const REASON: u32 = 8;

    /// The flow that a frame belongs to; none if its IP header was not read.
    #[inline(always)]
    pub fn of<B: Bytes + ?Sized>(
        direction: Direction,
        bytes: &B,
        verdict: Verdict,
    ) -> Option<Self> {
        let outline = verdict.outline();
        if !outline.is_read() {
            return None;
        }
        let mac = camera_mac(bytes, direction)?;
        let what = outline.protocol_and_reason();
        Some(Self::of_parts(outline.peer, mac, outline.port(), direction, what))
    }

    /// Its place among recent flows.
    #[inline(always)]
    pub fn place(&self) -> u32 {
        let Self { peer: [high, low], camera, what } = *self;
        let products = [high, low, camera, what].into_iter().zip(FACTORS);
        let hash = products
            .fold(0_u64, |hash, (word, factor)| hash.wrapping_add(word.wrapping_mul(factor)));
        (hash >> HASH_REST) as u32
    }

    /// Whether it is the same. Word by word: a comparison of all at once is a call.
    #[inline(always)]
    pub const fn is(&self, other: &Self) -> bool {
        self.peer[0] == other.peer[0]
            && self.peer[1] == other.peer[1]
            && self.camera == other.camera
            && self.what == other.what
    }

    /// The same without the reason: what a contact is.
    #[must_use]
    pub const fn contact(self) -> Self {
        let reason = (Self::INBOUND - 1) << Self::REASON;
        Self { what: self.what & !reason, ..self }
    }

    /// The key of a flow, from what it tells.
    pub fn new(
        mac: Mac,
        direction: Direction,
        peer: IpAddr,
        (protocol, port): (u8, u16),
        reason: Reason,
    ) -> Self {
        let peer = match peer {
            IpAddr::V4(peer) => peer.to_ipv6_mapped(),
            IpAddr::V6(peer) => peer,
        };
        let what = u16::from(protocol) | (reason as u16) << Self::REASON;
        Self::of_parts(bytemuck::cast(peer.octets()), mac, port, direction, what)
    }

    #[inline(always)]
    fn of_parts(
        peer: [u64; 2],
        mac: Mac,
        port: u16,
        direction: Direction,
        protocol_and_reason: u16,
    ) -> Self {
        let inbound = match direction {
            Direction::Outbound => 0,
            Direction::Inbound => Self::INBOUND << Self::REASON,
        };
        let camera = mac.number() | u64::from(port) << Self::PORT;
        Self { peer, camera, what: u64::from(protocol_and_reason) | inbound }
    }

    /// The camera.
    pub const fn mac(&self) -> Mac {
        Mac::from_number(self.camera)
    }

    /// Which way its packets go.
    pub const fn direction(&self) -> Direction {
        let is_outbound = self.what >> Self::REASON & Self::INBOUND == 0;
        if is_outbound { Direction::Outbound } else { Direction::Inbound }
    }

    /// Why they pass or are dropped. None if this version has no such reason.
    pub fn reason(&self) -> Option<Reason> {
        let index = self.what >> Self::REASON & (Self::INBOUND - 1);
        Reason::ALL.get(usize::try_from(index).ok()?).copied()
    }

    /// The peer's address.
    pub fn peer(&self) -> IpAddr {
        let octets: [u8; 16] = bytemuck::cast(self.peer);
        Ipv6Addr::from(octets).to_canonical()
    }

    /// The protocol's number.
    pub const fn protocol(&self) -> u8 {
        self.what.to_le_bytes()[0]
    }

    /// The peer's port. Of ICMP and `ICMPv6` the type, and the code in the lower byte. 0 if it is
    /// not known.
    pub const fn port(&self) -> u16 {
        let [.., low, high] = self.camera.to_le_bytes();
        u16::from_le_bytes([low, high])
    }
}

/// An IPv4 address (wire order) as keys have it.
#[inline(always)]
pub(crate) const fn mapped(address: u32) -> [u64; 2] {
    let [a, b, c, d] = address.to_ne_bytes();
    [0, u64::from_ne_bytes([0, 0, 0xff, 0xff, a, b, c, d])]
}

impl Flow {
    /// Joins with what was counted of the same flow elsewhere or at another time.
    pub fn join(&mut self, other: &Self) {
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.tally.add(other.tally);
    }
}

impl Flushed {
    /// Adds what was put there on another CPU.
    pub const fn add(&mut self, other: &Self) {
        self.entries = self.entries.wrapping_add(other.entries);
        self.tally.add(other.tally);
        self.lost.add(other.lost);
    }
}

impl Missing {
    /// Adds what is missing for another reason.
    pub const fn add(&mut self, other: &Self) {
        self.entries = self.entries.wrapping_add(other.entries);
        self.evicted.add(other.evicted);
        self.lost.add(other.lost);
    }
}

impl Default for FlowKey {
    fn default() -> Self {
        Self::zeroed()
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, vec::Vec};

    use super::*;

    fn key(peer: [u8; 4], port: u16) -> FlowKey {
        let [a, b, c, d] = peer;
        let peer = bytemuck::cast([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d]);
        let mac = Mac([0xb0, 0xc5, 0x54, 0x25, 0x5b, 0x0e]);
        let camera = mac.number() | u64::from(port) << FlowKey::PORT;
        FlowKey { peer, camera, what: 0x11 | (FlowKey::INBOUND | 0x10) << FlowKey::REASON }
    }

    #[test]
    fn a_key_tells_what_was_put_in() {
        let key = key([203, 0, 113, 7], 10_240);
        assert_eq!(key.peer(), IpAddr::from([203, 0, 113, 7]));
        assert_eq!((key.protocol(), key.port()), (17, 10_240));
        assert_eq!((key.direction(), key.reason()), (Direction::Inbound, Some(Reason::Inbound)));
        assert_eq!(key.mac(), Mac([0xb0, 0xc5, 0x54, 0x25, 0x5b, 0x0e]));
        assert_eq!(FlowKey { what: 0x7f << FlowKey::REASON, ..key }.reason(), None);
        let service = (key.protocol(), key.port());
        let again = |peer| FlowKey::new(key.mac(), key.direction(), peer, service, Reason::Inbound);
        assert_eq!(again(key.peer()), key);
        let v6 = IpAddr::from([0xfd, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]);
        assert_eq!(again(v6).peer(), v6);
    }

    #[test]
    fn neighbours_do_not_meet_in_one_place() {
        let places =
            |keys: Vec<FlowKey>| keys.iter().map(FlowKey::place).collect::<BTreeSet<u32>>().len();
        assert_eq!(places((0..=255).map(|host| key([203, 0, 113, host], 443)).collect()), 256);
        assert!(places((0..256).map(|port| key([203, 0, 113, 7], port)).collect()) > 200);
        let mixed = |n: u8| key([n.wrapping_mul(37), n, n.reverse_bits(), 9], u16::from(n) * 251);
        assert!(places((0..=255).map(mixed).collect()) > 200);
    }

    #[test]
    fn flows_of_two_places_are_one() {
        let tally = |packets| Tally { packets, bytes: 60 * packets };
        let mut one = Flow { first: 11, last: 30, tally: tally(40) };
        one.join(&Flow { first: 5, last: 9, tally: tally(2) });
        assert_eq!(one, Flow { first: 5, last: 30, tally: tally(42) });
    }
}
