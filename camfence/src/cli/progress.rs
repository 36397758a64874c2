//! How far something long has come: a line on stderr, if that is a terminal.

use std::{
    io::{self, IsTerminal as _},
    time::{Duration, Instant},
};

/// How often progress is shown.
const EVERY: Duration = Duration::from_millis(500);

/// A line that is kept up to date, and gone in the end.
pub(crate) struct Progress {
    terminal: bool,
    shown: Option<Instant>,
    started: Instant,
}

impl Progress {
    pub(crate) fn new() -> Self {
        let terminal = io::stderr().is_terminal();
        Self { terminal, shown: None, started: Instant::now() }
    }

    pub(crate) fn show(&mut self, frames: u64) {
        let since = self.shown.unwrap_or(self.started);
        if since.elapsed() >= EVERY {
            self.say(&format!("{frames} frames"));
        }
    }

    /// Shows a line in the place of the last one.
    pub(crate) fn say(&mut self, line: &str) {
        if self.terminal {
            eprint!("\r\x1b[K{line}");
            self.shown = Some(Instant::now());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown.is_some() {
            eprint!("\r\x1b[K");
        }
    }
}
