//! What the database has, with what the kernel counted since it was written.
//!
//! The database's sums contain what the kernel had counted when it was read last, and say how much that
//! was. So what is added is the difference, by the same [`books`] as are kept.

use std::{cmp::Reverse, collections::BTreeMap, time::Duration};

use camfence_common::{
    abi::{CameraCounters, Tally},
    flow::FlowKey,
    mac::Mac,
};

use super::{
    books,
    bucket::Width,
    store::{Bases, FlowRow, Reader, Result},
};
use crate::fence::Reading;

/// What was counted of a flow, and when. Times are since 1970, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Its frames and bytes.
    pub tally: Tally,
    /// When its first packet came.
    pub first: Duration,
    /// When its last packet came.
    pub last: Duration,
}

impl From<FlowRow> for Span {
    fn from(FlowRow { tally, first, last, .. }: FlowRow) -> Self {
        Self { tally, first, last }
    }
}

/// A database with a reading of the kernel that is later, if there is one.
pub struct Joined<'a> {
    reader: &'a Reader,
    now: Option<(Reading, Bases)>,
}

impl<'a> Joined<'a> {
    /// Joins them. The kernel is read here, as it has to be after the database: what is in that and not
    /// in a reading seems to have begun anew.
    pub fn new(reader: &'a Reader, read: impl FnOnce() -> Option<Reading>) -> Result<Self> {
        let now = match read() {
            Some(reading) => {
                let bases = reader.bases(&reading.lineage)?;
                Some((reading, bases))
            }
            None => None,
        };
        Ok(Self { reader, now })
    }

    /// What cameras, or one of them, counted in each bucket from a moment since 1970 on.
    pub fn counts(
        &self,
        width: Width,
        from: Duration,
        mac: Option<Mac>,
    ) -> Result<BTreeMap<(u32, Mac), CameraCounters>> {
        let mut counts = self.reader.counts(width, from, mac)?;
        let Some((reading, bases)) = &self.now else { return Ok(counts) };
        let number = width.number(reading.since_epoch);
        for (of, counters) in &reading.counters {
            let new = books::new_counts(counters, bases.counters.get(of));
            let is_none = new.by.as_flattened().iter().all(|tally| tally.is_zero());
            if mac.is_none_or(|mac| mac == *of) && !is_none {
                counts.entry((number, *of)).and_modify(|sum| sum.add(&new)).or_insert(new);
            }
        }
        Ok(counts)
    }

    /// The flows of all cameras, or of one.
    pub fn flows(&self, mac: Option<Mac>) -> Result<BTreeMap<FlowKey, Span>> {
        let mut spans = BTreeMap::new();
        self.each_flow(mac, |key, span| {
            spans.insert(key, span);
        })?;
        Ok(spans)
    }

    /// So many flows of a camera, those that were seen last.
    pub fn last_flows(&self, mac: Mac, most: usize) -> Result<BTreeMap<FlowKey, Span>> {
        let mut last = Last::new(most);
        self.each_flow(Some(mac), |key, span| last.add(key, span))?;
        Ok(last.flows())
    }

    /// Hands flows over, each once, in no order.
    fn each_flow(&self, mac: Option<Mac>, mut each: impl FnMut(FlowKey, Span)) -> Result<()> {
        let Some((reading, bases)) = &self.now else {
            return self.reader.flows(mac, |key, row| each(key, row.into()));
        };
        let flows = &reading.ledger.flows;
        let mut is_told = vec![false; flows.len()];
        self.reader.flows(mac, |key, row| {
            let row = match flows.find(&key) {
                Some((place, flow)) => {
                    is_told[place] = true;
                    reading.row(flow, Some(row), bases.epoch, bases.clock)
                }
                None => row,
            };
            each(key, row.into());
        })?;
        for ((key, flow), is_told) in flows.iter().zip(is_told) {
            if !is_told && mac.is_none_or(|mac| mac == key.mac()) {
                each(*key, reading.row(flow, None, bases.epoch, bases.clock).into());
            }
        }
        Ok(())
    }
}

/// Of flows that are added, so many that were seen last. No more than twice as many are kept.
#[derive(Debug)]
pub struct Last {
    most: usize,
    flows: Vec<(FlowKey, Span)>,
}

impl Last {
    /// No flows yet.
    pub const fn new(most: usize) -> Self {
        Self { most, flows: Vec::new() }
    }

    /// Adds one that was not added before.
    pub fn add(&mut self, key: FlowKey, span: Span) {
        self.flows.push((key, span));
        if self.flows.len() > 2 * self.most {
            self.leave();
        }
    }

    /// The flows.
    pub fn flows(mut self) -> BTreeMap<FlowKey, Span> {
        self.leave();
        self.flows.into_iter().collect()
    }

    fn leave(&mut self) {
        if self.flows.len() > self.most {
            self.flows
                .select_nth_unstable_by_key(self.most, |(key, span)| (Reverse(span.last), *key));
            self.flows.truncate(self.most);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use camfence_common::reason::{Direction, Reason};

    use super::*;

    #[test]
    fn those_seen_last_are_left() {
        let key = |number: u16| {
            let (mac, peer) = (Mac([2, 0, 0, 0, 0, 1]), IpAddr::from([192, 0, 2, 1]));
            FlowKey::new(mac, Direction::Outbound, peer, (17, number), Reason::NotLocal)
        };
        let seen = |last| Span {
            tally: Tally::default(),
            first: Duration::ZERO,
            last: Duration::from_secs(last),
        };
        let mut last = Last::new(3);
        for number in 0..100 {
            // In no order.
            let second = u64::from(number) * 37 % 100;
            last.add(key(number), seen(second));
            assert!(last.flows.len() <= 6);
        }
        let flows = last.flows();
        let mut times: Vec<u64> = flows.values().map(|span| span.last.as_secs()).collect();
        times.sort_unstable();
        assert_eq!(times, [97, 98, 99]);
        assert!(Last::new(3).flows().is_empty());
    }
}
