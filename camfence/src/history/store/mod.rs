//! The database, and the only files that name redb.
//!
//! Each reading is added in one transaction, with what the next one is compared with, so that however a
//! process ends nothing is counted twice. A transaction is on the disk when it is over
//! (`Durability::Immediate`), and is written in two phases, since cameras have influence on what is
//! written: what is in use is never written over, and the switch to what is new is a write of its own.
//!
//! One process writes. Others read meanwhile, without asking it (`ConcurrencyMode::SingleWriter`).

mod guard;
mod read;
mod shrink;
mod tables;
#[cfg(test)]
mod tests;
mod write;

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant, SystemTime},
};

use redb::{Builder, ConcurrencyMode, Database, ReadableTable as _, StorageError};
use thiserror::Error;
use tracing::warn;

use self::{
    guard::guarded,
    tables::{FORMAT, META, REASONS, Reasons, THIS_FORMAT},
};
pub use self::{
    read::{Bases, Reader},
    tables::FlowRow,
    write::Added,
};
use camfence_common::reason::Reason;

/// Bytes of what a file's blocks are counted in (`st_blocks` in stat(3type)).
const BLOCK: u64 = 512;

/// Memory for pages of the database.
const CACHE_BYTES: usize = 4 * 1024 * 1024;

/// How long it is waited for one that another process has.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// What the name of one ends in that is being made.
const NEW: &str = "redb.new";

/// Damaged databases that are kept.
const MOST_SET_ASIDE: usize = 3;

/// What the name of one has behind that of the database.
const SET_ASIDE: &str = ".corrupt-";

/// The database cannot be used.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Another process writes it.
    #[error("another process has {} open", path.display())]
    Busy {
        /// The database.
        path: PathBuf,
    },
    /// It is not one, or not any more.
    #[error("{} is damaged: {reason}", path.display())]
    Damaged {
        /// The database.
        path: PathBuf,
        /// How that shows.
        reason: String,
    },
    /// A later version of camfence wrote it.
    #[error("{} is of a later version: its format is {found}", path.display())]
    Newer {
        /// The database.
        path: PathBuf,
        /// The number of its format.
        found: u64,
    },
    /// There is none.
    #[error("there is no history at {}", path.display())]
    Absent {
        /// Where it should be.
        path: PathBuf,
    },
    /// The system refuses.
    #[error("cannot use {}: {reason}", path.display())]
    Refused {
        /// The database.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl StoreError {
    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Busy { .. } => "name another with path under [history] for each fence",
            Self::Damaged { .. } => "`camfence run` sets it aside and begins a new one",
            Self::Newer { .. } => "use that version",
            Self::Absent { .. } => "`camfence run` writes it",
            Self::Refused { .. } => return None,
        };
        Some(hint.into())
    }

    /// Whether nothing can be done with the file itself.
    const fn is_lost(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::Newer { .. })
    }

    fn new(path: &Path, error: &redb::Error) -> Self {
        use redb::Error as E;

        let (path, reason) = (path.to_owned(), error.to_string());
        match error {
            E::DatabaseAlreadyOpen | E::LockProtocolMismatch => Self::Busy { path },
            E::Corrupted(_)
            | E::UpgradeRequired(_)
            | E::RepairAborted
            | E::TableTypeMismatch { .. }
            | E::TableIsMultimap(_)
            | E::TypeDefinitionChanged { .. } => Self::Damaged { path, reason },
            E::Io(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
                ) =>
            {
                Self::Damaged { path, reason }
            }
            E::Io(error) if error.kind() == io::ErrorKind::NotFound => Self::Absent { path },
            _ => Self::Refused { path, reason },
        }
    }
}

/// Result of using the database.
pub type Result<T> = std::result::Result<T, StoreError>;

/// A database that this process writes.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    database: Database,
    reasons: Reasons,
}

impl Store {
    /// Opens the database, or makes one. One that is damaged, or of a later version, is set aside, with a
    /// line in the log.
    pub fn open(path: &Path) -> Result<Self> {
        make_directory(path)?;
        match patiently(PATIENCE, || Self::open_once(path)) {
            Err(error) if error.is_lost() => {
                set_aside(path, &error)?;
                Self::open_once(path)
            }
            opened => opened,
        }
    }

    /// Sets the file aside after an error that says that nothing can be done with it, and gives whether
    /// it was such a one.
    pub fn set_aside_after(self, error: &StoreError) -> Result<bool> {
        let path = self.path.clone();
        // Its lock ends with it; and a damaged one may not end well.
        let _ = guarded(&path, || {
            drop(self);
            Ok(())
        });
        if error.is_lost() {
            set_aside(&path, error)?;
        }
        Ok(error.is_lost())
    }

    fn open_once(path: &Path) -> Result<Self> {
        if !path.exists() {
            make(path)?;
        }
        Self::open_as_it_is(path)
    }

    fn open_as_it_is(path: &Path) -> Result<Self> {
        guarded(path, || {
            let mut builder = builder();
            // All of it is looked at, now and not when it is needed.
            let database = builder.set_check_integrity_on_open(true).open(path)?;
            let (reasons, format) = prepare(&database)?;
            Ok((Self { path: path.to_owned(), database, reasons }, format))
        })
        .and_then(|(store, found)| match found {
            THIS_FORMAT => Ok(store),
            _ => Err(StoreError::Newer { path: path.to_owned(), found }),
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of the file on the disk: redb doubles its length at times, most of which is not there.
    pub fn bytes(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |metadata| metadata.blocks() * BLOCK)
    }
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES).set_concurrency_mode(ConcurrencyMode::SingleWriter);
    builder
}

/// Tries again for a while what fails because another process has the database: it may be about to mend
/// it, or to make it smaller.
fn patiently<T>(patience: Duration, open: impl Fn() -> Result<T>) -> Result<T> {
    let begun = Instant::now();
    loop {
        match open() {
            Err(StoreError::Busy { .. }) if begun.elapsed() < patience => {
                thread::sleep(LOOK_AGAIN);
            }
            opened => return opened,
        }
    }
}

/// Makes a database, beside its place at first: whoever reads it there finds it whole, and what could not
/// be finished, on a full disk say, is not taken for damaged.
fn make(path: &Path) -> Result<()> {
    let beside = path.with_extension(NEW);
    let made = guarded(path, || {
        // Before redb makes it, so that nobody else may read it.
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true).mode(0o600);
        options.open(&beside).map_err(StorageError::Io)?;
        prepare(&builder().create(&beside)?)?;
        fs::rename(&beside, path).map_err(StorageError::Io)?;
        Ok(())
    });
    made.inspect_err(|_| {
        // It may not even have been begun.
        let _ = fs::remove_file(&beside);
    })
}

/// Makes the tables of a new database, and tells the numbers of the reasons and of the format.
fn prepare(database: &Database) -> std::result::Result<(Reasons, u64), redb::Error> {
    let transaction = database.begin_write()?;
    let mut reasons = Reasons::default();
    let mut has_changed = false;
    let format;
    {
        let mut meta = transaction.open_table(META)?;
        let written = meta.get(FORMAT)?.map(|format| format.value());
        format = written.unwrap_or(THIS_FORMAT);
        if format != THIS_FORMAT {
            return Ok((reasons, format));
        }
        if written.is_none() {
            meta.insert(FORMAT, THIS_FORMAT)?;
            has_changed = true;
        }
        let mut table = transaction.open_table(REASONS)?;
        let mut next = 0;
        for entry in table.iter()? {
            let (number, name) = entry?;
            reasons.note(number.value(), name.value());
            next = number.value().saturating_add(1);
        }
        for reason in Reason::ALL {
            if !reasons.has(reason) {
                table.insert(next, reason.name())?;
                reasons.note(next, reason.name());
                next = next.saturating_add(1);
                has_changed = true;
            }
        }
    }
    write::make_tables(&transaction)?;
    if has_changed {
        transaction.commit()?;
    } else {
        transaction.abort()?;
    }
    Ok((reasons, format))
}

/// Makes the directory of a database, if it is missing: nobody else may look into it.
fn make_directory(path: &Path) -> Result<()> {
    let Some(directory) = path.parent() else { return Ok(()) };
    let made = DirBuilder::new().recursive(true).mode(0o750).create(directory);
    made.map_err(|error| StoreError::Refused { path: path.to_owned(), reason: error.to_string() })
}

/// Renames the file to one of the names for such, and removes the oldest of too many.
fn set_aside(path: &Path, why: &StoreError) -> Result<()> {
    let refused =
        |error: io::Error| StoreError::Refused { path: path.to_owned(), reason: error.to_string() };
    let now = humantime::format_rfc3339_millis(SystemTime::now()).to_string().replace(':', "");
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return Ok(()) };
    let aside = path.with_file_name(format!("{name}{SET_ASIDE}{now}"));
    fs::rename(path, &aside).map_err(refused)?;
    warn!("{why}: it is now {}, and the history begins anew", aside.display());
    let prefix = format!("{name}{SET_ASIDE}");
    let Some(directory) = path.parent() else { return Ok(()) };
    let mut others: Vec<PathBuf> = fs::read_dir(directory)
        .map_err(refused)?
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(|name| name.starts_with(&prefix)))
        .map(|entry| entry.path())
        .collect();
    // Their names are in the order of time.
    others.sort();
    others.truncate(others.len().saturating_sub(MOST_SET_ASIDE));
    others.iter().try_for_each(fs::remove_file).map_err(refused)
}
