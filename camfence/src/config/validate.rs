//! From what is written to what it means. Pure, and it finds every mistake, not only the first.

mod camera;
mod network;

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
    path::Path,
};

use camfence_common::limits::{DEFAULT_MAX_CAMERAS, MAX_CAMERAS, MAX_PROFILES};
use toml::Spanned;

pub(super) use self::camera::no_such_profile;
pub use self::camera::{check_mac, check_name};
use super::{
    Config, DEFAULT_PROFILE, Fence, Hook, Local, Metrics, Mode, Problem, Profile, Unknown,
    error::{Lines, quoted},
    raw::{RawConfig, RawFence, RawMetrics, RawProfile, Table, Text},
    suggest::closest,
};

/// Names that `unknown = …` will mean something else by.
const RESERVED_PROFILES: [&str; 2] = ["pass", "drop"];

/// Turns a raw configuration into one that means something.
pub(super) fn validate(path: &Path, raw: RawConfig, lines: &Lines) -> Result<Config, Vec<Problem>> {
    let mut check = Check { lines, problems: Vec::new() };
    let local = check.local(raw.fence.0.local.as_deref()).unwrap_or_default();
    let profiles = check.profiles(&raw.profile, &local);
    let fence = check.fence(&raw.fence.0);
    let cameras = check.cameras(&raw.camera, &profiles, fence.max_cameras);
    let metrics = raw.metrics.and_then(|metrics| check.metrics(&metrics.0));
    let mut problems = check.problems;
    if !problems.is_empty() {
        problems.sort_by_key(|problem| problem.line);
        return Err(problems);
    }
    Ok(Config {
        path: path.to_owned(),
        fence,
        profiles,
        cameras,
        interfaces: BTreeMap::new(),
        metrics,
    })
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

    fn fence(&mut self, raw: &RawFence) -> Fence {
        self.only(raw.unknown.as_ref(), "unknown", "pass");
        self.only(raw.mode.as_ref(), "mode", "enforce");
        Fence {
            interfaces: self.interfaces(&raw.interfaces),
            hook: raw.hook.as_ref().map(|hook| self.hook(hook)).unwrap_or_default(),
            unknown: Unknown::Pass,
            mode: Mode::Enforce,
            max_cameras: self.max_cameras(raw.max_cameras.as_ref()),
        }
    }

    /// A key that so far has one value. The others are not mistakes of spelling but of version.
    fn only(&mut self, written: Option<&Text>, key: &str, known: &str) {
        let Some(written) = written else { return };
        if written.as_ref() != known {
            let value = quoted(written.as_ref());
            let what = format!("{key} = {value}: this version knows only \"{known}\"");
            let hint = format!("write {key} = \"{known}\", or leave the line out");
            self.report(written.span(), Problem::new(what, hint));
        }
    }

    fn hook(&mut self, written: &Text) -> Hook {
        let word = written.as_ref().as_str();
        if let Some(hook) = Hook::ALL.into_iter().find(|hook| hook.as_str() == word) {
            return hook;
        }
        let what = format!("there is no hook {}", quoted(word));
        let hint = suggestion(word, &Hook::ALL.map(Hook::as_str), "hooks");
        self.report(written.span(), Problem::new(what, hint));
        Hook::default()
    }

    fn max_cameras(&mut self, written: Option<&Spanned<i64>>) -> u32 {
        let Some(written) = written else { return DEFAULT_MAX_CAMERAS };
        if let Ok(count @ 1..=MAX_CAMERAS) = u32::try_from(*written.as_ref()) {
            return count;
        }
        let what = format!("max_cameras = {} is out of range", written.as_ref());
        let hint = format!("write a number from 1 to {MAX_CAMERAS}");
        self.report(written.span(), Problem::new(what, hint));
        // Not to complain about each camera as well.
        MAX_CAMERAS
    }

    fn profiles(
        &mut self,
        raw: &BTreeMap<Text, Table<RawProfile>>,
        fence_local: &Local,
    ) -> Vec<Profile> {
        let mut profiles = vec![Profile::new(DEFAULT_PROFILE, fence_local.clone())];
        for (name, Table(profile)) in raw {
            let local = self.local(profile.local.as_deref());
            let local = local.unwrap_or_else(|| fence_local.clone());
            if name.as_ref() == DEFAULT_PROFILE {
                // For its own cameras only: the others inherit what [fence] says.
                profiles[0].local = local;
            } else {
                self.profile_name(name);
                profiles.push(Profile::new(name.as_ref(), local));
            }
        }
        self.profile_count(raw);
        profiles
    }

    fn profile_name(&mut self, name: &Text) {
        let word = name.as_ref().as_str();
        if RESERVED_PROFILES.contains(&word) {
            let what = format!("a profile cannot be named {}", quoted(word));
            self.report(name.span(), Problem::new(what, "choose another name"));
        } else if let Err(problem) = camera::check_label(word, "profile") {
            self.report(name.span(), problem);
        }
    }

    fn profile_count(&mut self, raw: &BTreeMap<Text, Table<RawProfile>>) {
        let written = raw.keys().filter(|name| name.as_ref() != DEFAULT_PROFILE);
        let mut spans: Vec<_> = written.map(Spanned::span).collect();
        spans.sort_by_key(|span| span.start);
        // One place is the default profile's.
        if let Some(span) = spans.get(MAX_PROFILES - 1) {
            let what = format!("{} profiles are too many, with the default one", spans.len() + 1);
            let hint = format!("keep to {MAX_PROFILES}, and let cameras share profiles");
            self.report(span.clone(), Problem::new(what, hint));
        }
    }

    fn metrics(&mut self, raw: &RawMetrics) -> Option<Metrics> {
        let written = raw.listen.as_ref();
        if let Ok(listen) = written.parse() {
            return Some(Metrics { listen });
        }
        let what = format!("{} is not an address to listen on", quoted(written));
        let hint = "write an IP address and a port, like 127.0.0.1:9477 or [::1]:9477";
        self.report(raw.listen.span(), Problem::new(what, hint));
        None
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
fn suggestion(word: &str, known: &[&str], kind: &str) -> String {
    let mut list = known[..known.len().min(LISTED)].join(", ");
    if known.len() > LISTED {
        list = format!("{list} and {} more", known.len() - LISTED);
    }
    match closest(word, known.iter().copied()) {
        Some(meant) => format!("did you mean \"{meant}\"? {kind}: {list}"),
        None => format!("{kind}: {list}"),
    }
}

#[cfg(test)]
mod tests;
