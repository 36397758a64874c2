//! Whom a frame says it is from, of a camera that addresses are bound to.
//!
//! What a station has to send before it has an address stays possible: DHCP, duplicate address
//! detection, joining groups; and so do link-local addresses.

use super::{Case, Facts, Marks, is_link_local4, is_link_local6};
use crate::{
    abi::Camera,
    packet::Packet,
    reason::{Direction, Reason},
    tables::Tables,
    wire::{
        Malformed, Parsed, arp, dhcp, ethernet,
        extension::{Family, Protocol},
        neighbor,
        transport::Numbers,
    },
};

impl<P: Packet + ?Sized, T: Tables> Case<'_, P, T> {
    #[inline(always)]
    fn is_bound(&self) -> bool {
        self.direction == Direction::Outbound && self.camera.is(Camera::BOUND)
    }

    /// What an IPv4 address (wire order) is as a source: a mark, or none of the camera's own.
    #[inline(always)]
    pub(super) fn source4(&self, address: u32) -> usize {
        if !self.is_bound()
            || is_link_local4(address)
            || self.camera.has_bound4(address, self.camera.unknown())
        {
            0
        } else if address == 0 {
            Marks::UNSPECIFIED
        } else {
            Marks::FOREIGN
        }
    }

    /// What an IPv6 address (wire order) is as a source: a mark, or none of the camera's own.
    #[inline(always)]
    pub(super) fn source6(&self, address: [u64; 2]) -> usize {
        if !self.is_bound()
            || is_link_local6(address)
            || self.camera.has_bound6(address, self.camera.unknown())
        {
            0
        } else if address[0] | address[1] == 0 {
            Marks::UNSPECIFIED
        } else {
            Marks::FOREIGN
        }
    }

    /// ARP: its sender is the camera.
    #[inline(always)]
    pub(super) fn judge_arp(&self, at: usize) -> Parsed<Reason> {
        if !self.is_bound() {
            return Ok(Reason::Link);
        }
        let arp = arp::parse(self.packet, at)?;
        // Without an address it asks whether another has the one it would take; who would take the
        // same gives way (RFC 5227 §2.1.1).
        let claimed = if arp.sender == 0 { arp.target } else { arp.sender };
        let own = ethernet::camera_mac(self.packet, self.direction) == Some(arp.mac)
            && self.source4(claimed) == 0;
        Ok(if own { Reason::Link } else { Reason::Spoof })
    }

    /// Whether a packet, outbound, is from or in the name of somebody else.
    #[inline(always)]
    pub(super) fn is_spoofed(&self, facts: &Facts<'_>, numbers: Numbers) -> Parsed<bool> {
        if !self.camera.is(Camera::BOUND) {
            return Ok(false);
        }
        let facts = &facts.settle(self.camera.unknown());
        let protocol = facts.transport.protocol;
        let whole_or_first = !facts.transport.fragment.is_later();
        let to_dhcp = facts.marks.family() == Family::Ipv4
            && protocol == Protocol::UDP
            && numbers.second() == dhcp::SERVER;
        let icmpv6 = facts.marks.family() == Family::Ipv6 && protocol == Protocol::ICMPV6;
        let may_lack_address = match facts.marks.family() {
            Family::Ipv4 => to_dhcp || protocol == Protocol::IGMP,
            Family::Ipv6 => icmpv6,
        };
        let lacks_address = facts.marks.has(Marks::UNSPECIFIED);
        if facts.marks.has(Marks::FOREIGN) || lacks_address && !(whole_or_first && may_lack_address)
        {
            return Ok(true);
        }
        if to_dhcp {
            return self.is_spoofed_dhcp(facts);
        }
        if icmpv6 { self.is_spoofed_neighbor(facts, numbers) } else { Ok(false) }
    }

    /// A DHCP message in another's name: many of them use up a server's addresses.
    #[inline(always)]
    fn is_spoofed_dhcp(&self, facts: &Facts<'_>) -> Parsed<bool> {
        if !facts.transport.fragment.is_whole() {
            return Ok(true);
        }
        let source = ethernet::camera_mac(self.packet, self.direction).ok_or(Malformed)?;
        Ok(dhcp::client(self.packet, &facts.transport)? != Some(source))
    }

    /// A neighbour advertisement for an address that is not its own, or one that keeps another
    /// from taking its address. In fragments nobody takes them (RFC 6980).
    #[inline(always)]
    fn is_spoofed_neighbor(&self, facts: &Facts<'_>, numbers: Numbers) -> Parsed<bool> {
        let claims = match numbers.icmp_type() {
            neighbor::ADVERTISEMENT => true,
            neighbor::SOLICITATION => facts.marks.has(Marks::UNSPECIFIED),
            _ => return Ok(false),
        };
        if !facts.transport.fragment.is_whole() {
            return Ok(true);
        }
        if !claims {
            return Ok(false);
        }
        let target = neighbor::target(self.packet, &facts.transport)?;
        Ok(self.source6(target) != 0)
    }
}
