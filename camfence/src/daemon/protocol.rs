//! What a command line and the daemon say to each other: one JSON object on a line each way. Behind the
//! answer to a verb that reads follow as many lines as there are, one object each.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    config::{ConfigError, edit::NewCamera},
    opening::OpenTime,
    operations::{Done, Opened, OperationError},
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
    /// Opens the fence for a camera; it closes by itself.
    Open {
        /// Its name or address.
        camera: String,
        /// For how long.
        seconds: u64,
    },
    /// Closes the fence for a camera that it was opened for.
    Close {
        /// Its name or address.
        camera: String,
    },
    /// Puts the fence up as the configuration on disk says.
    Up,
    /// Takes the fence down, until it is put up again.
    Down,
    /// Brings the fence in line with the configuration on disk.
    Reload,
    /// Asks for a sign of life.
    Ping,
    /// Asks for events: a line for each.
    Events {
        /// Whether to go on with those that come.
        #[serde(default)]
        follow: bool,
        /// Whether drops are wanted.
        #[serde(default)]
        drops: bool,
        /// Only those with a higher number.
        #[serde(default)]
        since: u64,
    },
    /// Asks for the names by which cameras asked for addresses: a line for each.
    Names,
}

impl Request {
    /// The verb, as a command line has it.
    pub const fn verb(&self) -> &'static str {
        match self {
            Self::Add { .. } => "add",
            Self::Remove { .. } => "remove",
            Self::Open { .. } => "open",
            Self::Close { .. } => "close",
            Self::Reload => "reload",
            Self::Up => "up",
            Self::Down => "down",
            Self::Ping => "ping",
            Self::Events { .. } => "events",
            Self::Names => "names",
        }
    }
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
    /// Whether a fence stands that the change reached; if not, only the file has changed.
    pub live: bool,
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
    /// For which camera the fence was opened or closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opened: Option<OpenedSummary>,
}

/// For which camera the fence was opened or closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenedSummary {
    /// Its name.
    pub camera: String,
    /// Its address.
    pub mac: String,
    /// For how long it is open; null if it was closed.
    pub open_seconds: Option<u64>,
    /// Whether it was open before.
    pub was_open: bool,
}

impl From<&Opened> for OpenedSummary {
    fn from(opened: &Opened) -> Self {
        Self {
            camera: opened.camera.clone(),
            mac: opened.mac.to_string(),
            open_seconds: opened.time.map(OpenTime::seconds),
            was_open: opened.was_open,
        }
    }
}

impl From<&Opened> for Summary {
    fn from(opened: &Opened) -> Self {
        Self { live: true, opened: Some(opened.into()), ..Self::default() }
    }
}

impl From<&Done> for Summary {
    fn from(done: &Done) -> Self {
        let Some(report) = &done.report else { return Self::default() };
        Self {
            live: true,
            added: report.added,
            replaced: report.replaced,
            attached: report.attached.clone(),
            detached: report.detached.clone(),
            notices: report.said(),
            opened: None,
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
        Self { message: one_line(error), hint: error.hint() }
    }
}

/// An error on one line: of a configuration's mistakes, the first.
fn one_line(error: &OperationError) -> String {
    match error {
        OperationError::Config(ConfigError { path, problems }) if problems.len() > 1 => {
            let more = problems.len() - 1;
            format!("{} (`camfence check` shows {more} more)", problems[0].located(path))
        }
        _ => error.to_string().lines().collect::<Vec<_>>().join(" "),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;
    use crate::config::Config;

    #[test]
    fn a_request_is_one_flat_object() {
        let add = Request::Add { mac: "b0:c5:54:25:5b:0e".into(), name: "a".into(), profile: None };
        let cases = [
            (add, json!({"verb": "add", "mac": "b0:c5:54:25:5b:0e", "name": "a", "profile": null})),
            (Request::Remove { camera: "a".into() }, json!({"verb": "remove", "camera": "a"})),
            (
                Request::Open { camera: "a".into(), seconds: 600 },
                json!({"verb": "open", "camera": "a", "seconds": 600}),
            ),
            (Request::Close { camera: "a".into() }, json!({"verb": "close", "camera": "a"})),
            (Request::Reload, json!({"verb": "reload"})),
            (Request::Ping, json!({"verb": "ping"})),
            (
                Request::Events { follow: true, drops: false, since: 7 },
                json!({"verb": "events", "follow": true, "drops": false, "since": 7}),
            ),
            (Request::Names, json!({"verb": "names"})),
        ];
        for (request, mut expected) in cases {
            expected["config"] = json!("/etc/camfence.toml");
            let envelope = Envelope { config: "/etc/camfence.toml".into(), request };
            assert_eq!(serde_json::to_value(&envelope).unwrap(), expected);
            assert_eq!(serde_json::from_value::<Envelope>(expected).unwrap(), envelope);
        }
    }

    #[test]
    fn an_answer_says_ok_or_error() {
        let ok = serde_json::to_value(Response::Ok(Summary::default())).unwrap();
        assert_eq!(ok["ok"]["attached"], json!([]));
        assert_eq!(ok["ok"].get("opened"), None, "only where something was opened");
        let error = Response::Error(Failure::new("no", "yes"));
        let error = serde_json::to_value(error).unwrap();
        assert_eq!(error, json!({"error": {"message": "no", "hint": "yes"}}));
    }

    #[test]
    fn many_mistakes_are_one_line() {
        let error = Config::parse(Path::new("f"), "[fence]\nhook = \"a\"\nmode = \"b\"\n");
        let failure = Failure::from(&OperationError::Config(error.unwrap_err()));
        assert_eq!(failure.message.lines().count(), 1);
        assert!(failure.message.starts_with("f:2: "), "{failure:?}");
        assert!(failure.message.ends_with("(`camfence check` shows 1 more)"), "{failure:?}");
    }
}
