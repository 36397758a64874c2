//! The verdict: what happens to a frame, and why.
//!
//! [`find`] tells a camera's frame from a bystander's, [`judge`] says what happens to it, and that
//! is all there is. Both are the same for XDP, TC and the host; a hook brings the bytes
//! ([`Packet`]) and the tables ([`Tables`]), and turns the reason into its own action.

use crate::{
    abi::Camera,
    packet::{Bytes, Packet},
    reason::{Direction, Reason},
    tables::Tables,
    verifier::settle,
    wire::{
        Parsed,
        ethernet::{self, EtherType},
        extension::Transport,
        ipv4, ipv6,
    },
};

/// What was found about a camera's frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Why it passes or is dropped: [`Reason::effect`].
    pub reason: Reason,
    /// What it carries, if it was read that far.
    pub transport: Option<Transport>,
}

impl Verdict {
    const fn of(reason: Reason) -> Self {
        Self { reason, transport: None }
    }
}

/// Finds the camera whose frame this is. `None` for a bystander's, which passes whatever it holds
/// and costs this one look-up.
#[inline(always)]
pub fn find<B, T>(direction: Direction, bytes: &B, tables: &T) -> Option<Camera>
where
    B: Bytes + ?Sized,
    T: Tables,
{
    tables.camera(ethernet::camera_mac(bytes, direction)?)
}

/// Judges a camera's frame. What is not understood is dropped.
#[inline(always)]
pub fn judge<P, T>(direction: Direction, packet: &P, tables: &T, camera: Camera) -> Verdict
where
    P: Packet + ?Sized,
    T: Tables,
{
    let case = Case { direction, packet, tables, camera };
    case.judge().unwrap_or(Verdict::of(Reason::Malformed))
}

/// A camera's frame, and what it is judged by.
struct Case<'a, P: ?Sized, T> {
    direction: Direction,
    packet: &'a P,
    tables: &'a T,
    camera: Camera,
}

impl<P: Packet + ?Sized, T: Tables> Case<'_, P, T> {
    #[inline(always)]
    fn judge(&self) -> Parsed<Verdict> {
        let frame = ethernet::parse(self.packet)?;
        match frame.ethertype {
            EtherType::ARP | EtherType::EAPOL | EtherType::LLDP | EtherType::PREAUTH => {
                Ok(Verdict::of(Reason::Link))
            }
            EtherType::IPV4 => self.judge_ipv4(frame.payload),
            EtherType::IPV6 => self.judge_ipv6(frame.payload),
            _ => Ok(Verdict::of(Reason::EtherType)),
        }
    }

    #[inline(always)]
    fn judge_ipv4(&self, at: usize) -> Parsed<Verdict> {
        let header = ipv4::parse(self.packet, at)?;
        let (peer, is_on_link) = match self.direction {
            Direction::Outbound => (header.destination, is_on_link4(header.destination)),
            Direction::Inbound => (header.source, is_link_local4(header.source)),
        };
        let is_on_link = settle(is_on_link, u64::from(peer));
        let Some(profile) = self.tables.profile(self.camera.profile) else {
            return Ok(Verdict::of(Reason::NoPolicy));
        };
        let is_local = !is_on_link && profile.is_local4(peer);
        let source_route = header.has_source_route(self.packet)?;
        let transport = header.transport(self.packet)?;
        Ok(decide(self.direction, &Facts { is_on_link, is_local, source_route, transport }))
    }

    #[inline(always)]
    fn judge_ipv6(&self, at: usize) -> Parsed<Verdict> {
        let header = ipv6::parse(self.packet, at)?;
        let (peer, is_on_link) = match self.direction {
            Direction::Outbound => (header.destination, is_on_link6(header.destination)),
            Direction::Inbound => (header.source, is_link_local6(header.source)),
        };
        let is_on_link = settle(is_on_link, peer[0]);
        let Some(profile) = self.tables.profile(self.camera.profile) else {
            return Ok(Verdict::of(Reason::NoPolicy));
        };
        let is_local = !is_on_link && profile.is_local6(peer);
        let transport = header.transport(self.packet)?;
        let source_route = transport.routing;
        Ok(decide(self.direction, &Facts { is_on_link, is_local, source_route, transport }))
    }
}

/// What is known of a packet when the rules are applied.
///
/// The address is looked up before the headers behind the first are walked: the verifier then
/// goes through the lists of networks once, not once for each way through the headers.
struct Facts {
    is_on_link: bool,
    is_local: bool,
    source_route: bool,
    transport: Transport,
}

/// The rules, in their order.
#[inline(always)]
const fn decide(direction: Direction, facts: &Facts) -> Verdict {
    let reason = if facts.source_route {
        Reason::SourceRoute
    } else if facts.transport.protocol.is_tunnel() {
        Reason::Tunnel
    } else if facts.is_on_link {
        Reason::OnLink
    } else if facts.is_local {
        Reason::Local
    } else {
        match direction {
            Direction::Outbound => Reason::NotLocal,
            Direction::Inbound => Reason::Inbound,
        }
    };
    Verdict { reason, transport: Some(facts.transport) }
}

/// Destinations that no router forwards off the link or out of the site: limited broadcast
/// (RFC 919), link-local (RFC 3927), the local network control block (RFC 5771 §4) and
/// administratively scoped multicast (RFC 2365).
#[inline(always)]
const fn is_on_link4(destination: u32) -> bool {
    let address = u32::from_be(destination);
    address == u32::MAX
        || is_link_local4(destination)
        || address & 0xffff_ff00 == 0xe000_0000
        || address & 0xff00_0000 == 0xef00_0000
}

/// 169.254.0.0/16. A source can be no more than that: multicast and broadcast are never one
/// (RFC 1122 §3.2.1.3).
#[inline(always)]
const fn is_link_local4(address: u32) -> bool {
    u32::from_be(address) & 0xffff_0000 == 0xa9fe_0000
}

/// Destinations that stay on the link or in the site: `fe80::/10` and multicast of at most
/// organization-local scope, 8 (RFC 4291 §2.5.6 and §2.7).
#[inline(always)]
const fn is_on_link6(destination: [u64; 2]) -> bool {
    let high = u64::from_be(destination[0]) >> 48;
    is_link_local6(destination) || (high >> 8 == 0xff && high & 0xf <= 8)
}

/// `fe80::/10`.
#[inline(always)]
const fn is_link_local6(address: [u64; 2]) -> bool {
    (u64::from_be(address[0]) >> 54) == 0xfe80 >> 6
}
