//! LLDP (IEEE 802.1AB §8): a device says its name and what it is.

use crate::discover::fact::{Fact, text};

pub(super) const ETHER_TYPE: u16 = 0x88cc;

const END: u16 = 0;
const SYSTEM_NAME: u16 = 5;
const SYSTEM_DESCRIPTION: u16 = 6;

/// Reads a list of values: seven bits say what each is, nine how long.
pub(super) fn read(mut rest: &[u8], facts: &mut Vec<Fact>) {
    while let Some((head, after)) = rest.split_first_chunk() {
        let head = u16::from_be_bytes(*head);
        let (kind, length) = (head >> 9, usize::from(head & 0x1ff));
        let Some((value, after)) = after.split_at_checked(length) else { return };
        rest = after;
        let fact = match kind {
            END => return,
            SYSTEM_NAME => text(value).map(Fact::Hostname),
            SYSTEM_DESCRIPTION => text(value).map(Fact::Software),
            _ => None,
        };
        facts.extend(fact);
    }
}
