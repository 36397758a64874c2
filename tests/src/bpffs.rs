//! A bpf filesystem for one test.

use std::path::Path;

use anyhow::{Context as _, Result};
use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use tempfile::TempDir;

use crate::leftovers;

/// A fresh bpf filesystem on a temporary directory, so that a test pins nothing under
/// `/sys/fs/bpf`. Dropping it unmounts it, which releases what was pinned in it.
#[derive(Debug)]
pub struct BpffsRoot {
    dir: TempDir,
}

impl BpffsRoot {
    /// Mounts one.
    pub fn new() -> Result<Self> {
        leftovers::sweep();
        let dir = leftovers::temp_dir("bpffs")?;
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
        mount(Some("bpf"), dir.path(), Some("bpf"), flags, Some("mode=0700"))
            .with_context(|| format!("mounting a bpf filesystem on {}", dir.path().display()))?;
        Ok(Self { dir })
    }

    /// Where it is mounted: what `camfence --bpffs` is given.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }
}

impl Drop for BpffsRoot {
    fn drop(&mut self) {
        if umount2(self.path(), MntFlags::empty()) == Err(Errno::EBUSY) {
            // Somebody still has a file open in it: the rest goes when they close it.
            let _ = umount2(self.path(), MntFlags::MNT_DETACH);
        }
    }
}
