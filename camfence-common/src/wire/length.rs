//! How long a frame's headers are, to count the frames that an aggregate stands for.

use network_types::{tcp::TcpHdr, udp::UdpHdr};

use super::extension::{Protocol, Transport};
use crate::packet::{MAX_OFFSET, Packet};

/// Bytes of a frame's headers up to and with its TCP or UDP header: what every segment of an
/// aggregate repeats.
#[inline(always)]
pub fn headers<P: Packet + ?Sized>(packet: &P, transport: Transport) -> usize {
    if transport.fragment.is_later() || transport.at + TcpHdr::LEN > MAX_OFFSET {
        return transport.at;
    }
    let header = match transport.protocol {
        // The data offset counts 32-bit words (RFC 9293 §3.1).
        Protocol::TCP => usize::from(packet.byte(transport.at + 12).unwrap_or(0) >> 4) * 4,
        Protocol::UDP => UdpHdr::LEN,
        _ => 0,
    };
    transport.at + header
}
