//! The tables, and how keys and values lie in them.
//!
//! Numbers in keys are big-endian, so that keys are in the order of what they say and a range of time,
//! or a camera, is a range of keys. Numbers in values are little-endian. Times are milliseconds since
//! 1970, UTC, but for those that the kernel's are compared with, which are its nanoseconds.

use std::{collections::BTreeMap, net::Ipv6Addr, time::Duration};

use bytemuck::Zeroable as _;
use camfence_common::{
    abi::{CameraCounters, Tally},
    flow::FlowKey,
    mac::Mac,
    reason::{Direction, Reason},
};
use redb::TableDefinition;

use crate::history::{books::FlowBase, bucket::Width};

/// What [`FORMAT`] is now. Another one is needed for whatever older versions would misread.
pub(super) const THIS_FORMAT: u64 = 1;

/// Numbers by name.
pub(super) const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
/// The format of everything else.
pub(super) const FORMAT: &str = "format";
/// How many lineages there were: which one a base is of.
pub(super) const EPOCH: &str = "epoch";
/// When the kernel was read last, in its time.
pub(super) const CLOCK: &str = "clock";
/// When anything was written last.
pub(super) const WRITTEN: &str = "written";
/// The day on which flows were looked through for old ones.
pub(super) const PRUNED: &str = "pruned";

/// Text by name.
pub(super) const TEXT: TableDefinition<'_, &str, &str> = TableDefinition::new("text");
/// The lineage that was read last.
pub(super) const LINEAGE: &str = "lineage";

/// Reasons by the number they have here: that of the kernel's counters changes with the ABI.
pub(super) const REASONS: TableDefinition<'_, u8, &str> = TableDefinition::new("reasons");

/// When a camera's name was written, and the name.
pub(super) const NAMES: TableDefinition<'_, &MacBytes, (u64, &str)> = TableDefinition::new("names");

/// What was read last of a camera's counters: the epoch, then what and how many.
pub(super) const BASES: TableDefinition<'_, &MacBytes, &[u8]> = TableDefinition::new("bases");

/// Flows: camera, what, protocol, port, peer.
pub(super) const FLOWS: TableDefinition<'_, &FlowBytes, &RowBytes> = TableDefinition::new("flows");

/// What a camera counted in a time: number of the bucket, camera, what.
pub(super) const fn buckets(
    width: Width,
) -> TableDefinition<'static, &'static BucketBytes, &'static TallyBytes> {
    TableDefinition::new(match width {
        Width::FiveMinutes => "counts-5min",
        Width::Hour => "counts-hour",
        Width::Day => "counts-day",
    })
}

pub(super) type MacBytes = [u8; 6];
pub(super) type FlowBytes = [u8; 26];
pub(super) type RowBytes = [u8; 64];
pub(super) type BucketBytes = [u8; 11];
pub(super) type TallyBytes = [u8; 16];

/// The highest bit of what was counted, which is the direction; the others are the reason's number.
const INBOUND: u8 = 0x80;

/// What is known of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FlowRow {
    /// Its frames and bytes.
    pub tally: Tally,
    /// When its first packet came, since 1970.
    pub first: Duration,
    /// When its last packet came, since 1970.
    pub last: Duration,
    /// What was read last of it, and in which epoch.
    pub(in crate::history) base: (u64, FlowBase),
}

/// The numbers that reasons have in a database.
#[derive(Debug, Clone, Default)]
pub(super) struct Reasons {
    numbers: BTreeMap<Reason, u8>,
    reasons: BTreeMap<u8, Reason>,
}

impl Reasons {
    /// Notes what a number stands for. Names that this version does not know are left out.
    pub(super) fn note(&mut self, number: u8, name: &str) {
        if let Some(reason) = Reason::ALL.into_iter().find(|reason| reason.name() == name) {
            self.numbers.insert(reason, number);
            self.reasons.insert(number, reason);
        }
    }

    pub(super) fn has(&self, reason: Reason) -> bool {
        self.numbers.contains_key(&reason)
    }

    /// What is counted for a reason in a direction; none of one that was not noted.
    pub(super) fn what(&self, direction: Direction, reason: Reason) -> Option<u8> {
        let inbound = if direction == Direction::Inbound { INBOUND } else { 0 };
        Some(self.numbers.get(&reason)? | inbound)
    }

    /// What that was; none if this version has no such reason.
    pub(super) fn meant(&self, what: u8) -> Option<(Direction, Reason)> {
        let inbound = what & INBOUND != 0;
        let direction = if inbound { Direction::Inbound } else { Direction::Outbound };
        Some((direction, *self.reasons.get(&(what & !INBOUND))?))
    }

    pub(super) fn flow_key(&self, key: &FlowKey) -> Option<FlowBytes> {
        let peer = match key.peer() {
            std::net::IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            std::net::IpAddr::V6(v6) => v6,
        };
        let mut bytes = FlowBytes::default();
        bytes[..6].copy_from_slice(&key.mac().0);
        bytes[6] = self.what(key.direction(), key.reason()?)?;
        bytes[7] = key.protocol();
        bytes[8..10].copy_from_slice(&key.port().to_be_bytes());
        bytes[10..].copy_from_slice(&peer.octets());
        Some(bytes)
    }

    pub(super) fn flow(&self, bytes: &FlowBytes) -> Option<FlowKey> {
        let [m0, m1, m2, m3, m4, m5, what, protocol, p0, p1, peer @ ..] = *bytes;
        let (direction, reason) = self.meant(what)?;
        let mac = Mac([m0, m1, m2, m3, m4, m5]);
        let peer = Ipv6Addr::from(peer).to_canonical();
        let port = u16::from_be_bytes([p0, p1]);
        Some(FlowKey::new(mac, direction, peer, (protocol, port), reason))
    }

    /// What was counted, each for what.
    pub(super) fn counts(&self, counters: &CameraCounters) -> Vec<(u8, Tally)> {
        let all = Direction::ALL
            .into_iter()
            .flat_map(|direction| Reason::ALL.into_iter().map(move |reason| (direction, reason)));
        all.filter_map(|(direction, reason)| {
            let tally = counters.by[direction.index()][reason.index()];
            let what = self.what(direction, reason)?;
            (!tally.is_zero()).then_some((what, tally))
        })
        .collect()
    }

    /// Adds what was counted for something.
    pub(super) fn add(&self, counters: &mut CameraCounters, what: u8, tally: Tally) {
        if let Some((direction, reason)) = self.meant(what) {
            counters.by[direction.index()][reason.index()].add(tally);
        }
    }

    /// A base: the epoch, and what was counted.
    pub(super) fn base(&self, epoch: u64, counters: &CameraCounters) -> Vec<u8> {
        let mut bytes = epoch.to_le_bytes().to_vec();
        for (what, tally) in self.counts(counters) {
            bytes.push(what);
            bytes.extend(tally_bytes(tally));
        }
        bytes
    }

    /// The counters of a base; none if it is of another epoch.
    pub(super) fn base_counters(&self, epoch: u64, bytes: &[u8]) -> Option<CameraCounters> {
        let (of, mut rest) = bytes.split_first_chunk()?;
        if u64::from_le_bytes(*of) != epoch {
            return None;
        }
        let mut counters = CameraCounters::zeroed();
        while let Some(([what, tally @ ..], more)) = rest.split_first_chunk::<17>() {
            self.add(&mut counters, *what, tally_of(tally));
            rest = more;
        }
        Some(counters)
    }
}

pub(super) fn bucket_key(number: u32, Mac(mac): Mac, what: u8) -> BucketBytes {
    let mut bytes = BucketBytes::default();
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    bytes[4..10].copy_from_slice(&mac);
    bytes[10] = what;
    bytes
}

pub(super) fn bucket(bytes: &BucketBytes) -> (u32, Mac, u8) {
    let [n0, n1, n2, n3, m0, m1, m2, m3, m4, m5, what] = *bytes;
    (u32::from_be_bytes([n0, n1, n2, n3]), Mac([m0, m1, m2, m3, m4, m5]), what)
}

pub(super) fn tally_bytes(Tally { packets, bytes }: Tally) -> TallyBytes {
    words([packets, bytes])
}

pub(super) fn tally_of(bytes: &TallyBytes) -> Tally {
    let [packets, bytes] = numbers(bytes);
    Tally { packets, bytes }
}

impl FlowRow {
    pub(super) fn to_bytes(self) -> RowBytes {
        let Self { tally, first, last, base: (epoch, base) } = self;
        words([
            tally.packets,
            tally.bytes,
            milliseconds(first),
            milliseconds(last),
            epoch,
            base.first,
            base.tally.packets,
            base.tally.bytes,
        ])
    }

    pub(super) fn from_bytes(bytes: &RowBytes) -> Self {
        let [packets, octets, first, last, epoch, base_first, base_packets, base_bytes] =
            numbers(bytes);
        Self {
            tally: Tally { packets, bytes: octets },
            first: Duration::from_millis(first),
            last: Duration::from_millis(last),
            base: (
                epoch,
                FlowBase {
                    first: base_first,
                    tally: Tally { packets: base_packets, bytes: base_bytes },
                },
            ),
        }
    }
}

pub(super) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn words<const N: usize, const BYTES: usize>(numbers: [u64; N]) -> [u8; BYTES] {
    const { assert!(N * size_of::<u64>() == BYTES) }
    let mut bytes = [0; BYTES];
    for (chunk, number) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(numbers) {
        *chunk = number.to_le_bytes();
    }
    bytes
}

fn numbers<const N: usize, const BYTES: usize>(bytes: &[u8; BYTES]) -> [u64; N] {
    const { assert!(N * size_of::<u64>() == BYTES) }
    let mut numbers = [0; N];
    for (number, chunk) in numbers.iter_mut().zip(bytes.as_chunks::<8>().0) {
        *number = u64::from_le_bytes(*chunk);
    }
    numbers
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn reasons() -> Reasons {
        let mut reasons = Reasons::default();
        // Not the order that this version has.
        for (number, reason) in (0..).zip(Reason::ALL.into_iter().rev()) {
            reasons.note(number, reason.name());
        }
        reasons.note(99, "a-reason-of-a-later-version");
        reasons
    }

    #[test]
    fn flows_are_those_that_were_put_in() {
        let reasons = reasons();
        let mac = Mac([0xb0, 0xc5, 0x54, 0x25, 0x5b, 0x0e]);
        for peer in ["203.0.113.7", "2001:db8::7"] {
            let peer: IpAddr = peer.parse().unwrap();
            for direction in Direction::ALL {
                let key = FlowKey::new(mac, direction, peer, (17, 10_240), Reason::NotLocal);
                let bytes = reasons.flow_key(&key).unwrap();
                assert_eq!(reasons.flow(&bytes), Some(key));
                assert!(bytes.starts_with(&mac.0), "a camera's flows are a range");
            }
        }
        assert_eq!(reasons.meant(99), None);
    }

    #[test]
    fn rows_and_bases_are_what_was_put_in() {
        let tally = Tally { packets: 7, bytes: 420 };
        let row = FlowRow {
            tally,
            first: Duration::from_millis(1_795_276_800_123),
            last: Duration::from_millis(1_795_276_900_456),
            base: (3, FlowBase { first: 99, tally }),
        };
        assert_eq!(FlowRow::from_bytes(&row.to_bytes()), row);
        let reasons = reasons();
        let mut counters = CameraCounters::zeroed();
        counters.by[1][Reason::Inbound.index()] = tally;
        let base = reasons.base(3, &counters);
        assert_eq!(reasons.base_counters(3, &base), Some(counters));
        assert_eq!(reasons.base_counters(4, &base), None);
        assert_eq!(reasons.base_counters(3, &base[..5]), None);
    }

    #[test]
    fn buckets_are_in_the_order_of_time() {
        let [old, new] = [(255, 0xff, 0xff), (256, 0, 0)]
            .map(|(number, octet, what)| bucket_key(number, Mac([octet; 6]), what));
        assert!(old < new);
        assert_eq!(bucket(&new), (256, Mac([0; 6]), 0));
    }
}
