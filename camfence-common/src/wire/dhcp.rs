//! DHCP (RFC 2131): its messages are BOOTP's (RFC 951).

use network_types::udp::UdpHdr;

use super::{Malformed, Parsed, extension::Transport};
use crate::{mac::Mac, packet::Packet};

/// Ports of servers and clients.
pub const SERVER: u16 = 67;
/// Port of clients.
pub const CLIENT: u16 = 68;
/// Port of `DHCPv6` servers (RFC 8415 §7.2).
pub const SERVER_V6: u16 = 547;
/// Port of `DHCPv6` clients.
pub const CLIENT_V6: u16 = 546;

/// Where a message says how long the client's hardware address is, and where that is.
const HLEN: usize = 2;
const CHADDR: usize = 28;

/// The hardware address of the client that a message is about; `None` if it is no Ethernet
/// address.
#[inline(always)]
pub fn client<P: Packet + ?Sized>(packet: &P, udp: &Transport) -> Parsed<Option<Mac>> {
    let message = udp.at + UdpHdr::LEN;
    if message + CHADDR + size_of::<Mac>() > udp.end {
        return Err(Malformed);
    }
    let len = packet.byte(message + HLEN).ok_or(Malformed)?;
    let mac = Mac::from_words(packet.words(message + CHADDR).ok_or(Malformed)?);
    Ok((usize::from(len) == size_of::<Mac>()).then_some(mac))
}
