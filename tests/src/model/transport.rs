//! The end of rule 5: the transport header.

use camfence_common::reason::Reason::{self, Malformed};
use etherparse::UdpHeaderSlice;

use super::ip::{Packet, Part};

pub(super) const ICMP: u8 = 1;
pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;
pub(super) const ICMPV6: u8 = 58;

/// What the body of a packet begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    /// Ports and the length that the header claims.
    Udp { source: u16, destination: u16, length: u16 },
    /// Ports.
    Tcp { source: u16, destination: u16 },
    /// ICMP over IPv4, by its type.
    Icmp(u8),
    /// ICMP over IPv6, by its type.
    Icmpv6(u8),
    /// A protocol that is not looked into.
    Other,
    /// What nobody can tell: this is a later fragment.
    Unseen,
}

impl Transport {
    /// Source and destination port.
    pub(super) fn ports(self) -> Option<(u16, u16)> {
        match self {
            Self::Udp { source, destination, .. } | Self::Tcp { source, destination } => {
                Some((source, destination))
            }
            _ => None,
        }
    }
}

pub(super) fn parse(packet: &Packet) -> Result<Transport, Reason> {
    if packet.part == Part::Later {
        return Ok(Transport::Unseen);
    }
    match packet.protocol {
        UDP => udp(packet.body),
        TCP => tcp(packet.body),
        ICMP if packet.is_v4() => Ok(Transport::Icmp(begin::<8>(packet.body)?[0])),
        ICMPV6 if !packet.is_v4() => Ok(Transport::Icmpv6(begin::<4>(packet.body)?[0])),
        _ => Ok(Transport::Other),
    }
}

fn udp(body: &[u8]) -> Result<Transport, Reason> {
    let header = UdpHeaderSlice::from_slice(body).map_err(|_| Malformed)?;
    Ok(Transport::Udp {
        source: header.source_port(),
        destination: header.destination_port(),
        length: header.length(),
    })
}

/// By hand: etherparse looks at the header length, which no rule asks about.
fn tcp(body: &[u8]) -> Result<Transport, Reason> {
    let [s1, s2, d1, d2, ..] = begin::<20>(body)?;
    let (source, destination) = (u16::from_be_bytes([*s1, *s2]), u16::from_be_bytes([*d1, *d2]));
    Ok(Transport::Tcp { source, destination })
}

fn begin<const N: usize>(body: &[u8]) -> Result<&[u8; N], Reason> {
    body.first_chunk().ok_or(Malformed)
}
