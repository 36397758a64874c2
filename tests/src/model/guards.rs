//! Rule 7: what a camera may not do wherever it goes.

use camfence::config::{Dns, Guard, Profile};
use camfence_common::reason::Reason;

use super::{
    dns,
    ip::{LAST_START, Packet},
    transport::Transport::{self, Icmp, Icmpv6, Tcp, Udp},
};

/// The guards in their order. A later fragment has no ports and meets none.
pub(super) fn check(
    profile: &Profile,
    packet: &Packet,
    transport: Transport,
) -> Result<(), Reason> {
    if is_barred_dns(&profile.dns, packet, transport) {
        Err(Reason::Dns)
    } else if profile.port_mapping == Guard::Deny && maps_ports(packet, transport) {
        Err(Reason::PortMapping)
    } else if profile.rogue == Guard::Deny && is_rogue(packet, transport) {
        Err(Reason::Rogue)
    } else {
        Ok(())
    }
}

fn is_barred_dns(guard: &Dns, packet: &Packet, transport: Transport) -> bool {
    let is_dns = matches!(transport.ports(), Some((_, 53 | 853)));
    match (guard, transport) {
        (Dns::Pass, _) => false,
        (Dns::Only(names), Udp { destination: 53, length, .. }) => {
            !dns::asks_for(names, packet, length)
        }
        (Dns::Deny | Dns::Only(_), _) => is_dns,
    }
}

/// NAT-PMP and PCP; SSDP but for announcements.
fn maps_ports(packet: &Packet, transport: Transport) -> bool {
    match transport {
        Udp { destination: 5351, .. } => true,
        Udp { destination: 1900, .. } => !announces(packet),
        _ => false,
    }
}

/// Whether a payload is SSDP's announcement, and starts where it is looked at.
fn announces(packet: &Packet) -> bool {
    packet.at + 8 <= LAST_START && packet.body[8..].starts_with(b"NOTIFY")
}

/// DHCP servers, routers, redirects.
fn is_rogue(packet: &Packet, transport: Transport) -> bool {
    match transport {
        Udp { source, destination, .. } if packet.is_v4() => source == 67 || destination == 68,
        Udp { source, destination, .. } => source == 547 || destination == 546,
        Icmp(kind) => matches!(kind, 5 | 9),
        Icmpv6(kind) => matches!(kind, 134 | 137),
        Tcp { .. } | Transport::Other | Transport::Unseen => false,
    }
}
