//! Accounts for the time in which ports that should be fenced were not.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::fence::FollowedPort;

/// Names that are remembered of ports that are gone.
const MOST_NAMES: usize = 1024;

/// The ports, each with the time in which it was not enforcing since the daemon started.
#[derive(Debug, Default, Clone)]
pub struct Unfenced {
    ports: BTreeMap<String, Port>,
}

#[derive(Debug, Clone)]
struct Port {
    ifindex: u32,
    /// Whether it was there when it was looked last.
    present: bool,
    looked: Instant,
    since: Option<Instant>,
    problem: Option<String>,
    total: Duration,
}

/// What there is to tell of a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// It is not enforcing.
    NotEnforcing {
        /// Its name.
        port: String,
        /// Why not.
        problem: String,
    },
    /// It is enforcing again, or the first time.
    Enforcing {
        /// Its name.
        port: String,
        /// How long it was not, at the most.
        after: Duration,
    },
}

impl Unfenced {
    /// Takes in what was seen. `noticed` is when it was heard that interfaces changed, or else when it was
    /// begun to look; `now` is when all was seen.
    pub fn observe(&mut self, noticed: Instant, now: Instant, seen: &[FollowedPort]) -> Vec<Note> {
        for (name, port) in &mut self.ports {
            if !seen.iter().any(|seen| seen.name == *name) {
                port.leave(now);
            }
        }
        let notes = seen.iter().filter_map(|seen| {
            let port = self.ports.entry(seen.name.clone()).or_insert_with(|| Port::new(noticed));
            port.observe(noticed, now, seen)
        });
        let notes = notes.collect();
        while self.ports.len() > MOST_NAMES {
            let gone = self.ports.iter().find(|(_, port)| !port.present);
            let Some(gone) = gone.map(|(name, _)| name.clone()) else { break };
            self.ports.remove(&gone);
        }
        notes
    }

    /// The times until now, by name.
    pub fn totals(&self, now: Instant) -> BTreeMap<String, Duration> {
        self.ports.iter().map(|(name, port)| (name.clone(), port.total_at(now))).collect()
    }
}

impl Port {
    const fn new(noticed: Instant) -> Self {
        let total = Duration::ZERO;
        Self { ifindex: 0, present: false, looked: noticed, since: None, problem: None, total }
    }

    fn leave(&mut self, now: Instant) {
        self.total = self.total_at(now);
        (self.present, self.since, self.problem) = (false, None, None);
    }

    fn total_at(&self, now: Instant) -> Duration {
        self.total + self.since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    fn observe(&mut self, noticed: Instant, now: Instant, seen: &FollowedPort) -> Option<Note> {
        let is_known = self.present && self.ifindex == seen.ifindex;
        if self.present && !is_known {
            self.leave(noticed);
        }
        let is_fine = seen.was_enforcing && seen.problem.is_none();
        if self.since.is_none() && !is_fine {
            // A port that was enforcing can have stopped as soon as nobody looked.
            let has_stopped = is_known && !seen.was_enforcing;
            self.since = Some(if has_stopped { self.looked } else { noticed });
        }
        (self.ifindex, self.present, self.looked) = (seen.ifindex, true, now);
        let problem_before = std::mem::replace(&mut self.problem, seen.problem.clone());
        match (&seen.problem, self.since) {
            (None, None) => None,
            (None, Some(since)) => {
                let after = now.saturating_duration_since(since);
                self.total += after;
                self.since = None;
                Some(Note::Enforcing { port: seen.name.clone(), after })
            }
            (Some(problem), _) => {
                let (port, problem) = (seen.name.clone(), problem.clone());
                (problem_before.as_ref() != Some(&problem))
                    .then_some(Note::NotEnforcing { port, problem })
            }
        }
    }
}

#[cfg(test)]
mod tests;
