//! The frames that programs are run with: as short as they get, since it is headers that are read.

use crate::addr::{Mac, mac};
use crate::frame::{Dns, Frame};

/// Whom frames go to, or inbound come from.
pub const GATEWAY: Mac = mac("02:cf:aa:00:00:01");
/// What fills an untagged IPv4 frame of UDP up to the 60 bytes of the shortest on a wire.
const PAYLOAD: usize = 18;
/// A peer at home, of each family.
const HOME: [&str; 2] = ["192.168.1.10", "fd00::10"];
/// One outside.
const OUTSIDE: [&str; 2] = ["203.0.113.7", "2001:db8::7"];

/// The headers before those of UDP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
    /// IPv4 behind a VLAN tag.
    Tagged,
}

/// Where a frame goes, or inbound comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// A host that is local.
    Home,
    /// A host that is not.
    Outside,
}

impl Shape {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::V4, Self::V6, Self::Tagged];

    /// As a report names it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
            Self::Tagged => "tagged",
        }
    }
}

/// The camera of a number: all of one vendor, as in most homes, and otherwise as if of no order. The hash of
/// consecutive addresses can spread them more evenly than any others.
pub fn camera(number: usize) -> Mac {
    /// 24 bits, which a vendor gives.
    const OF_VENDOR: u64 = 0xff_ffff;
    let mut number = number as u64;
    // Each step can be undone, so that no two are the same.
    number ^= number >> 12;
    number = number.wrapping_mul(0x9e_3779) & OF_VENDOR;
    number ^= number >> 13;
    number = number.wrapping_mul(0x5b_d1e5) & OF_VENDOR;
    number ^= number >> 12;
    let [.., a, b, c] = number.to_be_bytes();
    Mac([0xb0, 0xc5, 0x54, a, b, c])
}

/// A station of a number that is no camera: each of another vendor.
pub fn bystander(number: usize) -> Mac {
    // The same in each run.
    let mut octets = [0; 6];
    fastrand::Rng::with_seed(number as u64).fill(&mut octets);
    // A source is no group.
    octets[0] &= !1;
    Mac(octets)
}

/// UDP from a station to a peer.
pub fn outbound(source: Mac, shape: Shape, to: Peer) -> Vec<u8> {
    sentence(source, shape, to).udp(5000, port(to)).payload_of(PAYLOAD).build()
}

/// UDP over IPv4 from a station to a port outside.
pub fn outbound_to_port(source: Mac, port: u16) -> Vec<u8> {
    sentence(source, Shape::V4, Peer::Outside).udp(5000, port).payload_of(PAYLOAD).build()
}

/// UDP from a peer to a station.
pub fn inbound(destination: Mac, from: Peer) -> Vec<u8> {
    let frame = Frame::from(GATEWAY).to(destination);
    let peer = if from == Peer::Home { HOME[0] } else { OUTSIDE[0] };
    frame.ipv4(peer, "192.168.1.31").udp(port(from), 5000).payload_of(PAYLOAD).build()
}

/// A query for a name to the resolver at home.
pub fn query(source: Mac, name: &str) -> Vec<u8> {
    sentence(source, Shape::V4, Peer::Home).dns(&Dns::query(name)).build()
}

fn sentence(source: Mac, shape: Shape, to: Peer) -> Frame {
    let [v4, v6] = if to == Peer::Home { HOME } else { OUTSIDE };
    let frame = Frame::from(source).to(GATEWAY);
    match shape {
        Shape::V4 => frame.ipv4("192.168.1.31", v4),
        Shape::V6 => frame.ipv6("fd00::31", v6),
        Shape::Tagged => frame.vlan(20).ipv4("192.168.1.31", v4),
    }
}

/// Video at home; what many cameras call their makers by outside.
const fn port(peer: Peer) -> u16 {
    match peer {
        Peer::Home => 554,
        Peer::Outside => 10240,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_as_short_as_they_get() {
        assert_eq!(outbound(camera(0), Shape::V4, Peer::Outside).len(), 60);
    }

    #[test]
    fn each_camera_has_an_address_of_its_own() {
        let all: std::collections::BTreeSet<Mac> = (0..65_536).map(camera).collect();
        assert_eq!(all.len(), 65_536);
    }

    #[test]
    fn bystanders_are_no_cameras_and_no_groups() {
        for number in 0..1000 {
            let Mac(octets) = bystander(number);
            assert_ne!(octets[..3], camera(number).0[..3]);
            assert_eq!(octets[0] & 1, 0);
        }
    }
}
