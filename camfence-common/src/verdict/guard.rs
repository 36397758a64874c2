//! The guards: what a camera may not send wherever it goes, on the link and at home too.
//!
//! They look at the header of what a packet carries, and so at no later fragment: without the
//! first, which is dropped here, nobody puts a packet together.

use super::{Case, Facts};
use crate::{
    abi::Profile,
    packet::Packet,
    reason::Reason,
    tables::Tables,
    wire::{
        dhcp, dns,
        extension::{Family, Protocol, Transport},
        neighbor, ssdp,
        transport::Numbers,
    },
};

/// NAT-PMP (RFC 6886 §3.1) and PCP (RFC 6887 §19).
const PORT_MAPPING: u16 = 5351;
/// ICMP: redirect, router advertisement (RFC 792, RFC 1256).
const ICMP_REDIRECT: u8 = 5;
const ICMP_ROUTER: u8 = 9;

impl<P: Packet + ?Sized, T: Tables> Case<'_, P, T> {
    /// Why a guard drops a packet; `None` if none does.
    #[inline(always)]
    pub(super) fn guarded(&self, facts: &Facts<'_>, numbers: Numbers) -> Option<Reason> {
        let profile = facts.profile;
        match (facts.transport.protocol, facts.marks.family()) {
            (Protocol::UDP, _) => self.guarded_udp(facts, numbers),
            (Protocol::TCP, _) => {
                let dns = matches!(numbers.second(), dns::PORT | dns::ENCRYPTED_PORT);
                let denied = dns && profile.guards(Profile::NO_DNS | Profile::LISTED_DNS);
                denied.then_some(Reason::Dns)
            }
            (Protocol::ICMP, Family::Ipv4) => {
                let rogue = matches!(numbers.icmp_type(), ICMP_REDIRECT | ICMP_ROUTER);
                (rogue && profile.guards(Profile::NO_ROGUE)).then_some(Reason::Rogue)
            }
            (Protocol::ICMPV6, Family::Ipv6) => {
                let rogue = matches!(
                    numbers.icmp_type(),
                    neighbor::ROUTER_ADVERTISEMENT | neighbor::REDIRECT
                );
                (rogue && profile.guards(Profile::NO_ROGUE)).then_some(Reason::Rogue)
            }
            _ => None,
        }
    }

    #[inline(always)]
    fn guarded_udp(&self, facts: &Facts<'_>, numbers: Numbers) -> Option<Reason> {
        let (profile, udp) = (facts.profile, &facts.transport);
        let (from, to) = (numbers.first(), numbers.second());
        let denies_dns = match to {
            dns::PORT if profile.guards(Profile::NO_DNS) => true,
            dns::PORT => profile.guards(Profile::LISTED_DNS) && !self.asks_for_listed(udp),
            dns::ENCRYPTED_PORT => profile.guards(Profile::NO_DNS | Profile::LISTED_DNS),
            _ => false,
        };
        if denies_dns {
            return Some(Reason::Dns);
        }
        let maps_ports =
            to == PORT_MAPPING || to == ssdp::PORT && !ssdp::announces(self.packet, udp);
        if maps_ports && profile.guards(Profile::NO_PORT_MAPPING) {
            return Some(Reason::PortMapping);
        }
        // As one that was not compared before: the names of queries are read only once then.
        let serves = match facts.marks.settle(self.camera.unknown()).family() {
            Family::Ipv4 => from == dhcp::SERVER || to == dhcp::CLIENT,
            Family::Ipv6 => from == dhcp::SERVER_V6 || to == dhcp::CLIENT_V6,
        };
        (serves && profile.guards(Profile::NO_ROGUE)).then_some(Reason::Rogue)
    }

    /// Whether this is a query for a name of the profile's list. A fragment is not: a later one
    /// may put another name over the one that is here.
    #[inline(always)]
    fn asks_for_listed(&self, udp: &Transport) -> bool {
        // A copy: reading a name is a function of its own, which has to find this in memory.
        let udp = &{ *udp };
        udp.fragment.is_whole()
            && self.tables.lists_name(self.camera.profile, |name| {
                dns::read_query(self.packet, udp, name, self.camera.unknown())
            })
    }
}
