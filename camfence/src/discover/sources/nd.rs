//! Neighbour discovery (RFC 4861): whoever advertises an address says that it is its own.

use std::{net::Ipv6Addr, ops::Range};

use crate::discover::fact::Fact;

const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
/// Where the target is in the message (RFC 4861 §4.4).
const TARGET: Range<usize> = 8..24;

pub(super) fn read(message: &[u8], facts: &mut Vec<Fact>) {
    let target = message.get(TARGET).and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
    if let Some(target) = target
        && message.first() == Some(&NEIGHBOUR_ADVERTISEMENT)
    {
        facts.push(Fact::Address(Ipv6Addr::from(target).into()));
    }
}
