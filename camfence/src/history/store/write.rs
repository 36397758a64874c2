//! Adding a reading, and letting go what is old.

use std::{collections::BTreeMap, time::Duration};

use camfence_common::{
    abi::{CameraCounters, Tally},
    flow::{Flow, FlowKey},
    mac::Mac,
};
use redb::{ReadableTable as _, ReadableTableMetadata as _, WriteTransaction};

use super::{
    Result, Store, guarded,
    tables::{
        BASES, BucketBytes, CLOCK, EPOCH, FLOWS, FlowRow, LINEAGE, META, MacBytes, NAMES, PRUNED,
        Reasons, TEXT, WRITTEN, bucket_key, buckets, milliseconds, tally_bytes, tally_of,
    },
};
use crate::{
    config::History,
    fence::Reading,
    history::{books, bucket::Width},
    kernel::ledger::Flows,
};

/// A flow that was last seen this much before the last reading has been read: what is on its way from a
/// place to the map is there much sooner.
const SETTLED: Duration = Duration::from_secs(10);

/// Bytes of the database for each flow of a reading that is written. A flow takes about half of that, so
/// that one reading is no more than about half of the database.
const BYTES_PER_FLOW: u64 = 256;

/// How often a camera's name is written though it stays the same: by that it is known how old it is.
const RENAMED: Duration = Duration::from_hours(24);

/// What came of adding a reading.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Added {
    /// Whether anything was written.
    pub written: bool,
    /// Flows that were not there before.
    pub flows: Vec<FlowKey>,
    /// Whether flows were let go.
    pub pruned: bool,
}

/// Makes those tables that are missing, so that whoever reads finds them.
pub(super) fn make_tables(transaction: &WriteTransaction) -> std::result::Result<(), redb::Error> {
    transaction.open_table(TEXT)?;
    transaction.open_table(NAMES)?;
    transaction.open_table(BASES)?;
    transaction.open_table(FLOWS)?;
    for width in Width::ALL {
        transaction.open_table(buckets(width))?;
    }
    Ok(())
}

impl Store {
    /// Adds what a reading has beyond the one before, and lets go what is too old. `names` are those of
    /// the cameras that are registered.
    pub fn add(
        &mut self,
        reading: &Reading,
        names: &BTreeMap<Mac, String>,
        settings: &History,
    ) -> Result<Added> {
        guarded(&self.path, || {
            let transaction = self.database.begin_write()?;
            let mut writing = Writing::begin(&transaction, &self.reasons, reading)?;
            writing.counters()?;
            writing.flows(settings)?;
            writing.names(names)?;
            writing.let_go(settings.keep)?;
            let added = writing.added;
            if added.written {
                finish(&transaction, reading)?;
                transaction.commit()?;
            } else {
                transaction.abort()?;
            }
            Ok(added)
        })
    }
}

type Failed = redb::Error;

/// A reading that is being added.
struct Writing<'a> {
    transaction: &'a WriteTransaction,
    reasons: &'a Reasons,
    reading: &'a Reading,
    epoch: u64,
    /// When the kernel was read before.
    clock: u64,
    added: Added,
}

impl<'a> Writing<'a> {
    fn begin(
        transaction: &'a WriteTransaction,
        reasons: &'a Reasons,
        reading: &'a Reading,
    ) -> std::result::Result<Self, Failed> {
        let mut meta = transaction.open_table(META)?;
        let mut text = transaction.open_table(TEXT)?;
        let mut epoch = meta.get(EPOCH)?.map_or(0, |epoch| epoch.value());
        let mut clock = meta.get(CLOCK)?.map_or(0, |clock| clock.value());
        let mut added = Added::default();
        let is_same = text.get(LINEAGE)?.is_some_and(|it| it.value() == reading.lineage);
        if !is_same {
            (epoch, clock, added.written) = (epoch.saturating_add(1), 0, true);
            meta.insert(EPOCH, epoch)?;
            text.insert(LINEAGE, reading.lineage.as_str())?;
        }
        Ok(Self { transaction, reasons, reading, epoch, clock, added })
    }

    fn counters(&mut self) -> std::result::Result<(), Failed> {
        let mut bases = self.transaction.open_table(BASES)?;
        let mut new = BTreeMap::new();
        for (mac, counters) in &self.reading.counters {
            let base = bases.get(&mac.0)?;
            let base = base.and_then(|b| self.reasons.base_counters(self.epoch, b.value()));
            if base.as_ref() == Some(counters) {
                continue;
            }
            new.insert(*mac, books::new_counts(counters, base.as_ref()));
            bases.insert(&mac.0, self.reasons.base(self.epoch, counters).as_slice())?;
            self.added.written = true;
        }
        // A camera that comes again begins anew.
        let gone = |mac: &MacBytes| !self.reading.counters.contains_key(&Mac(*mac));
        for removed in bases.extract_if(|mac, _| gone(mac))? {
            removed?;
            self.added.written = true;
        }
        Width::ALL.into_iter().try_for_each(|width| self.bucket(width, &new))
    }

    fn bucket(
        &self,
        width: Width,
        new: &BTreeMap<Mac, CameraCounters>,
    ) -> std::result::Result<(), Failed> {
        let mut table = self.transaction.open_table(buckets(width))?;
        let number = width.number(self.reading.since_epoch);
        for (mac, counters) in new {
            for (what, tally) in self.reasons.counts(counters) {
                let key = bucket_key(number, *mac, what);
                let mut sum =
                    table.get(&key)?.map_or(Tally::default(), |sum| tally_of(sum.value()));
                sum.add(tally);
                table.insert(&key, &tally_bytes(sum))?;
            }
        }
        Ok(())
    }

    fn flows(&mut self, settings: &History) -> std::result::Result<(), Failed> {
        let mut table = self.transaction.open_table(FLOWS)?;
        let settled = self.clock.saturating_sub(nanoseconds(SETTLED));
        let most = usize::try_from(settings.max_size / BYTES_PER_FLOW).unwrap_or(usize::MAX);
        let flows = &self.reading.ledger.flows;
        let from = settled.max(last_of(flows, most));
        for (key, flow) in flows.iter().filter(|(_, flow)| flow.last >= from).take(most) {
            let Some(bytes) = self.reasons.flow_key(key) else { continue };
            let known = table.get(&bytes)?.map(|row| FlowRow::from_bytes(row.value()));
            let row = self.reading.row(flow, known, self.epoch, self.clock);
            if known == Some(row) {
                continue;
            }
            if known.is_none() {
                self.added.flows.push(*key);
            }
            table.insert(&bytes, &row.to_bytes())?;
            self.added.written = true;
        }
        Ok(())
    }

    fn names(&mut self, names: &BTreeMap<Mac, String>) -> std::result::Result<(), Failed> {
        let mut table = self.transaction.open_table(NAMES)?;
        let now = milliseconds(self.reading.since_epoch);
        let fresh = now.saturating_sub(milliseconds(RENAMED));
        for (mac, name) in names {
            let is_known = table.get(&mac.0)?.is_some_and(|known| {
                let (written, known) = known.value();
                known == name && written >= fresh
            });
            if !is_known {
                table.insert(&mac.0, (now, name.as_str()))?;
                self.added.written = true;
            }
        }
        Ok(())
    }

    /// Lets go what is older than it is kept.
    fn let_go(&mut self, keep: Duration) -> std::result::Result<(), Failed> {
        let now = self.reading.since_epoch;
        for width in Width::ALL {
            let first = width.number(now.saturating_sub(width.kept(keep)));
            let mut table = self.transaction.open_table(buckets(width))?;
            let end = bucket_key(first, Mac([0; 6]), 0);
            let is_old = table.first()?.is_some_and(|(key, _)| *key.value() < end);
            if is_old {
                table.retain_in::<&BucketBytes, _>(..&end, |_, _| false)?;
                self.added.written = true;
            }
        }
        let today = u64::from(Width::Day.number(now));
        let mut meta = self.transaction.open_table(META)?;
        if meta.get(PRUNED)?.is_some_and(|day| day.value() == today) {
            return Ok(());
        }
        meta.insert(PRUNED, today)?;
        self.added.written = true;
        let oldest = milliseconds(now.saturating_sub(keep));
        let mut flows = self.transaction.open_table(FLOWS)?;
        let before = flows.len()?;
        flows.retain(|_, row| milliseconds(FlowRow::from_bytes(row).last) >= oldest)?;
        self.added.pruned = flows.len()? < before;
        let mut names = self.transaction.open_table(NAMES)?;
        names.retain(|_, (written, _)| written >= oldest)?;
        Ok(())
    }
}

fn finish(transaction: &WriteTransaction, reading: &Reading) -> std::result::Result<(), Failed> {
    let mut meta = transaction.open_table(META)?;
    meta.insert(CLOCK, nanoseconds(reading.clock))?;
    meta.insert(WRITTEN, milliseconds(reading.since_epoch))?;
    Ok(())
}

impl Reading {
    /// What is known of a flow with what it counted since it was written.
    pub(in crate::history) fn row(
        &self,
        flow: &Flow,
        known: Option<FlowRow>,
        epoch: u64,
        clock: u64,
    ) -> FlowRow {
        let base = known.map(|row| row.base).filter(|(of, _)| *of == epoch);
        let (new, base) = books::new_packets(flow, base.map(|(_, base)| base), clock);
        let mut row = known.unwrap_or_else(|| {
            let first = self.on_the_wall(flow.first);
            FlowRow { first, ..FlowRow::default() }
        });
        if new.packets > 0 {
            row.last = row.last.max(self.on_the_wall(flow.last));
        }
        row.tally.add(new);
        row.base = (epoch, base);
        row
    }

    /// When something was, to the millisecond, that the kernel saw at a time of its clock.
    pub(in crate::history) fn on_the_wall(&self, moment: u64) -> Duration {
        let ago = self.clock.saturating_sub(Duration::from_nanos(moment));
        Duration::from_millis(milliseconds(self.since_epoch.saturating_sub(ago)))
    }
}

/// From when on the flows were seen last that are no more than so many.
fn last_of(flows: &Flows, most: usize) -> u64 {
    let surplus = flows.len().saturating_sub(most);
    if surplus == 0 {
        return 0;
    }
    let mut last: Vec<u64> = flows.iter().map(|(_, flow)| flow.last).collect();
    *last.select_nth_unstable(surplus).1
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Does all that adding a reading does, but for the end.
    pub(in super::super) fn unfinished(
        transaction: &WriteTransaction,
        reasons: &Reasons,
        reading: &Reading,
    ) -> std::result::Result<Added, Failed> {
        let mut writing = Writing::begin(transaction, reasons, reading)?;
        writing.counters()?;
        writing.flows(&History::default())?;
        writing.let_go(History::default().keep)?;
        finish(transaction, reading)?;
        Ok(writing.added)
    }
}
