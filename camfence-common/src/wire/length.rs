//! How long a frame's headers are, to count the frames that an aggregate stands for.

use network_types::{eth::EthHdr, ip::IpProto, tcp::TcpHdr, udp::UdpHdr};

use super::extension::Protocol;
use crate::packet::{MAX_OFFSET, Packet};

/// What a frame carries, as far as its length goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payload {
    /// Its protocol.
    pub protocol: Protocol,
    /// Where it starts.
    pub at: usize,
    /// Whether it is a fragment behind others, without a header.
    pub is_later: bool,
}

impl Payload {
    /// Of a frame whose headers were not read: what follows its Ethernet header.
    pub const UNREAD: Self =
        Self { protocol: Protocol(IpProto::Reserved as u8), at: EthHdr::LEN, is_later: false };
}

/// Bytes of a frame's headers up to and with its TCP or UDP header: what every segment of an
/// aggregate repeats.
#[inline(always)]
pub fn headers<P: Packet + ?Sized>(packet: &P, payload: Payload) -> usize {
    if payload.is_later || payload.at + TcpHdr::LEN > MAX_OFFSET {
        return payload.at;
    }
    let header = match payload.protocol {
        // The data offset counts 32-bit words (RFC 9293 §3.1).
        Protocol::TCP => usize::from(packet.byte(payload.at + 12).unwrap_or(0) >> 4) * 4,
        Protocol::UDP => UdpHdr::LEN,
        _ => 0,
    };
    payload.at + header
}
