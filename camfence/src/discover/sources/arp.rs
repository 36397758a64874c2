//! ARP (RFC 826): whoever asks or answers tells an address of its own.

use std::net::Ipv4Addr;

use camfence_common::mac::Mac;
use etherparse::{ArpPacketSlice, EtherType};

use crate::discover::fact::Fact;

pub(super) fn read(arp: &ArpPacketSlice<'_>, sender: Mac, facts: &mut Vec<Fact>) {
    let is_senders = arp.sender_hw_addr() == sender.0 && arp.proto_addr_type() == EtherType::IPV4;
    let address = <[u8; 4]>::try_from(arp.sender_protocol_addr()).map(Ipv4Addr::from);
    // A probe (RFC 5227) has no address yet.
    if let Ok(address) = address
        && is_senders
        && !address.is_unspecified()
    {
        facts.push(Fact::Address(address.into()));
    }
}
