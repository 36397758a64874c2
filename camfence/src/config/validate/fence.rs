//! What holds for the fence as a whole, and what differs on an interface.

use std::{collections::BTreeMap, ops::RangeInclusive};

use camfence_common::limits::{
    DEFAULT_MAX_CAMERAS, MAX_CAMERAS, MAX_LEDGER_ENTRIES, MIN_LEDGER_ENTRIES,
};
use toml::Spanned;

use super::{Check, Places, network::check_interface};
use crate::config::{
    Fence, Hook, Interface, Ledger, Mode, Problem, Unknown,
    error::quoted,
    raw::{RawFence, RawInterface, RawLedger, Table, Text},
};

/// What `unknown` can be besides a profile.
pub(super) const UNKNOWN_WORDS: [(&str, Unknown); 2] =
    [("pass", Unknown::Pass), ("drop", Unknown::Drop)];

impl Check<'_> {
    /// Reads `[fence]`, its networks apart.
    pub(super) fn fence(&mut self, raw: &RawFence, places: &Places<'_>) -> Fence {
        Fence {
            interfaces: self.interfaces(&raw.interfaces),
            hook: self.hook(raw.hook.as_ref()).unwrap_or_default(),
            unknown: self.unknown(raw.unknown.as_ref(), places).unwrap_or_default(),
            mode: self.mode(raw.mode.as_ref()),
            max_cameras: self.max_cameras(raw.max_cameras.as_ref()),
        }
    }

    /// Reads `[interface.NAME]`. Whether there is such a port is known only when the fence goes up.
    pub(super) fn interface_tables(
        &mut self,
        raw: &BTreeMap<Text, Table<RawInterface>>,
        places: &Places<'_>,
    ) -> BTreeMap<String, Interface> {
        let mut interfaces = BTreeMap::new();
        for (name, Table(interface)) in raw {
            if let Err(problem) = check_interface(name.as_ref()) {
                self.report(name.span(), problem);
            }
            let hook = self.hook(interface.hook.as_ref());
            let unknown = self.unknown(interface.unknown.as_ref(), places);
            interfaces.insert(name.as_ref().clone(), Interface { hook, unknown });
        }
        interfaces
    }

    /// Reads a mode; without one, verdicts are carried out.
    pub(super) fn mode(&mut self, written: Option<&Text>) -> Mode {
        let known = Mode::ALL.map(|mode| (mode.as_str(), mode));
        let what = |word| format!("there is no mode {word}");
        written.and_then(|written| self.choice(written, &known, "modes", what)).unwrap_or_default()
    }

    fn hook(&mut self, written: Option<&Text>) -> Option<Hook> {
        let known = Hook::ALL.map(|hook| (hook.as_str(), hook));
        self.choice(written?, &known, "hooks", |word| format!("there is no hook {word}"))
    }

    fn unknown(&mut self, written: Option<&Text>, places: &Places<'_>) -> Option<Unknown> {
        let written = written?;
        let word = written.as_ref().as_str();
        let of_its_own = UNKNOWN_WORDS.iter().find(|(known, _)| *known == word);
        let found = of_its_own
            .map(|&(_, unknown)| unknown)
            .or_else(|| places.get(word).map(Unknown::Profile));
        if found.is_none() {
            let what = format!("unknown = {}: there is no such profile", quoted(word));
            let words = UNKNOWN_WORDS.iter().map(|&(known, _)| known);
            let known: Vec<_> = words.chain(places.names().iter().copied()).collect();
            let hint = self.suggest(word, &known, "values");
            self.report(written.span(), Problem::new(what, hint));
        }
        found
    }

    fn max_cameras(&mut self, written: Option<&Spanned<i64>>) -> u32 {
        let Some(written) = written else { return DEFAULT_MAX_CAMERAS };
        // Not to complain about each camera as well.
        self.number("max_cameras", written, 1..=MAX_CAMERAS).unwrap_or(MAX_CAMERAS)
    }

    /// Reads `[ledger]`.
    pub(super) fn ledger(&mut self, raw: &RawLedger) -> Ledger {
        let range = MIN_LEDGER_ENTRIES..=MAX_LEDGER_ENTRIES;
        let written = raw.entries.as_ref();
        let entries = written.and_then(|written| self.number("entries", written, range));
        entries.map_or(Ledger::default(), |entries| Ledger { entries })
    }

    /// Reads a number; none of one that is out of range.
    fn number(
        &mut self,
        key: &str,
        written: &Spanned<i64>,
        range: RangeInclusive<u32>,
    ) -> Option<u32> {
        let number = u32::try_from(*written.as_ref()).ok().filter(|number| range.contains(number));
        if number.is_none() {
            let what = format!("{key} = {} is out of range", written.as_ref());
            let hint = format!("write a number from {} to {}", range.start(), range.end());
            self.report(written.span(), Problem::new(what, hint));
        }
        number
    }
}

#[cfg(test)]
mod tests;
