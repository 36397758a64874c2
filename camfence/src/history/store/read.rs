//! Reading what was written.

use std::{
    collections::BTreeMap,
    ops::Bound,
    path::{Path, PathBuf},
    time::Duration,
};

use bytemuck::Zeroable as _;
use camfence_common::{abi::CameraCounters, flow::FlowKey, mac::Mac};
use redb::{ReadOnlyDatabase, ReadTransaction, ReadableDatabase as _, ReadableTable as _};

use super::{
    Result, Store, StoreError, builder, guarded, patiently,
    tables::{
        BASES, BucketBytes, CLOCK, EPOCH, FLOWS, FORMAT, FlowBytes, FlowRow, LINEAGE, META, NAMES,
        REASONS, Reasons, TEXT, THIS_FORMAT, WRITTEN, bucket, bucket_key, buckets, tally_of,
    },
};
use crate::{history::bucket::Width, printable::Printable};

/// How long it is waited for one that nobody may read: making a large one smaller takes seconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a database has at one moment.
pub struct Reader {
    path: PathBuf,
    reasons: Reasons,
    transaction: ReadTransaction,
    /// Of a reader that is no part of the writer.
    _database: Option<ReadOnlyDatabase>,
}

/// What the last reading was, for the next to be compared with.
#[derive(Debug, Default)]
pub struct Bases {
    /// The number of the lineage; another than any if the lineage is another one.
    pub(in crate::history) epoch: u64,
    /// When the kernel was read, in its time.
    pub(in crate::history) clock: u64,
    /// The cameras' counters.
    pub(in crate::history) counters: BTreeMap<Mac, CameraCounters>,
}

impl Store {
    /// What it has now.
    pub fn read(&self) -> Result<Reader> {
        guarded(&self.path, || {
            let transaction = self.database.begin_read()?;
            Ok(Reader {
                path: self.path.clone(),
                reasons: self.reasons.clone(),
                transaction,
                _database: None,
            })
        })
    }
}

impl Reader {
    /// Opens a database that this process does not write. One that was not closed is mended first, if
    /// nobody has it.
    pub fn open(path: &Path) -> Result<Self> {
        patiently(PATIENCE, || Self::open_or_mend(path))
    }

    fn open_or_mend(path: &Path) -> Result<Self> {
        match Self::open_once(path) {
            // Whoever had it did not live to close it.
            Err(StoreError::Damaged { .. }) => {
                drop(Store::open_once(path)?);
                Self::open_once(path)
            }
            opened => opened,
        }
    }

    fn open_once(path: &Path) -> Result<Self> {
        guarded(path, || {
            let database = builder().open_read_only(path)?;
            let transaction = database.begin_read()?;
            let format = transaction.open_table(META)?.get(FORMAT)?.map(|format| format.value());
            let mut reasons = Reasons::default();
            if format == Some(THIS_FORMAT) {
                for entry in transaction.open_table(REASONS)?.iter()? {
                    let (number, name) = entry?;
                    reasons.note(number.value(), name.value());
                }
            }
            let path = path.to_owned();
            Ok((Self { path, reasons, transaction, _database: Some(database) }, format))
        })
        .and_then(|(reader, format)| match format {
            Some(THIS_FORMAT) => Ok(reader),
            found => {
                let found = found.unwrap_or_default();
                Err(StoreError::Newer { path: path.to_owned(), found })
            }
        })
    }

    /// The last known names of cameras.
    pub fn names(&self) -> Result<BTreeMap<Mac, String>> {
        guarded(&self.path, || {
            let mut names = BTreeMap::new();
            for entry in self.transaction.open_table(NAMES)?.iter()? {
                let (mac, name) = entry?;
                // From a file that anything may have been done with.
                let name = Printable::from(name.value().1).to_string();
                names.insert(Mac(*mac.value()), name);
            }
            Ok(names)
        })
    }

    /// When anything was written last, since 1970.
    pub fn written(&self) -> Result<Option<Duration>> {
        guarded(&self.path, || {
            let written = self.transaction.open_table(META)?.get(WRITTEN)?;
            Ok(written.map(|written| Duration::from_millis(written.value())))
        })
    }

    /// What cameras, or one of them, counted in each bucket from a moment on that anything was counted in.
    pub fn counts(
        &self,
        width: Width,
        from: Duration,
        mac: Option<Mac>,
    ) -> Result<BTreeMap<(u32, Mac), CameraCounters>> {
        guarded(&self.path, || {
            let table = self.transaction.open_table(buckets(width))?;
            let first = bucket_key(width.number(from), Mac([0; 6]), 0);
            let mut counts = BTreeMap::new();
            for entry in table.range::<&BucketBytes>(&first..)? {
                let (key, tally) = entry?;
                let (number, of, what) = bucket(key.value());
                if mac.is_none_or(|mac| mac == of) {
                    let sum = counts.entry((number, of)).or_insert_with(CameraCounters::zeroed);
                    self.reasons.add(sum, what, tally_of(tally.value()));
                }
            }
            Ok(counts)
        })
    }

    /// The flows of all cameras, or of one.
    pub fn flows(&self, mac: Option<Mac>, mut each: impl FnMut(FlowKey, FlowRow)) -> Result<()> {
        guarded(&self.path, || {
            let table = self.transaction.open_table(FLOWS)?;
            let (mut first, mut last) = ([0; 26], [0xff; 26]);
            if let Some(Mac(mac)) = mac {
                first[..6].copy_from_slice(&mac);
                last[..6].copy_from_slice(&mac);
            }
            let range = (Bound::Included(&first), Bound::Included(&last));
            for entry in table.range::<&FlowBytes>(range)? {
                let (key, row) = entry?;
                if let Some(key) = self.reasons.flow(key.value()) {
                    each(key, FlowRow::from_bytes(row.value()));
                }
            }
            Ok(())
        })
    }

    /// What was read last, to compare a reading of this lineage with.
    pub fn bases(&self, lineage: &str) -> Result<Bases> {
        guarded(&self.path, || {
            let meta = self.transaction.open_table(META)?;
            let epoch = meta.get(EPOCH)?.map_or(0, |epoch| epoch.value());
            let text = self.transaction.open_table(TEXT)?;
            if text.get(LINEAGE)?.is_none_or(|known| known.value() != lineage) {
                return Ok(Bases { epoch: epoch.saturating_add(1), ..Bases::default() });
            }
            let clock = meta.get(CLOCK)?.map_or(0, |clock| clock.value());
            let mut counters = BTreeMap::new();
            for entry in self.transaction.open_table(BASES)?.iter()? {
                let (mac, base) = entry?;
                if let Some(base) = self.reasons.base_counters(epoch, base.value()) {
                    counters.insert(Mac(*mac.value()), base);
                }
            }
            Ok(Bases { epoch, clock, counters })
        })
    }
}
