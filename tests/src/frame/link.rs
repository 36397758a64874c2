//! Frames that are not IP.

use std::net::Ipv4Addr;

use etherparse::{ArpEthIpv4Packet, ArpOperation, EtherType};

use super::{Frame, Kind};
use crate::addr::{Literal, Mac};

const EAPOL: u16 = 0x888e;
const PREAUTHENTICATION: u16 = 0x88c7;
const LLDP: u16 = 0x88cc;
const PPPOE_DISCOVERY: u16 = 0x8863;
const PPPOE_SESSION: u16 = 0x8864;
const PPP_IPV4: u16 = 0x0021;
const PPP_IPV6: u16 = 0x0057;
const MPLS: u16 = 0x8847;

/// The nearest bridge, which forwards nothing sent to it (IEEE 802.1Q, table 8-1).
const NEAREST_BRIDGE: Mac = Mac([0x01, 0x80, 0xc2, 0, 0, 0x0e]);
/// Port access entities (IEEE 802.1X).
const PAE_GROUP: Mac = Mac([0x01, 0x80, 0xc2, 0, 0, 0x03]);

impl Frame {
    /// Makes it a frame of any EtherType, with what [`Frame::payload`] gives.
    pub fn ethertype(mut self, ethertype: u16) -> Self {
        self.kind = Some(Kind::EtherType(EtherType(ethertype)));
        self
    }

    /// Makes it an IEEE 802.3 frame with a length where others have an EtherType, and an LLC
    /// header (spanning tree's) before `payload`.
    pub fn llc(mut self, payload: impl AsRef<[u8]>) -> Self {
        const STP_LLC: [u8; 3] = [0x42, 0x42, 0x03];
        self.kind = Some(Kind::Length);
        self.payload([&STP_LLC, payload.as_ref()].concat())
    }

    /// The IP packet of `inner` in an IEEE 802.3 frame, behind LLC and SNAP (RFC 1042).
    pub fn snap(mut self, inner: &Self) -> Self {
        const SNAP: [u8; 6] = [0xaa, 0xaa, 0x03, 0, 0, 0];
        let kind = if inner.carries_ipv6() { EtherType::IPV6 } else { EtherType::IPV4 };
        self.kind = Some(Kind::Length);
        self.payload([&SNAP, kind.0.to_be_bytes().as_slice(), &inner.packet()].concat())
    }

    /// Asks all stations who has `target`.
    pub fn arp_request(
        self,
        sender: impl Literal<Ipv4Addr>,
        target: impl Literal<Ipv4Addr>,
    ) -> Self {
        self.default_destination(Mac::BROADCAST).honest_arp(
            ArpOperation::REQUEST,
            sender.value(),
            Mac([0; 6]),
            target.value(),
        )
    }

    /// Tells `target`, the station that the frame goes to, where `sender` is.
    pub fn arp_reply(self, sender: impl Literal<Ipv4Addr>, target: impl Literal<Ipv4Addr>) -> Self {
        let to = self.effective_destination();
        self.honest_arp(ArpOperation::REPLY, sender.value(), to, target.value())
    }

    /// Asks whether `target` is free, with no address of one's own (RFC 5227).
    pub fn arp_probe(self, target: impl Literal<Ipv4Addr>) -> Self {
        self.arp_request(Ipv4Addr::UNSPECIFIED, target)
    }

    /// Announces that `address` is the sender's (RFC 5227).
    pub fn arp_announcement(self, address: impl Literal<Ipv4Addr>) -> Self {
        let address = address.value();
        self.arp_request(address, address)
    }

    fn honest_arp(
        self,
        operation: ArpOperation,
        sender: Ipv4Addr,
        to: Mac,
        target: Ipv4Addr,
    ) -> Self {
        let packet = ArpEthIpv4Packet {
            operation,
            sender_mac: self.source.0,
            sender_ipv4: sender.octets(),
            target_mac: to.0,
            target_ipv4: target.octets(),
        };
        self.ethertype(EtherType::ARP.0).payload(packet.to_bytes())
    }

    /// An EAPOL start (IEEE 802.1X).
    pub fn eapol(self) -> Self {
        const VERSION_2_START: [u8; 4] = [2, 1, 0, 0];
        self.default_destination(PAE_GROUP).ethertype(EAPOL).payload(VERSION_2_START)
    }

    /// An 802.11 pre-authentication: an EAPOL start by another EtherType.
    pub fn preauthentication(self) -> Self {
        self.eapol().ethertype(PREAUTHENTICATION)
    }

    /// An LLDP frame, empty but for its end.
    pub fn lldp(self) -> Self {
        const END: [u8; 2] = [0, 0];
        self.default_destination(NEAREST_BRIDGE).ethertype(LLDP).payload(END)
    }

    /// The IP packet of `inner` in a PPPoE session.
    pub fn pppoe(self, inner: &Self) -> Self {
        const VERSION_1_TYPE_1_SESSION_DATA: [u8; 2] = [0x11, 0];
        const SESSION: u16 = 1;
        let packet = inner.packet();
        let protocol = if inner.carries_ipv6() { PPP_IPV6 } else { PPP_IPV4 };
        let mut payload = VERSION_1_TYPE_1_SESSION_DATA.to_vec();
        for field in [SESSION, super::length(packet.len() + 2), protocol] {
            payload.extend(field.to_be_bytes());
        }
        payload.extend(packet);
        self.ethertype(PPPOE_SESSION).payload(payload)
    }

    /// The IP packet of `inner` behind one MPLS label.
    pub fn mpls(self, label: u32, inner: &Self) -> Self {
        const BOTTOM_OF_STACK: u32 = 1 << 8;
        const TTL: u32 = 64;
        let entry = label << 12 | BOTTOM_OF_STACK | TTL;
        let payload = [&entry.to_be_bytes(), inner.packet().as_slice()].concat();
        self.ethertype(MPLS).payload(payload)
    }

    /// Searches for a PPPoE server: an initiation packet for any service (RFC 2516).
    pub fn pppoe_discovery(self) -> Self {
        const VERSION_1_TYPE_1_INITIATION: [u8; 2] = [0x11, 0x09];
        const NO_SESSION: [u8; 2] = [0, 0];
        const ANY_SERVICE: [u8; 4] = [0x01, 0x01, 0, 0];
        let length = super::length(ANY_SERVICE.len()).to_be_bytes();
        let header = [VERSION_1_TYPE_1_INITIATION, NO_SESSION, length].concat();
        self.default_destination(Mac::BROADCAST)
            .ethertype(PPPOE_DISCOVERY)
            .payload([header, ANY_SERVICE.to_vec()].concat())
    }

    /// Sets the destination that this kind of frame usually has, unless one was set.
    pub(super) fn default_destination(mut self, destination: Mac) -> Self {
        self.destination.get_or_insert(destination);
        self
    }
}
