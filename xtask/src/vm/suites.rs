//! Which suites guests run, and which tests of them.

use std::time::Duration;

/// A test program that guests run.
pub(crate) struct Suite {
    /// The name of its `[[test]]`.
    pub(crate) name: &'static str,
    /// Its tests in a full run: all that no name is a part of. None: not run.
    pub(crate) full: Option<Tests>,
    /// Its tests in a short run, as in CI.
    pub(crate) short: Option<Tests>,
    /// How long it may take, in seconds: several times what was measured.
    pub(crate) limit: u32,
}

/// A selection of tests, as arguments of the test program.
pub(crate) type Tests = &'static [&'static str];

/// All tests of a suite.
pub(crate) const ALL: Tests = &[];

/// In the order in which they run.
pub(crate) const SUITES: &[Suite] = &[
    Suite { name: "capabilities", full: Some(ALL), short: Some(ALL), limit: 200 },
    Suite { name: "vlan", full: Some(ALL), short: Some(ALL), limit: 400 },
    Suite { name: "verdict", full: Some(ALL), short: Some(ALL), limit: 400 },
    Suite { name: "attempts", full: Some(ALL), short: None, limit: 900 },
    Suite { name: "live", full: Some(ALL), short: None, limit: 1800 },
    Suite { name: "daemon", full: Some(ALL), short: None, limit: 900 },
];

impl Suite {
    /// The tests of a run, if there are any.
    pub(crate) const fn tests(&self, short: bool) -> Option<Tests> {
        if short { self.short } else { self.full }
    }

    /// How long it may take.
    pub(crate) const fn limit(&self) -> Duration {
        Duration::from_secs(self.limit as u64)
    }

    /// Which of its tests run when.
    pub(crate) fn about(&self) -> String {
        let tests = |tests: Option<Tests>| match tests {
            None => "none".to_owned(),
            Some(ALL) => "all".to_owned(),
            Some(some) => some.join(" "),
        };
        format!("{}; with --short: {}", tests(self.full), tests(self.short))
    }
}

/// What a guest does, as its init reads it: a line for each suite.
pub(crate) fn script(suites: &[(&Suite, Tests)]) -> String {
    suites
        .iter()
        .map(|(suite, tests)| format!("suite {} {} {}\n", suite.name, suite.limit, tests.join(" ")))
        .collect()
}
