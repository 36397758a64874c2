//! The verbs that change something, as the command line and the daemon both carry them out.
//!
//! The configuration file and the kernel change together: the new text is written beside the old
//! one first, put in its place when the kernel has taken it, and thrown away when it has not. Frames
//! are judged by it before it is on disk, which may take long.

use std::path::{Path, PathBuf};

use camfence_common::mac::Mac;
use thiserror::Error;
use tracing::warn;

use crate::{
    config::{
        self, Camera, Config, ConfigError,
        edit::{self, EditError, Edited, NewCamera},
        write::{PreparedFile, WriteError},
    },
    fence::{Demand, Fence, FenceError, Report},
    opening::OpenTime,
};

/// A change could not be made. Nothing has changed.
#[derive(Debug, Error)]
pub enum OperationError {
    /// The configuration has errors.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The configuration's text cannot be changed so.
    #[error("{}: {source}", path.display())]
    Edit {
        /// The configuration.
        path: PathBuf,
        /// Why not.
        source: EditError,
    },
    /// The configuration cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The fence did not take it.
    #[error(transparent)]
    Fence(#[from] FenceError),
    /// No camera is called so.
    #[error("no camera has the name or MAC \"{0}\"")]
    NoCamera(String),
}

impl OperationError {
    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Config(error) => error.problems.first().map(|problem| problem.hint.clone()),
            Self::Edit { source, .. } => Some(source.hint().to_string()),
            Self::Write(_) => None,
            Self::Fence(error) => error.hint(),
            Self::NoCamera(_) => Some("`camfence list` lists them".into()),
        }
    }
}

/// Result of a change.
pub type Result<T> = std::result::Result<T, OperationError>;

/// What a change did.
#[derive(Debug)]
pub struct Done {
    /// The configuration as it is now.
    pub config: Config,
    /// What the fence did; none if no fence stands, so that only the file has changed.
    pub report: Option<Report>,
}

/// What opening the fence for a camera, or closing it, did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The camera's name.
    pub camera: String,
    /// Its address.
    pub mac: Mac,
    /// For how long the fence is open; none if it was closed.
    pub time: Option<OpenTime>,
    /// Whether it was open before.
    pub was_open: bool,
}

/// Adds a camera to the configuration and, if it stands, to the fence.
pub async fn add(fence: &Fence, path: &Path, camera: &NewCamera) -> Result<Done> {
    let text = config::read(path)?;
    let edited = edit::add_camera(&text, camera);
    let edited = edited.map_err(|source| OperationError::Edit { path: path.into(), source })?;
    change(fence, path, edited).await
}

/// Removes a camera, by name or MAC, from the configuration and, if it stands, from the fence.
pub async fn remove(fence: &Fence, path: &Path, name_or_mac: &str) -> Result<Done> {
    let text = config::read(path)?;
    let mac = find(&Config::parse(path, &text)?, name_or_mac)?.mac;
    let edited = edit::remove_camera(&text, mac);
    let edited = edited.map_err(|source| OperationError::Edit { path: path.into(), source })?;
    change(fence, path, edited).await
}

/// Brings the fence in line with the configuration as it is on disk.
pub async fn reload(fence: &Fence, path: &Path, demand: Demand) -> Result<Done> {
    let config = Config::load(path)?;
    let report = fence.reload(&config, demand).await?;
    Ok(Done { config, report: Some(report) })
}

/// Puts the fence up as the configuration on disk says.
pub async fn up(fence: &Fence, path: &Path, demand: Demand) -> Result<Done> {
    let config = Config::load(path)?;
    let report = fence.up(&config, demand).await?;
    Ok(Done { config, report: Some(report) })
}

/// Opens the fence for a camera, by name or MAC, for a time; without one, closes it again. The
/// configuration stays as it is.
pub async fn open(
    fence: &Fence,
    path: &Path,
    name_or_mac: &str,
    time: Option<OpenTime>,
) -> Result<Opened> {
    let config = Config::load(path)?;
    let camera = find(&config, name_or_mac)?;
    let before = fence.open_camera(&camera.name, camera.mac, time.map(Into::into)).await?;
    Ok(Opened { camera: camera.name.clone(), mac: camera.mac, time, was_open: before.is_some() })
}

async fn change(fence: &Fence, path: &Path, edited: Edited) -> Result<Done> {
    let (text, config) = edited.check(path)?;
    let file = PreparedFile::prepare(path, &text)?;
    let report = if fence.stands()? { Some(fence.apply_policy(&config).await?) } else { None };
    if let Err(error) = file.commit() {
        if report.is_some() {
            go_by_file(fence, path).await;
        }
        return Err(error.into());
    }
    Ok(Done { config, report })
}

/// Has the fence go by the file again, whichever version is there now.
async fn go_by_file(fence: &Fence, path: &Path) {
    let applied = match Config::load(path) {
        Ok(config) => fence.apply_policy(&config).await.map(drop).map_err(Into::into),
        Err(error) => Err(OperationError::from(error)),
    };
    if let Err(error) = applied {
        warn!("the fence does not go by {}: {error}", path.display());
    }
}

/// The MAC that is meant by a camera's name or MAC, also of a camera that is not registered any more.
pub fn mac_of(config: &Config, name_or_mac: &str) -> Result<Mac> {
    match find(config, name_or_mac) {
        Ok(camera) => Ok(camera.mac),
        Err(error) => name_or_mac.parse().map_err(|_| error),
    }
}

fn find<'a>(config: &'a Config, name_or_mac: &str) -> Result<&'a Camera> {
    let mac = name_or_mac.parse::<Mac>().ok();
    config
        .cameras
        .iter()
        .find(|camera| camera.name == name_or_mac || Some(camera.mac) == mac)
        .ok_or_else(|| OperationError::NoCamera(name_or_mac.into()))
}
