//! Making the database smaller.

use std::time::Duration;

use camfence_common::mac::Mac;
use redb::{ReadableTable as _, ReadableTableMetadata as _, Table, WriteTransaction};

use super::{
    Result, Store, StoreError, guarded,
    tables::{BucketBytes, FLOWS, FlowBytes, FlowRow, RowBytes, bucket, bucket_key, buckets},
};
use crate::history::bucket::Width;

/// How many times something is let go until the database is small enough.
const MOST_STEPS: usize = 24;

/// Flows that are looked at to tell which are old; of more, as many.
const SAMPLES: u64 = 100_000;

type Failed = redb::Error;

impl Store {
    /// Makes the database smaller if it has more bytes than it may: the oldest flows go first, then the
    /// oldest counts. Gives whether anything went. As long as somebody reads, nothing does; it is an
    /// error if that is so when it has become twice as large.
    pub fn shrink(&mut self, max_size: u64) -> Result<bool> {
        if self.bytes() <= max_size {
            return Ok(false);
        }
        for _ in 0..MOST_STEPS {
            if !self.compact()? {
                return if self.bytes() <= max_size.saturating_mul(2) {
                    Ok(false)
                } else {
                    Err(self.is_read())
                };
            }
            if self.bytes() <= max_size / 4 * 3 {
                break;
            }
            guarded(&self.path, || {
                let transaction = self.database.begin_write()?;
                drop_oldest(&transaction)?;
                Ok(transaction.commit()?)
            })?;
        }
        Ok(true)
    }

    /// Gives back what is not needed any more; false while somebody reads.
    fn compact(&mut self) -> Result<bool> {
        guarded(&self.path, || match self.database.compact() {
            Ok(_) => Ok(true),
            Err(redb::CompactionError::TransactionInProgress) => Ok(false),
            Err(error) => Err(error.into()),
        })
    }

    fn is_read(&self) -> StoreError {
        let reason = "it is too large, and cannot be made smaller while a process reads it".into();
        StoreError::Refused { path: self.path.clone(), reason }
    }
}

/// Removes the quarter of the flows that was seen longest ago; when there are few, the older half of the
/// counts.
fn drop_oldest(transaction: &WriteTransaction) -> std::result::Result<(), Failed> {
    const FEW: u64 = 1_024;
    let mut flows = transaction.open_table(FLOWS)?;
    let count = flows.len()?;
    if count > FEW {
        let end = end_of_quarter(&flows, count)?;
        flows.retain(|_, row| FlowRow::from_bytes(row).last > end)?;
        return Ok(());
    }
    for width in Width::ALL {
        let mut table = transaction.open_table(buckets(width))?;
        let number = |key: &BucketBytes| bucket(key).0;
        let ends = (
            table.first()?.map(|e| number(e.0.value())),
            table.last()?.map(|e| number(e.0.value())),
        );
        if let (Some(first), Some(last)) = ends {
            let middle = bucket_key(first + (last - first).div_ceil(2), Mac([0; 6]), 0);
            table.retain_in::<&BucketBytes, _>(..&middle, |_, _| false)?;
        }
    }
    Ok(())
}

/// Until when the quarter of the flows that is oldest was seen last, nearly.
fn end_of_quarter(
    flows: &Table<'_, &FlowBytes, &RowBytes>,
    count: u64,
) -> std::result::Result<Duration, Failed> {
    let step = usize::try_from(count / SAMPLES).unwrap_or(usize::MAX).saturating_add(1);
    let mut seen = Vec::new();
    for entry in flows.iter()?.step_by(step) {
        seen.push(FlowRow::from_bytes(entry?.1.value()).last);
    }
    let quarter = seen.len() / 4;
    Ok(*seen.select_nth_unstable(quarter).1)
}
