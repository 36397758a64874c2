//! `camfence init`: a first configuration from what is found.
//!
//! [`place`] says which interfaces cameras can be on, and which to fence; [`text`] writes the file's text.
//! Both are functions of what [`discover`](crate::discover) found.

pub mod place;
pub mod text;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use thiserror::Error;

use crate::config::write::{PreparedFile, WriteError};

/// No configuration can be written.
#[derive(Debug, Error)]
pub enum InitError {
    /// There is one already.
    #[error("{}: there is a configuration already", path.display())]
    Exists {
        /// Where.
        path: PathBuf,
    },
    /// There is no interface for cameras to be on.
    #[error("there is no interface that cameras could be on")]
    NoPlace,
    /// Its directory cannot be made.
    #[error("cannot make {}: {source}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl InitError {
    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Exists { .. } => {
                Some("--force writes over it; --print shows what would be written".into())
            }
            Self::NoPlace => {
                Some("name one: --interface br-cam; `ip link` lists those there are".into())
            }
            Self::Directory { .. } | Self::Write(_) => None,
        }
    }
}

/// Refuses if there is a file.
pub fn check_absent(path: &Path) -> Result<(), InitError> {
    // What cannot be looked at is told when it is written.
    if path.try_exists().unwrap_or(false) {
        return Err(InitError::Exists { path: path.into() });
    }
    Ok(())
}

/// Writes the file in one step, and makes its directory if there is none.
pub fn write(path: &Path, text: &str) -> Result<(), InitError> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)
            .map_err(|source| InitError::Directory { path: directory.into(), source })?;
    }
    Ok(PreparedFile::prepare(path, text)?.commit()?)
}
