//! What the daemon takes of the machine, before, during and after.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use camfence_tests::cmd::Daemon;

/// How much more memory a daemon may have than before. Its buffers for all peers that there can
/// be at once come to less than a third of it.
const MORE_MEMORY_KIB: u64 = 8 * 1024;

/// File descriptors a daemon may have open at once: 32 peers, 16 connections and its own.
const MOST_FILES: usize = 100;

/// What a daemon has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    memory_kib: u64,
    files: usize,
}

impl Usage {
    pub(crate) fn of(daemon: &Daemon) -> Result<Self> {
        let status = fs::read_to_string(format!("/proc/{}/status", daemon.id()))?;
        let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let memory = memory.and_then(|memory| memory.split_whitespace().next());
        let memory_kib = memory.context("no memory")?.parse()?;
        let files = fs::read_dir(format!("/proc/{}/fd", daemon.id()))?.count();
        Ok(Self { memory_kib, files })
    }

    /// Fails if there is more by now than there should be.
    pub(crate) fn check(self, daemon: &Daemon) -> Result<()> {
        let now = Self::of(daemon)?;
        println!("{self:?} -> {now:?}");
        ensure!(now.memory_kib < self.memory_kib + MORE_MEMORY_KIB, "{self:?} -> {now:?}");
        ensure!(now.files < MOST_FILES, "{self:?} -> {now:?}");
        Ok(())
    }
}
