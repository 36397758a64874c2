//! What the kernel programs tell userspace: records of a ring buffer.
//!
//! A record begins with a [`Header`], whose kind says what follows. A program tells so many of each kind
//! a second and CPU ([`BUDGETS`]); what is not told is counted ([`Told`]), so that a flood costs
//! next to nothing and nobody takes what was told for everything.

use bytemuck::{Pod, Zeroable};
use network_types::udp::UdpHdr;

use crate::{
    flow::FlowKey,
    limits::{MAX_TOLD_ANSWERS, MAX_TOLD_CONTACTS, MAX_TOLD_STRANGERS},
    mac::Mac,
    reason::Direction,
    verdict::Verdict,
    wire::extension::Protocol,
};

/// Bytes of the ring buffer: a power of two, and whole pages. Room for some 4,000 first contacts.
pub const RING_BYTES: u32 = 256 * 1024;

/// Bytes of a DNS message that are told: what every resolver sends at the most to those who do not ask
/// for more (RFC 1035 §4.2.1).
pub const MAX_ANSWER: usize = 512;

/// For how long a budget is, in nanoseconds.
pub const BUDGET_TIME: u64 = 1_000_000_000;

/// The port of DNS servers.
const DNS_PORT: u16 = 53;

/// What is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// [`Contact`]: the first packet of a flow.
    Contact,
    /// [`Stranger`]: the first frame of an unknown source.
    Stranger,
    /// [`Answer`]: a DNS message to a camera.
    Answer,
}

impl Kind {
    /// Every kind, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Contact, Self::Stranger, Self::Answer];

    /// Its number in a [`Header`] is one more.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Its number.
    #[inline(always)]
    pub const fn number(self) -> u32 {
        self as u32 + 1
    }

    /// The kind of a number. None if this version has none.
    pub fn of_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }
}

/// How many of each [`Kind`] are told in [`BUDGET_TIME`], on each CPU.
pub const BUDGETS: [u32; 3] = [MAX_TOLD_CONTACTS, MAX_TOLD_STRANGERS, MAX_TOLD_ANSWERS];

/// The beginning of every record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Header {
    /// [`Kind::number`].
    pub kind: u32,
    /// Interface index of the port.
    pub ifindex: u32,
    /// When it was: nanoseconds since boot, suspension left out (`CLOCK_MONOTONIC`).
    pub time: u64,
}

/// The ledger had no entry of a flow. Each CPU may tell it, and again when it was evicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Contact {
    /// When and where.
    pub header: Header,
    /// Which flow.
    pub key: FlowKey,
}

/// An unknown source that was not among those seen last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Stranger {
    /// When and where.
    pub header: Header,
    /// Its MAC.
    pub mac: Mac,
    /// Zero.
    pub zero: [u8; 2],
}

/// What a DNS server said to a camera, over UDP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Answer {
    /// When and where.
    pub header: Header,
    /// The camera.
    pub mac: Mac,
    /// Bytes of the message, which may be more than are here.
    pub len: u16,
    /// The message, from its beginning, as bytes. What it does not fill is zero.
    pub words: [u64; MAX_ANSWER / size_of::<u64>()],
}

impl Answer {
    /// The message as far as it is here.
    pub fn message(&self) -> &[u8] {
        let bytes = self.bytes();
        bytes.get(..usize::from(self.len)).unwrap_or(bytes)
    }

    /// What there is room for in the record.
    pub fn bytes(&self) -> &[u8] {
        bytemuck::cast_slice(&self.words)
    }

    /// Whether that is not all of it.
    pub const fn is_cut(&self) -> bool {
        self.len as usize > MAX_ANSWER
    }
}

/// What was told on one CPU, and what was not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Pod, Zeroable)]
#[repr(C)]
pub struct Told {
    /// Since when the budgets are counted.
    pub since: u64,
    /// What was taken from the budgets since, by [`Kind::index`].
    pub spent: [u32; 3],
    /// Zero.
    pub zero: u32,
    /// Records that were told.
    pub told: [u64; 3],
    /// Those that were not: beyond the budget, or without room.
    pub lost: [u64; 3],
}

impl Told {
    /// Adds what was told on another CPU.
    pub fn add(&mut self, other: &Self) {
        for kind in Kind::ALL.map(Kind::index) {
            self.told[kind] = self.told[kind].wrapping_add(other.told[kind]);
            self.lost[kind] = self.lost[kind].wrapping_add(other.lost[kind]);
        }
    }
}

/// Where the header of a packet is that may have a DNS server's answer: UDP from its port, to a camera.
#[inline(always)]
pub fn answer_at(direction: Direction, verdict: Verdict) -> Option<usize> {
    let payload = verdict.payload();
    let is_answer = direction == Direction::Inbound
        && payload.protocol == Protocol::UDP
        && !payload.is_later
        && verdict.outline().port() == DNS_PORT;
    is_answer.then_some(payload.at)
}

/// Bytes of a UDP header.
pub const UDP_HEADER: u16 = 8;
const _: () = assert!(UDP_HEADER as usize == UdpHdr::LEN);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_their_numbers() {
        for (index, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind.index(), index);
            assert_eq!(Kind::of_number(kind.number()), Some(kind));
        }
        assert_eq!(Kind::of_number(0), None, "a record that was never written");
        assert_eq!(Kind::of_number(4), None);
    }

    #[test]
    fn a_message_ends_where_it_says_or_where_the_record_does() {
        let mut answer = Answer { len: 12, ..Answer::zeroed() };
        assert_eq!((answer.message().len(), answer.is_cut()), (12, false));
        answer.len = 512;
        assert_eq!((answer.message().len(), answer.is_cut()), (512, false));
        answer.len = 513;
        assert_eq!((answer.message().len(), answer.is_cut()), (512, true));
    }
}
