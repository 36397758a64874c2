//! The pin root: a directory on a BPF file system that holds the fence while no process does.
//!
//! ```text
//! /sys/fs/bpf/camfence/
//!   maps/STATE PROFILES COUNTERS CAMERAS   the maps that programs name
//!   maps/live                              the camera map that CAMERAS points to
//!   programs/outbound_xdp outbound_tc inbound_tc
//!   links/IFINDEX/PROGRAM                  XDP and TCX attachments, by interface index
//! ```
//!
//! Attachments are filed by interface index, not by name: a renamed interface keeps its own, one
//! that was deleted and made again gets a new one, and names with a dot, which this file system
//! refuses, do not matter.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rustix::{
    fs::{FlockOperation, flock, statfs},
    io::Errno,
};

use super::error::{KernelError, Result, Tried};

/// Where the fence is pinned when nobody says otherwise.
pub const DEFAULT: &str = "/sys/fs/bpf/camfence";

/// `f_type` of a BPF file system (`BPF_FS_MAGIC` in linux/magic.h).
pub(super) const BPF_FS_MAGIC: u64 = 0xcafe_4a11;

/// How long to wait for another process's change to end.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);

/// A pin root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    path: PathBuf,
}

/// Holds the lock on a pin root until dropped. Whoever changes the fence holds it.
#[derive(Debug)]
pub struct Lock {
    _directory: File,
}

impl Root {
    /// The root at a path. Nothing is touched.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is anything of a fence in the directory. That one may not look is an error,
    /// not a no.
    pub fn exists(&self) -> Result<bool> {
        let maps = self.maps();
        maps.try_exists().tried(|| format!("looking at {}", maps.display()))
    }

    /// Makes the directories, with the lock held. The parent must be on a BPF file system.
    pub fn create(&self) -> Result<Lock> {
        let existing = self.path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
        let file_system =
            statfs(existing).tried(|| format!("looking at {}", existing.display()))?;
        if u64::try_from(file_system.f_type).ok() != Some(BPF_FS_MAGIC) {
            return Err(KernelError::NoBpffs { path: self.path.clone() });
        }
        let make = |directory: &Path| {
            fs::create_dir_all(directory).tried(|| format!("making {}", directory.display()))
        };
        let lock = self.lock_made_by(|| make(&self.path))?;
        for directory in [self.maps(), self.programs(), self.links()] {
            make(&directory)?;
        }
        Ok(lock)
    }

    /// Takes the lock, waiting a while for another process.
    pub fn lock(&self) -> Result<Lock> {
        self.lock_made_by(|| Ok(()))
    }

    /// Takes the lock on the directory, which `make` sees to. Whoever held it before may have
    /// removed the directory: then it is another one by now, and a lock on the old worth nothing.
    fn lock_made_by(&self, make: impl Fn() -> Result<()>) -> Result<Lock> {
        let start = Instant::now();
        while start.elapsed() < LOCK_PATIENCE {
            make()?;
            let directory =
                File::open(&self.path).tried(|| format!("opening {}", self.path.display()))?;
            match flock(&directory, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) if self.is(&directory) => return Ok(Lock { _directory: directory }),
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) => std::thread::sleep(Duration::from_millis(20)),
                Err(error) => {
                    return Err(error).tried(|| format!("locking {}", self.path.display()));
                }
            }
        }
        Err(KernelError::Locked { path: self.path.clone() })
    }

    /// Whether an open directory is the one at the path.
    fn is(&self, directory: &File) -> bool {
        let id = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
        let at_path = fs::metadata(&self.path).map(id).ok();
        at_path.is_some() && at_path == directory.metadata().map(id).ok()
    }

    /// Removes what camfence made under the root, and the root. Programs whose links were pinned
    /// here are detached by it.
    pub fn remove(&self) -> Result<()> {
        // The maps go last: while they are there, it can be tried again.
        for directory in [self.links(), self.programs(), self.maps()] {
            match fs::remove_dir_all(&directory) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(error).tried(|| format!("removing {}", directory.display()));
                }
                _ => {}
            }
        }
        // It stays if it is a mount point, or if somebody else has something in it.
        let _ = fs::remove_dir(&self.path);
        Ok(())
    }

    /// Directory of the pinned maps.
    pub fn maps(&self) -> PathBuf {
        self.path.join("maps")
    }

    /// Pin of a map.
    pub fn map(&self, name: &str) -> PathBuf {
        self.maps().join(name)
    }

    /// Directory of the pinned programs.
    pub fn programs(&self) -> PathBuf {
        self.path.join("programs")
    }

    /// Pin of a program.
    pub fn program(&self, name: &str) -> PathBuf {
        self.programs().join(name)
    }

    /// Directory of the pinned links.
    pub fn links(&self) -> PathBuf {
        self.path.join("links")
    }

    /// Directory of an interface's pinned links.
    pub fn links_of(&self, ifindex: u32) -> PathBuf {
        self.links().join(ifindex.to_string())
    }

    /// Pin of the link of a program on an interface.
    pub fn link(&self, ifindex: u32, program: &str) -> PathBuf {
        self.links_of(ifindex).join(program)
    }

    /// Interface indices under which links are pinned.
    pub fn linked(&self) -> Result<Vec<u32>> {
        let directory = self.links();
        let entries = match fs::read_dir(&directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.tried(|| format!("listing {}", directory.display()))?,
        };
        let mut indices = Vec::new();
        for entry in entries {
            let entry = entry.tried(|| format!("listing {}", directory.display()))?;
            indices.extend(entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()));
        }
        indices.sort_unstable();
        Ok(indices)
    }
}

/// Removes a file if it is there.
pub(crate) fn remove_file(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).tried(|| format!("removing {}", path.display()))
        }
        _ => Ok(()),
    }
}
