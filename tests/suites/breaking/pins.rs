//! What is pinned under the root.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use aya::programs::ProgramInfo;

/// What a pin is of, as the directories above it say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pinned {
    Maps,
    Programs,
    Links,
}

impl Pinned {
    const fn directory(self) -> &'static str {
        match self {
            Self::Maps => "maps",
            Self::Programs => "programs",
            Self::Links => "links",
        }
    }
}

/// The pins of a kind.
pub(crate) fn pins(root: &Path, of: Pinned) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                directories.push(entry.path());
            } else if entry.file_type()?.is_file() {
                found.push(entry.path());
            }
        }
    }
    let wanted = |path: &PathBuf| {
        let inside = path.strip_prefix(root).ok();
        inside.is_some_and(|path| path.iter().any(|part| part == of.directory()))
    };
    Ok(found.into_iter().filter(wanted).collect())
}

/// The ids of the pinned programs.
pub(crate) fn programs(root: &Path) -> Result<Vec<u32>> {
    let id = |path: PathBuf| {
        let info = ProgramInfo::from_pin(&path).with_context(|| path.display().to_string())?;
        Ok(info.id())
    };
    pins(root, Pinned::Programs)?.into_iter().map(id).collect()
}
