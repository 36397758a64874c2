//! What a command line and the daemon say to each other: one JSON object on a line each way.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    config::edit::NewCamera,
    operations::{Done, OperationError},
};

/// Longest request, its line end included.
pub const MAX_REQUEST_BYTES: u64 = 64 * 1024;

/// A request and what it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// The configuration file the sender means, as an absolute path without symbolic links.
    pub config: String,
    /// What is asked.
    #[serde(flatten)]
    pub request: Request,
}

/// What a daemon can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "lowercase")]
pub enum Request {
    /// Adds a camera to the configuration and the fence.
    Add {
        /// Its address, as text.
        mac: String,
        /// Its name.
        name: String,
        /// Its profile; none is the default one.
        profile: Option<String>,
    },
    /// Removes a camera from the configuration and the fence.
    Remove {
        /// Its name or address.
        camera: String,
    },
    /// Brings the fence in line with the configuration on disk.
    Reload,
    /// Asks for a sign of life.
    Ping,
}

impl From<&NewCamera> for Request {
    fn from(camera: &NewCamera) -> Self {
        Self::Add {
            mac: camera.mac.to_string(),
            name: camera.name.clone(),
            profile: camera.profile.clone(),
        }
    }
}

/// What a daemon answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Response {
    /// It is done.
    Ok(Summary),
    /// It is not, and nothing has changed.
    Error(Failure),
}

/// What a change did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Summary {
    /// Whether a fence stands; if not, only the file has changed.
    pub stands: bool,
    /// Cameras that were added to the fence.
    pub added: usize,
    /// Whether cameras were removed from the fence or given another policy.
    pub replaced: bool,
    /// Ports that a program was attached to.
    pub attached: Vec<String>,
    /// Ports that are no longer fenced.
    pub detached: Vec<String>,
    /// What the user should know.
    pub notices: Vec<String>,
}

impl From<&Done> for Summary {
    fn from(done: &Done) -> Self {
        let Some(report) = &done.report else { return Self::default() };
        Self {
            stands: true,
            added: report.added,
            replaced: report.replaced,
            attached: report.attached.clone(),
            detached: report.detached.clone(),
            notices: report.notices.clone(),
        }
    }
}

/// Why nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
#[error("{message}")]
pub struct Failure {
    /// The error, as a command line prints it.
    pub message: String,
    /// What the user can do.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure with a hint.
    pub fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: Some(hint.into()) }
    }

    /// A request that is not one.
    pub fn not_a_request(why: &str) -> Self {
        Self { message: format!("this is not a request: {why}"), hint: None }
    }
}

impl From<&OperationError> for Failure {
    fn from(error: &OperationError) -> Self {
        Self { message: error.to_string(), hint: error.hint() }
    }
}
