//! A bpf filesystem for one test.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
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

    /// Has the kernel refuse every write to the maps that are pinned in a directory of it but those of
    /// programs (`BPF_MAP_FREEZE`), for as long as they are there; gives how many they are. It takes
    /// bpftool.
    pub fn freeze_maps(&self, directory: &str) -> Result<usize> {
        let mut frozen = 0;
        for pin in fs::read_dir(self.path().join(directory))? {
            let pin = pin?.path();
            let output =
                Command::new("bpftool").args(["map", "freeze", "pinned"]).arg(&pin).output()?;
            let said = String::from_utf8_lossy(&output.stderr);
            ensure!(output.status.success(), "freezing {}: {}", pin.display(), said.trim());
            frozen += 1;
        }
        Ok(frozen)
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
