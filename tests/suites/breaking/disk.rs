//! A small disk for the configuration.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use nix::mount::{MntFlags, MsFlags, mount, umount2};

/// A tmpfs with little room; unmounted when dropped.
#[derive(Debug)]
pub(crate) struct Disk(PathBuf);

impl Disk {
    /// Mounts it.
    pub(crate) fn mount(directory: &Path) -> Result<Self> {
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
        mount(Some("tmpfs"), directory, Some("tmpfs"), flags, Some("size=128k,mode=0700"))
            .with_context(|| format!("mounting a tmpfs on {}", directory.display()))?;
        Ok(Self(directory.to_owned()))
    }

    /// Fills it to the last byte.
    pub(crate) fn fill(&self) -> Result<()> {
        let mut file = File::create(self.filler())?;
        let mut written = 0;
        while let Ok(length) = file.write(&[0; 1024]) {
            written += length;
            ensure!(length > 0 && written < 1 << 20, "the disk is larger than it should be");
        }
        Ok(())
    }

    /// Makes room again.
    pub(crate) fn clear(&self) -> Result<()> {
        Ok(fs::remove_file(self.filler())?)
    }

    /// The names of the files on it.
    pub(crate) fn names(&self) -> Result<Vec<String>> {
        let mut names: Vec<_> = fs::read_dir(&self.0)?
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        Ok(names)
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = umount2(&self.0, MntFlags::MNT_DETACH);
    }
}
