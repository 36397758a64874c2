//! Profiles: what their cameras may do, and their names.

use std::collections::{BTreeMap, HashMap};

use camfence_common::limits::MAX_PROFILES;
use toml::Spanned;

use super::{Check, camera::check_label, fence::UNKNOWN_WORDS};
use crate::config::{
    DEFAULT_PROFILE, Guard, Local, Problem, Profile,
    error::quoted,
    raw::{RawProfile, Table, Text},
};

/// Where each profile is.
pub(super) struct Places<'a> {
    by_name: HashMap<&'a str, usize>,
    names: Vec<&'a str>,
}

impl<'a> Places<'a> {
    pub(super) fn new(profiles: &'a [Profile]) -> Self {
        let names = profiles.iter().map(|profile| profile.name.as_str());
        Self {
            by_name: names.clone().zip(0..).collect(),
            // Mistakes are compared with these, so what is too much anyway is left out.
            names: names.take(MAX_PROFILES).collect(),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// Names to suggest.
    pub(super) fn names(&self) -> &[&'a str] {
        &self.names
    }
}

impl Check<'_> {
    /// Reads the profiles, the default one first.
    pub(super) fn profiles(
        &mut self,
        raw: &BTreeMap<Text, Table<RawProfile>>,
        fence_local: &Local,
    ) -> Vec<Profile> {
        let mut profiles = vec![Profile::new(DEFAULT_PROFILE, fence_local.clone())];
        for (name, Table(raw)) in raw {
            let profile = self.profile(name.as_ref(), raw, fence_local);
            if name.as_ref() == DEFAULT_PROFILE {
                // For its own cameras only: the others inherit what [fence] says.
                profiles[0] = profile;
            } else {
                self.profile_name(name);
                profiles.push(profile);
            }
        }
        self.profile_count(raw);
        profiles
    }

    /// The place of the profile of this name.
    pub(super) fn place(&mut self, name: &Text, places: &Places<'_>) -> Option<usize> {
        let found = places.get(name.as_ref());
        if found.is_none() {
            let hint = self.suggest(name.as_ref(), places.names(), "profiles");
            self.report(name.span(), no_such_profile(name.as_ref(), &hint));
        }
        found
    }

    fn profile(&mut self, name: &str, raw: &RawProfile, fence_local: &Local) -> Profile {
        let local = self.local(raw.local.as_deref()).unwrap_or_else(|| fence_local.clone());
        let unsaid = Profile::new(name, local);
        Profile {
            allow: self.allowances(raw.allow.as_deref().unwrap_or_default()),
            dns: self.dns(raw.dns.as_ref()).unwrap_or_default(),
            port_mapping: self
                .guard("port-mapping", raw.port_mapping.as_ref())
                .unwrap_or(unsaid.port_mapping),
            rogue: self.guard("rogue", raw.rogue.as_ref()).unwrap_or(unsaid.rogue),
            ..unsaid
        }
    }

    fn guard(&mut self, key: &str, written: Option<&Text>) -> Option<Guard> {
        let known = Guard::ALL.map(|guard| (guard.as_str(), guard));
        let what = |word| format!("{key} = {word} is neither \"pass\" nor \"deny\"");
        self.choice(written?, &known, "values", what)
    }

    fn profile_name(&mut self, name: &Text) {
        let word = name.as_ref().as_str();
        if UNKNOWN_WORDS.iter().any(|(reserved, _)| *reserved == word) {
            let what = format!(
                "a profile cannot be named \"{word}\": unknown = \"{word}\" means something else"
            );
            self.report(name.span(), Problem::new(what, "choose another name"));
        } else if let Err(problem) = check_label(word, "profile") {
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
}

/// A profile's name that is none.
pub(in crate::config) fn no_such_profile(name: &str, hint: &str) -> Problem {
    Problem::new(format!("there is no profile {}", quoted(name)), hint)
}

#[cfg(test)]
mod tests;
