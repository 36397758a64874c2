//! What the database has, with what the kernel counted since it was written.
//!
//! The database's sums contain what the kernel had counted when it was read last, and say how much that
//! was. So what is added is the difference, by the same [`books`] as are kept.

use std::{collections::BTreeMap, time::Duration};

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
        let kernel =
            self.now.as_ref().map(|(reading, bases)| (&reading.ledger.flows, reading, bases));
        self.reader.flows(mac, |key, row| {
            let row = match kernel {
                Some((flows, reading, bases)) => match flows.get(&key) {
                    Some(flow) => reading.row(flow, Some(row), bases.epoch, bases.clock),
                    None => row,
                },
                None => row,
            };
            spans.insert(key, row.into());
        })?;
        if let Some((flows, reading, bases)) = kernel {
            for (key, flow) in
                flows.iter().filter(|(key, _)| mac.is_none_or(|mac| mac == key.mac()))
            {
                spans
                    .entry(*key)
                    .or_insert_with(|| reading.row(flow, None, bases.epoch, bases.clock).into());
            }
        }
        Ok(spans)
    }
}
