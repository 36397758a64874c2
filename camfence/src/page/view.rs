//! What the page shows at a glance.

use serde::Serialize;

use crate::{
    events::Event,
    telemetry::{
        report::StatusReport,
        unknown::{SeenReport, UnknownReport},
    },
};

/// Cameras that are shown; those at the beginning of the configuration.
pub const MOST_CAMERAS: usize = 512;

/// Unknown sources that are shown; those seen last.
pub const MOST_UNKNOWN: usize = 64;

/// Flows of a camera that are shown; those seen last.
pub const MOST_FLOWS: usize = 256;

/// Events that are shown; the last.
pub const MOST_EVENTS: usize = 30;

/// The fence at a moment.
#[derive(Debug, Clone, Serialize)]
pub struct View {
    /// The kernel's clock when it was read, in milliseconds: what rates are reckoned by.
    pub clock_ms: u64,
    /// Ports and cameras, as `status --json` has them.
    #[serde(flatten)]
    pub status: StatusReport,
    /// Cameras that are not shown.
    pub more_cameras: usize,
    /// The profiles' names.
    pub profiles: Vec<String>,
    /// Unknown sources.
    pub unknown: Unknown,
    /// What happened last, the last first.
    pub events: Vec<Told>,
}

/// An event in words.
#[derive(Debug, Clone, Serialize)]
pub struct Told {
    /// Its number.
    pub seq: u64,
    /// When: RFC 3339, UTC.
    pub time: String,
    /// Whom it is about.
    pub subject: String,
    /// What happened.
    pub text: String,
}

impl Told {
    /// Tells an event.
    pub fn new(event: &Event) -> Self {
        let (subject, text) = (event.subject().to_owned(), event.to_string());
        Self { seq: event.seq, time: event.time.clone(), subject, text }
    }
}

/// Unknown sources on ports that have a policy for them.
#[derive(Debug, Clone, Serialize)]
pub struct Unknown {
    /// Whether there is such a port.
    pub watched: bool,
    /// Those seen last.
    pub sources: Vec<SeenReport>,
    /// Sources that are not shown.
    pub more: usize,
}

impl View {
    /// What is shown of a fence.
    pub fn new(
        clock_ms: u64,
        mut status: StatusReport,
        profiles: Vec<String>,
        unknown: Unknown,
    ) -> Self {
        let more_cameras = shorten(&mut status.cameras, MOST_CAMERAS);
        Self { clock_ms, status, more_cameras, profiles, unknown, events: Vec::new() }
    }
}

impl Unknown {
    /// What is shown of unknown sources.
    pub fn new(watched: bool, UnknownReport { unknown: mut sources }: UnknownReport) -> Self {
        let more = shorten(&mut sources, MOST_UNKNOWN);
        Self { watched, sources, more }
    }
}

/// Leaves the first; gives how many there were more.
fn shorten<T>(list: &mut Vec<T>, most: usize) -> usize {
    let more = list.len().saturating_sub(most);
    list.truncate(most);
    more
}
