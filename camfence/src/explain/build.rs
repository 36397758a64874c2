//! A frame as it was described.

use std::net::{IpAddr, Ipv6Addr};

use camfence_common::{
    mac::Mac,
    reason::Direction,
    wire::{dhcp, dns},
};
use etherparse::{IpNumber, PacketBuilder, PacketBuilderStep, err::packet::BuildVecWriteError};
use simple_dns::{CLASS, Name, Packet, Question as Asked, SimpleDnsError, TYPE};

use crate::config::{DnsName, Protocol};

/// Who is at the other end of the link. No rule asks.
const NEIGHBOUR: [u8; 6] = [0x02, 0, 0, 0, 0, 0x01];
const HOPS: u8 = 64;
const WINDOW: u16 = 0xffff;
/// What protocols without ports carry here: enough for a header of any.
const BODY: [u8; 64] = [0; 64];

/// How long a DHCP message is without options, and where it says who asks.
const BOOTP_LEN: usize = 236;
const CHADDR: usize = 28;

/// What a frame is made of.
pub(super) struct Parts<'a> {
    pub(super) mac: Mac,
    pub(super) direction: Direction,
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) protocol: Protocol,
    /// Source and destination.
    pub(super) ports: [u16; 2],
    pub(super) asking: Option<&'a DnsName>,
}

impl Parts<'_> {
    pub(super) fn frame(&self) -> Result<Vec<u8>, BuildVecWriteError> {
        let ip = self.ip_header();
        let is_v4 = self.destination.is_ipv4() && self.source.is_ipv4();
        let mut bytes = Vec::new();
        let [from, to] = self.ports;
        match self.protocol {
            Protocol::Tcp => ip.tcp(from, to, 0, WINDOW).syn().write_to_vec(&mut bytes, &[])?,
            Protocol::Udp => ip.udp(from, to).write_to_vec(&mut bytes, &self.udp_payload(to))?,
            Protocol::Icmp | Protocol::Number(1) if is_v4 => {
                ip.icmpv4_echo_request(0, 0).write_to_vec(&mut bytes, &[])?;
            }
            Protocol::Icmp => ip.icmpv6_echo_request(0, 0).write_to_vec(&mut bytes, &[])?,
            Protocol::Number(58) if !is_v4 => {
                ip.icmpv6_echo_request(0, 0).write_to_vec(&mut bytes, &[])?;
            }
            Protocol::Number(number) => ip.write_to_vec(&mut bytes, IpNumber(number), &BODY)?,
        }
        Ok(bytes)
    }

    fn ip_header(&self) -> PacketBuilderStep<etherparse::IpHeaders> {
        let (source, destination) = match self.direction {
            Direction::Outbound => (self.mac.0, NEIGHBOUR),
            Direction::Inbound => (NEIGHBOUR, self.mac.0),
        };
        let ethernet = PacketBuilder::ethernet2(source, destination);
        match (self.source, self.destination) {
            (IpAddr::V4(from), IpAddr::V4(to)) => ethernet.ipv4(from.octets(), to.octets(), HOPS),
            (from, to) => ethernet.ipv6(v6(from).octets(), v6(to).octets(), HOPS),
        }
    }

    fn udp_payload(&self, to: u16) -> Vec<u8> {
        match (to, self.asking) {
            // The name was checked; without a query it is judged as one that nobody can read.
            (dns::PORT, Some(name)) => query(name).unwrap_or_default(),
            (dhcp::SERVER, _) => self.dhcp_message(),
            _ => Vec::new(),
        }
    }

    /// What a DHCP client's message says of itself: that it has an Ethernet address, and which.
    fn dhcp_message(&self) -> Vec<u8> {
        let mut message = vec![0; BOOTP_LEN];
        message[..3].copy_from_slice(&[1, 1, 6]);
        message[CHADDR..CHADDR + 6].copy_from_slice(&self.mac.0);
        message
    }
}

fn v6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

fn query(name: &DnsName) -> Result<Vec<u8>, SimpleDnsError> {
    let mut packet = Packet::new_query(0);
    let name = Name::new(&name.name)?;
    packet.questions.push(Asked::new(name, TYPE::A.into(), CLASS::IN.into(), false));
    packet.build_bytes_vec()
}
