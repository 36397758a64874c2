//! SSDP, by which `UPnP` devices announce themselves and are searched (`UPnP` Device Architecture 2.0
//! §1).

use network_types::udp::UdpHdr;

use super::extension::Transport;
use crate::packet::Packet;

/// Its port.
pub const PORT: u16 = 1900;

/// The method of an announcement.
const NOTIFY: [u16; 3] =
    [u16::from_ne_bytes(*b"NO"), u16::from_ne_bytes(*b"TI"), u16::from_ne_bytes(*b"FY")];

/// Whether a message announces something; if not, it searches.
#[inline(always)]
pub fn announces<P: Packet + ?Sized>(packet: &P, udp: &Transport) -> bool {
    let payload = udp.at + UdpHdr::LEN;
    payload + size_of_val(&NOTIFY) <= udp.end && packet.words(payload) == Some(NOTIFY)
}
