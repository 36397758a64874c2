//! ARP, with fields that can lie.

use std::net::Ipv4Addr;

use etherparse::{ArpHardwareId, ArpOperation, EtherType};

use super::Frame;
use crate::addr::{Literal, Mac};

/// An ARP packet for Ethernet and IPv4, unless it says otherwise (RFC 826).
#[derive(Debug, Clone)]
#[must_use]
pub struct Arp {
    hardware: u16,
    protocol: u16,
    sizes: [u8; 2],
    operation: ArpOperation,
    sender: (Mac, Ipv4Addr),
    target: (Mac, Ipv4Addr),
}

impl Arp {
    /// Asks, in the name of a station, who has `target`.
    pub fn request(
        station: impl Literal<Mac>,
        address: impl Literal<Ipv4Addr>,
        target: impl Literal<Ipv4Addr>,
    ) -> Self {
        Self {
            hardware: ArpHardwareId::ETHERNET.0,
            protocol: EtherType::IPV4.0,
            sizes: [6, 4],
            operation: ArpOperation::REQUEST,
            sender: (station.value(), address.value()),
            target: (Mac([0; 6]), target.value()),
        }
    }

    /// Tells everybody, asked or not, that `address` is at `station`.
    pub fn claim(station: impl Literal<Mac>, address: impl Literal<Ipv4Addr>) -> Self {
        let address = address.value();
        let mut arp = Self::request(station, address, address);
        arp.operation = ArpOperation::REPLY;
        arp.target.0 = Mac::BROADCAST;
        arp
    }

    /// Names another kind of hardware: 6 is IEEE 802.
    pub fn hardware(mut self, kind: u16) -> Self {
        self.hardware = kind;
        self
    }

    /// Names another protocol by its EtherType.
    pub fn protocol(mut self, ethertype: u16) -> Self {
        self.protocol = ethertype;
        self
    }

    /// Claims other sizes of the addresses, of hardware and protocol.
    pub fn claim_sizes(mut self, hardware: u8, protocol: u8) -> Self {
        self.sizes = [hardware, protocol];
        self
    }

    /// Sets the operation: 3 and 4 are those of reverse ARP.
    pub fn operation(mut self, number: u16) -> Self {
        self.operation = ArpOperation(number);
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes =
            [self.hardware.to_be_bytes(), self.protocol.to_be_bytes(), self.sizes].concat();
        bytes.extend(self.operation.0.to_be_bytes());
        for (mac, address) in [self.sender, self.target] {
            bytes.extend(mac.0);
            bytes.extend(address.octets());
        }
        bytes
    }
}

impl Frame {
    /// Makes it this ARP packet, to all stations unless another was named.
    pub fn arp(self, arp: &Arp) -> Self {
        self.default_destination(Mac::BROADCAST).ethertype(EtherType::ARP.0).payload(arp.bytes())
    }
}
