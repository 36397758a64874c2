//! UDP, TCP, and whatever else IP carries.

use etherparse::{Icmpv4Type, Icmpv6Type, IpNumber, TcpHeader, UdpHeader};

use super::ip::Net;
use super::{Frame, length};

#[derive(Debug, Clone)]
pub(super) enum Transport {
    None,
    /// A protocol whose header, if any, is in the payload.
    Number(u8),
    Udp {
        source: u16,
        destination: u16,
        claimed_length: Option<u16>,
    },
    Tcp(Box<TcpHeader>),
    Icmpv4(Icmpv4Type),
    Icmpv6(Icmpv6Type),
}

/// What the checksum of UDP, TCP or ICMP is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Checksum {
    /// As it has to be.
    #[default]
    Correct,
    /// Off by one bit.
    Wrong,
    /// Zero: none, for UDP over IPv4.
    Zero,
}

impl Frame {
    /// Adds a UDP header.
    pub fn udp(mut self, source: u16, destination: u16) -> Self {
        self.transport = Transport::Udp { source, destination, claimed_length: None };
        self
    }

    /// Claims another length in the UDP header.
    ///
    /// # Panics
    /// When the frame is not UDP.
    #[track_caller]
    pub fn claim_udp_length(mut self, bytes: u16) -> Self {
        match &mut self.transport {
            Transport::Udp { claimed_length, .. } => *claimed_length = Some(bytes),
            _ => panic!("only UDP has this: say udp before"),
        }
        self
    }

    /// Adds a TCP header without flags.
    pub fn tcp(mut self, source: u16, destination: u16) -> Self {
        const WINDOW: u16 = 64_000;
        self.transport = Transport::Tcp(Box::new(TcpHeader::new(source, destination, 1, WINDOW)));
        self
    }

    /// Sets TCP's SYN.
    #[track_caller]
    pub fn syn(self) -> Self {
        self.with_tcp(|tcp| tcp.syn = true)
    }

    /// Sets TCP's ACK.
    #[track_caller]
    pub fn ack(self) -> Self {
        self.with_tcp(|tcp| (tcp.ack, tcp.acknowledgment_number) = (true, 1))
    }

    /// Sets TCP's PSH.
    #[track_caller]
    pub fn psh(self) -> Self {
        self.with_tcp(|tcp| tcp.psh = true)
    }

    /// Sets TCP's FIN.
    #[track_caller]
    pub fn fin(self) -> Self {
        self.with_tcp(|tcp| tcp.fin = true)
    }

    /// Sets TCP's RST.
    #[track_caller]
    pub fn rst(self) -> Self {
        self.with_tcp(|tcp| tcp.rst = true)
    }

    #[track_caller]
    fn with_tcp(mut self, change: impl FnOnce(&mut TcpHeader)) -> Self {
        match &mut self.transport {
            Transport::Tcp(tcp) => change(tcp),
            _ => panic!("only TCP has flags: say tcp before"),
        }
        self
    }

    /// Sets the protocol number; the header, if it has one, is in the payload.
    pub fn protocol(mut self, number: u8) -> Self {
        self.transport = Transport::Number(number);
        self
    }

    /// Says how the checksum of UDP, TCP or ICMP is to be.
    pub fn checksum(mut self, checksum: Checksum) -> Self {
        self.checksum = checksum;
        self
    }

    /// The header between IP and the payload; empty in a later fragment.
    pub(super) fn transport_header(&self, net: &Net) -> Vec<u8> {
        if !net.begins_datagram() {
            return vec![];
        }
        match self.transport.clone() {
            Transport::None | Transport::Number(_) => vec![],
            Transport::Udp { source, destination, claimed_length } => {
                let length = claimed_length.unwrap_or(length(8 + self.payload.len()));
                let mut udp = UdpHeader {
                    source_port: source,
                    destination_port: destination,
                    length,
                    checksum: 0,
                };
                udp.checksum = self.sum(udp_checksum(&udp, net, &self.payload));
                udp.to_bytes().to_vec()
            }
            Transport::Tcp(mut tcp) => {
                tcp.checksum = self.sum(tcp_checksum(&tcp, net, &self.payload));
                tcp.to_bytes().to_vec()
            }
            Transport::Icmpv4(kind) => {
                let mut icmp = etherparse::Icmpv4Header::with_checksum(kind, &self.payload);
                icmp.checksum = self.sum(icmp.checksum);
                icmp.to_bytes().to_vec()
            }
            Transport::Icmpv6(kind) => self.icmpv6_header(kind, net),
        }
    }

    fn icmpv6_header(&self, kind: Icmpv6Type, net: &Net) -> Vec<u8> {
        let Net::V6(ip) = net else { panic!("ICMPv6 goes over IPv6") };
        let (from, to) = (ip.source.octets(), ip.destination.octets());
        let mut icmp = kind.to_header(from, to, &self.payload).expect("it fits a packet");
        icmp.checksum = self.sum(icmp.checksum);
        icmp.to_bytes().to_vec()
    }

    fn sum(&self, right: u16) -> u16 {
        match self.checksum {
            Checksum::Correct => right,
            Checksum::Wrong => right ^ 1,
            Checksum::Zero => 0,
        }
    }
}

fn udp_checksum(udp: &UdpHeader, net: &Net, payload: &[u8]) -> u16 {
    let sum = match net {
        Net::V4(ip) => {
            udp.calc_checksum_ipv4_raw(ip.source.octets(), ip.destination.octets(), payload)
        }
        Net::V6(ip) => {
            udp.calc_checksum_ipv6_raw(ip.source.octets(), ip.destination.octets(), payload)
        }
    };
    sum.expect("it fits a datagram")
}

fn tcp_checksum(tcp: &TcpHeader, net: &Net, payload: &[u8]) -> u16 {
    let sum = match net {
        Net::V4(ip) => {
            tcp.calc_checksum_ipv4_raw(ip.source.octets(), ip.destination.octets(), payload)
        }
        Net::V6(ip) => {
            tcp.calc_checksum_ipv6_raw(ip.source.octets(), ip.destination.octets(), payload)
        }
    };
    sum.expect("it fits a segment")
}

impl Transport {
    pub(super) fn number(&self) -> IpNumber {
        match self {
            Self::None => IpNumber::IPV6_NO_NEXT_HEADER,
            Self::Number(number) => IpNumber(*number),
            Self::Udp { .. } => IpNumber::UDP,
            Self::Tcp(_) => IpNumber::TCP,
            Self::Icmpv4(_) => IpNumber::ICMP,
            Self::Icmpv6(_) => IpNumber::IPV6_ICMP,
        }
    }
}
