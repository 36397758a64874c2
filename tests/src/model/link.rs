//! Rule 3: Ethernet and its tags.

use camfence_common::{
    mac::Mac,
    reason::{Direction, Reason},
};
use etherparse::{Ethernet2Header, Ethernet2HeaderSlice, SingleVlanHeader, SingleVlanHeaderSlice};

pub(super) const IPV4: u16 = 0x0800;
pub(super) const ARP: u16 = 0x0806;
pub(super) const IPV6: u16 = 0x86dd;
pub(super) const EAPOL: u16 = 0x888e;
pub(super) const PREAUTHENTICATION: u16 = 0x88c7;
pub(super) const LLDP: u16 = 0x88cc;

const MAX_TAGS: usize = 2;

/// What follows the addresses and tags of a frame.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) ethertype: u16,
    /// Where the headers end.
    pub(super) end: usize,
}

impl Link {
    pub(super) fn parse(frame: &[u8]) -> Result<Self, Reason> {
        let header = Ethernet2HeaderSlice::from_slice(frame).map_err(|_| Reason::Malformed)?;
        let mut link = Self { ethertype: header.ether_type().0, end: Ethernet2Header::LEN };
        for _ in 0..MAX_TAGS {
            if !link.is_tagged() {
                break;
            }
            let tag = SingleVlanHeaderSlice::from_slice(link.payload(frame));
            link.ethertype = tag.map_err(|_| Reason::Malformed)?.ether_type().0;
            link.end += SingleVlanHeader::LEN;
        }
        if link.is_tagged() { Err(Reason::Malformed) } else { Ok(link) }
    }

    pub(super) fn payload<'a>(&self, frame: &'a [u8]) -> &'a [u8] {
        &frame[self.end..]
    }

    fn is_tagged(&self) -> bool {
        matches!(self.ethertype, 0x8100 | 0x88a8)
    }
}

/// The address of the station that a frame is judged for. By hand, since it is there in a frame
/// that is too short for etherparse.
pub(super) fn station(direction: Direction, frame: &[u8]) -> Option<Mac> {
    let at = match direction {
        Direction::Outbound => 6..12,
        Direction::Inbound => 0..6,
    };
    Some(Mac(frame.get(at)?.try_into().expect("a range of six")))
}
