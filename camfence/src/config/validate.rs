//! From what is written to what it means. Pure, and it finds every mistake, not only the first.

mod address;
mod allowance;
mod camera;
mod dns;
mod fence;
mod listen;
mod log;
mod network;
mod profile;

use std::{collections::HashMap, ops::Range, path::Path};

use self::profile::Places;
pub(super) use self::profile::no_such_profile;
pub use self::{
    allowance::read_traffic,
    camera::{NAME_MAX_BYTES, check_mac, check_name},
    dns::read_name,
};
use super::{
    Config, Problem,
    error::{Lines, quoted},
    raw::{RawConfig, Text},
    suggest::closest,
};

/// Mistakes up to which names are compared with all there are.
const COMPARED: usize = 1_000;

/// Turns a raw configuration into one that means something.
pub(super) fn validate(path: &Path, raw: RawConfig, lines: &Lines) -> Result<Config, Vec<Problem>> {
    let mut check = Check { lines, problems: Vec::new() };
    let local = check.local(raw.fence.0.local.as_deref()).unwrap_or_default();
    let profiles = check.profiles(&raw.profile, &local);
    let places = Places::new(&profiles);
    let fence = check.fence(&raw.fence.0, &places);
    let cameras = check.cameras(&raw.camera, &places, &fence);
    let interfaces = check.interface_tables(&raw.interface, &places);
    let ledger = check.ledger(&raw.ledger.0);
    let log = raw.log.and_then(|log| check.log(&log.0));
    let metrics = raw.metrics.and_then(|metrics| check.metrics(&metrics.0));
    let page = raw.page.and_then(|page| check.page(&page.0));
    let mut problems = check.problems;
    if !problems.is_empty() {
        problems.sort_by_key(|problem| problem.line);
        return Err(problems);
    }
    let path = path.to_owned();
    Ok(Config { path, fence, profiles, cameras, interfaces, ledger, log, metrics, page })
}

/// The walk through the raw configuration. After a mistake it goes on with a stand-in.
struct Check<'a> {
    lines: &'a Lines,
    problems: Vec<Problem>,
}

impl Check<'_> {
    fn report(&mut self, at: Range<usize>, problem: Problem) {
        let line = Some(self.lines.line(at.start));
        self.problems.push(Problem { line, ..problem });
    }

    fn line(&self, text: &Text) -> usize {
        self.lines.line(text.span().start)
    }

    /// A [`suggestion`] from names that may be many. To compare with all of them takes long for a
    /// whole file of mistakes, of which nobody needs more than the first explained.
    fn suggest(&self, word: &str, known: &[&str], kind: &str) -> String {
        if self.problems.len() < COMPARED {
            suggestion(word, known, kind)
        } else {
            listed(known, kind)
        }
    }

    /// What a word stands for, of the few that are known.
    fn choice<T: Copy>(
        &mut self,
        written: &Text,
        known: &[(&str, T)],
        kind: &str,
        what: impl FnOnce(String) -> String,
    ) -> Option<T> {
        let word = written.as_ref().as_str();
        let found = known.iter().find(|(name, _)| *name == word).map(|&(_, value)| value);
        if found.is_none() {
            let names: Vec<_> = known.iter().map(|&(name, _)| name).collect();
            let hint = suggestion(word, &names, kind);
            self.report(written.span(), Problem::new(what(quoted(word)), hint));
        }
        found
    }

    /// Notes a value and where it stands; reports one that was there before.
    fn unique<'t, K: Eq + std::hash::Hash>(
        &mut self,
        seen: &mut HashMap<K, usize>,
        key: K,
        written: &'t Text,
        problem: impl FnOnce(&'t str, usize) -> Problem,
    ) {
        let line = self.line(written);
        if let Some(first) = seen.get(&key) {
            let problem = problem(written.as_ref(), *first);
            self.report(written.span(), problem);
        } else {
            seen.insert(key, line);
        }
    }
}

/// Longest list of names in a hint.
const LISTED: usize = 10;

/// A hint that says what was probably meant, and what there is.
pub(crate) fn suggestion(word: &str, known: &[&str], kind: &str) -> String {
    let list = listed(known, kind);
    match closest(word, known.iter().copied()) {
        Some(meant) => format!("did you mean \"{meant}\"? {list}"),
        None => list,
    }
}

/// A hint that says what there is.
fn listed(known: &[&str], kind: &str) -> String {
    let list = known[..known.len().min(LISTED)].join(", ");
    match known.len().saturating_sub(LISTED) {
        0 => format!("{kind}: {list}"),
        more => format!("{kind}: {list} and {more} more"),
    }
}

#[cfg(test)]
mod tests;
