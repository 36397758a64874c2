//! Which suites guests run, and which tests of them.
//!
//! Loading the fence's programs takes a guest three to five seconds, as a processor that is emulated
//! follows every instruction that the verifier does. What each test loads once more is therefore
//! chosen by what depends on the kernel: how programs are attached, and which ports there are.

use std::time::Duration;

use super::kernel::Line;

/// Tests that guests run: a line of the table.
pub(crate) struct Suite {
    /// The name of the `[[test]]`.
    pub(crate) name: &'static str,
    /// On which kernels.
    kernels: &'static [Line],
    /// Which of its tests in a full run.
    full: Option<Tests>,
    /// Which in a short one, as in CI.
    short: Option<Tests>,
    /// How long they may take, in seconds: many times what they do, as others may be at work.
    limit: u32,
}

/// A selection of tests, as arguments of the test program.
pub(crate) type Tests = &'static [&'static str];

const ALL: Tests = &[];
/// Those of the ledger, and of what is told, but for floods.
const FLOWS: Tests = &[
    "keys::",
    "counts::",
    "a_first_contact",
    "unknown_sources",
    "dns_answers",
    "as_a_dns_answer",
    "a_camera_is_seen",
];

const EVERY: &[Line] = &[OLDEST, OLD, NEW, Line::Newest, ARM];
/// Those without TCX, whose tests are left out there.
const BEFORE_TCX: &[Line] = &[OLDEST, OLD];
const WITH_TCX: &[Line] = &[NEW, ARM];
/// All but those: long suites run less there.
const OTHERS: &[Line] = &[OLDEST, OLD, Line::Newest];
/// All but the newest, whose verifier takes twice as long: it runs what depends on it.
const MOST: &[Line] = &[OLDEST, OLD, NEW, ARM];
const NEWEST: &[Line] = &[Line::Newest];
const OLDEST: Line = Line::Stable(5, 10);
const OLD: Line = Line::Stable(6, 1);
const NEW: Line = Line::Stable(6, 12);
const ARM: Line = Line::Arm(6, 12);

/// In the order in which they run.
pub(crate) const SUITES: &[Suite] = &[
    Suite { name: "capabilities", kernels: EVERY, full: Some(ALL), short: Some(ALL), limit: 300 },
    Suite { name: "verdict", kernels: EVERY, full: Some(ALL), short: Some(ALL), limit: 300 },
    Suite { name: "ledger", kernels: WITH_TCX, full: Some(FLOWS), short: Some(FLOWS), limit: 600 },
    Suite {
        name: "ledger",
        kernels: OTHERS,
        full: Some(FLOWS),
        short: Some(&["counts::", "a_first_contact"]),
        limit: 600,
    },
    Suite { name: "vlan", kernels: WITH_TCX, full: Some(ALL), short: Some(ALL), limit: 600 },
    Suite {
        name: "vlan",
        kernels: OTHERS,
        full: Some(&["both_ways", "made_again", "native_xdp_on", "ports_of_a_bridge", "at_tc"]),
        short: Some(&["both_ways", "native_xdp_on", "ports_of_a_bridge", "at_tc"]),
        limit: 600,
    },
    Suite {
        name: "live",
        kernels: BEFORE_TCX,
        full: Some(&[
            "says_what",
            "frames_of",
            "auto_is",
            "clsact::two_roots",
            "clsact::down_leaves",
            "clsact::direct_ports",
            "--skip",
            "tcx::",
            "--skip",
            "xdp_generic::frames_of",
        ]),
        short: Some(&["says_what", "auto_is", "--skip", "tcx::"]),
        limit: 900,
    },
    Suite {
        name: "live",
        kernels: WITH_TCX,
        full: Some(&[
            "says_what",
            "frames_of",
            "auto_is",
            "xdp_generic::two_roots",
            "tcx::down_leaves",
            "tcx::direct_ports",
            "--skip",
            "clsact::",
        ]),
        short: Some(&["says_what", "tcx::two_roots", "auto_is", "--skip", "clsact::"]),
        limit: 900,
    },
    Suite {
        name: "live",
        kernels: NEWEST,
        full: Some(&["says_what", "auto_is", "--skip", "clsact::"]),
        short: Some(&["says_what", "auto_is", "--skip", "clsact::"]),
        limit: 900,
    },
    Suite {
        name: "lifecycle",
        kernels: MOST,
        full: Some(&["made_again", "joins", "taken_off"]),
        short: Some(&["a_port_made_again", "taken_off"]),
        limit: 900,
    },
    Suite {
        name: "lifecycle",
        kernels: NEWEST,
        full: Some(&["a_port_made_again", "taken_off"]),
        short: Some(&["a_port_made_again", "taken_off"]),
        limit: 900,
    },
    Suite {
        name: "daemon",
        kernels: EVERY,
        full: Some(&["is_killed", "a_reload_follows"]),
        short: Some(&["is_killed"]),
        limit: 400,
    },
    Suite {
        name: "attempts",
        kernels: &[OLD, NEW, ARM],
        full: Some(&["every_", "live::at_"]),
        short: None,
        limit: 600,
    },
];

impl Suite {
    /// Its tests in a run on a kernel, if there are any. A suite that is asked for by name runs
    /// whole.
    pub(crate) fn tests(&self, line: Line, short: bool, named: &[&str]) -> Option<Tests> {
        if !self.kernels.contains(&line) {
            return None;
        }
        match (named.is_empty(), short) {
            (false, _) => named.contains(&self.name).then_some(ALL),
            (true, true) => self.short,
            (true, false) => self.full,
        }
    }

    /// How long it may take.
    pub(crate) const fn limit(&self) -> Duration {
        Duration::from_secs(self.limit as u64)
    }

    /// Where it runs, and which of its tests.
    pub(crate) fn about(&self) -> String {
        let tests = |tests: Option<Tests>| match tests {
            None => "none".to_owned(),
            Some(ALL) => "all".to_owned(),
            Some(some) => some.join(" "),
        };
        let kernels: Vec<_> = self.kernels.iter().map(|line| line.name()).collect();
        let (full, short) = (tests(self.full), tests(self.short));
        format!("{} on {}: {full}; --short: {short}", self.name, kernels.join(", "))
    }
}

/// What a guest does, as its init reads it: a line for each suite. And how long it may take.
pub(crate) fn script(suites: &[(&Suite, Tests)]) -> (String, Duration) {
    let line = |(suite, tests): &(&Suite, Tests)| {
        format!("suite {} {} {}\n", suite.name, suite.limit, tests.join(" "))
    };
    let limit = suites.iter().map(|(suite, _)| suite.limit()).sum();
    (suites.iter().map(line).collect(), limit)
}

#[cfg(test)]
mod tests {
    use super::{ALL, EVERY, NEW, OLD, SUITES, script};

    #[test]
    fn every_kernel_has_the_same_suites_short_or_not() {
        let names = |line, short| -> Vec<_> {
            let has = |suite: &&super::Suite| suite.tests(line, short, &[]).is_some();
            let names = SUITES.iter().filter(has).map(|suite| suite.name);
            names.filter(|name| *name != "attempts").collect()
        };
        for &line in EVERY {
            assert_eq!(names(line, false), names(OLD, false));
            assert_eq!(names(line, true), names(OLD, true));
            assert!(names(line, true).len() > 5);
        }
    }

    #[test]
    fn a_suite_that_is_named_runs_whole() {
        let live = |line| SUITES.iter().filter_map(move |s| s.tests(line, true, &["live"]));
        assert_eq!(live(NEW).collect::<Vec<_>>(), [ALL]);
    }

    #[test]
    fn a_script_is_a_line_for_each_suite() {
        let suite = &SUITES[0];
        let (text, limit) = script(&[(suite, &["a", "--skip", "b"])]);
        assert_eq!(text, "suite capabilities 300 a --skip b\n");
        assert_eq!(limit.as_secs(), 300);
    }
}
