//! The results in `cargo test`'s output.

use std::{collections::BTreeMap, fmt::Write};

/// What a test that finds out when it runs that it cannot says before its name and the reason: see
/// `camfence_tests::kernel::skip`. cargo counts it as passed.
const SKIPPED: &str = "skipped: ";

/// Every suite that ran, in order.
#[derive(Default)]
pub(crate) struct Results {
    suites: Vec<Suite>,
}

/// One test program, or the documentation tests of one crate.
#[derive(Default)]
struct Suite {
    name: String,
    counts: Counts,
    seconds: f64,
    /// What was skipped, and why, that cargo does not know of.
    reasons: Vec<String>,
    /// How many of those are in the counts.
    told: usize,
    /// How many tests were announced whose results are still to come. Documentation tests come
    /// in several batches.
    announced: Option<u64>,
    batches: usize,
}

/// How tests ended.
#[derive(Clone, Copy, Default, Debug, PartialEq)]
struct Counts {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Results {
    /// Takes in one line of output.
    pub(crate) fn line(&mut self, line: &str) {
        if let Some(name) = suite_name(line) {
            self.suites.push(Suite { name, ..Suite::default() });
        } else if let Some(suite) = self.suites.last_mut() {
            suite.line(line);
        }
    }

    /// Counts something that could not be had as skipped, and says so.
    pub(crate) fn skip(&mut self, name: &str, reason: &str) {
        let counts = Counts { skipped: 1, ..Counts::default() };
        let (name, reasons) = (name.to_owned(), vec![format!("all of it: {reason}")]);
        self.suites.push(Suite { name, counts, reasons, batches: 1, ..Suite::default() });
    }

    /// Counts something that went wrong as a failure, and says so.
    pub(crate) fn fail(&mut self, name: &str, reason: &str) {
        eprintln!("error: {name}: {reason}");
        self.suites.push(Suite { name: name.into(), ..Suite::default() });
    }

    /// Whether at least one test ran and nothing failed, `cargo` itself (which also builds the
    /// tests) included.
    pub(crate) fn passed(&self, cargo: bool) -> bool {
        let totals = self.totals(cargo);
        totals.failed == 0 && totals.passed > 0
    }

    /// A line for every suite that has a test to show, then the totals on the last line.
    pub(crate) fn report(&self, cargo: bool) -> String {
        let mut report = String::from("\n  passed  failed  skipped  seconds  suite\n");
        for suite in self.suites.iter().filter(|suite| suite.is_worth_a_line()) {
            let Counts { passed, failed, skipped } = suite.counts;
            let (seconds, name) = (suite.seconds, &suite.name);
            let note = if suite.finished() { "" } else { "  (did not finish)" };
            // Writing to a String cannot fail.
            let _ =
                writeln!(report, "{passed:>8}{failed:>8}{skipped:>9}{seconds:>9.2}  {name}{note}");
        }
        for suite in &self.suites {
            suite.report_skipped(&mut report);
        }
        let totals = self.totals(cargo);
        if totals.failed > self.counted().failed {
            report.push_str("a suite could not be built or run; it counts as one failure\n");
        } else if totals.passed + totals.failed == 0 {
            report.push_str("no test ran\n");
        }
        let _ = write!(report, "{} passed, {} failed", totals.passed, totals.failed);
        if totals.skipped > 0 {
            let _ = write!(report, ", {} skipped", totals.skipped);
        }
        report.push('\n');
        report
    }

    /// What was counted; a failure that no suite reported is one more.
    fn totals(&self, cargo: bool) -> Counts {
        let mut totals = self.counted();
        if totals.failed == 0 && !cargo {
            totals.failed = 1;
        }
        totals
    }

    fn counted(&self) -> Counts {
        self.suites.iter().map(Suite::outcome).fold(Counts::default(), Counts::plus)
    }
}

impl Suite {
    fn line(&mut self, line: &str) {
        if let Some(announced) = announcement(line) {
            // What a failed test printed may look like this as well: the first one counts.
            self.announced.get_or_insert(announced);
        } else if let Some((counts, seconds)) = outcome(line)
            && self.announced == Some(counts.sum())
        {
            self.announced = None;
            self.batches += 1;
            let skipped = self.reasons.len() - self.told;
            self.told = self.reasons.len();
            self.counts = self.counts.plus(counts.skipping(skipped as u64));
            self.seconds += seconds;
        } else if let Some(reason) = line.strip_prefix(SKIPPED) {
            self.reasons.push(reason.to_owned());
        }
    }

    /// A line for each reason, with how many tests have it.
    fn report_skipped(&self, report: &mut String) {
        let mut tests: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for reason in &self.reasons {
            let (test, why) = reason.split_once(": ").unwrap_or(("", reason));
            tests.entry(why).or_default().push(test);
        }
        for (why, tests) in tests {
            let tests = match tests.as_slice() {
                [one] => (*one).to_owned(),
                many => format!("{} tests", many.len()),
            };
            let _ = writeln!(report, "SKIPPED  {}: {tests}: {why}", self.name);
        }
    }

    fn finished(&self) -> bool {
        self.announced.is_none() && self.batches > 0
    }

    /// A suite that ended without a result, by a crash say, has failed once.
    fn outcome(&self) -> Counts {
        let lost = Counts { failed: u64::from(!self.finished()), ..Counts::default() };
        self.counts.plus(lost)
    }

    fn is_worth_a_line(&self) -> bool {
        self.outcome() != Counts::default()
    }
}

impl Counts {
    fn plus(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            skipped: self.skipped + other.skipped,
        }
    }

    /// The same, where so many of those that passed had skipped themselves.
    fn skipping(self, skipped: u64) -> Self {
        let skipped = skipped.min(self.passed);
        Self { passed: self.passed - skipped, skipped: self.skipped + skipped, ..self }
    }

    fn sum(self) -> u64 {
        self.passed + self.failed + self.skipped
    }
}

/// The suite that cargo says it is about to run:
/// `Running tests/live.rs (target/debug/deps/live-8a31…)` or `Doc-tests camfence`.
fn suite_name(line: &str) -> Option<String> {
    if let Some(package) = line.strip_prefix("   Doc-tests ") {
        return Some(format!("{package}, documentation"));
    }
    let (source, program) =
        line.strip_prefix("     Running ")?.strip_suffix(')')?.split_once(" (")?;
    let (_, file) = program.rsplit_once('/')?;
    let (name, _hash) = file.rsplit_once('-')?;
    Some(format!("{name}, {}", source.trim_start_matches("unittests ")))
}

/// How many tests a batch has, from `running 3 tests`.
fn announcement(line: &str) -> Option<u64> {
    let (number, noun) = line.strip_prefix("running ")?.split_once(' ')?;
    matches!(noun, "test" | "tests").then(|| number.parse().ok())?
}

/// What became of a batch and how long it took, from
/// `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 9 filtered out; finished in 0.01s`.
fn outcome(line: &str) -> Option<(Counts, f64)> {
    let (_verdict, figures) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let mut counts = Counts::default();
    let mut seconds = 0.0;
    for figure in figures.split("; ") {
        if let Some(time) = figure.strip_prefix("finished in ") {
            seconds = time.strip_suffix('s')?.parse().ok()?;
            continue;
        }
        let (number, what) = figure.split_once(' ')?;
        let number: u64 = number.parse().ok()?;
        match what {
            "passed" | "measured" => counts.passed += number,
            "failed" => counts.failed = number,
            "ignored" => counts.skipped = number,
            _ => {}
        }
    }
    Some((counts, seconds))
}

#[cfg(test)]
mod tests {
    use super::{Counts, Results, announcement, outcome, suite_name};

    const LIVE: &str = "     Running tests/live.rs (target/debug/deps/live-8a31c0ffee)";
    const OK: &str = "test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 7 filtered out; \
                      finished in 1.25s";
    const BAD: &str = "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; \
                       0 filtered out; finished in 0.00s";

    fn read(lines: &[&str]) -> Results {
        let mut results = Results::default();
        for line in lines {
            results.line(line);
        }
        results
    }

    fn last_line(results: &Results, cargo: bool) -> String {
        results.report(cargo).lines().last().unwrap().to_owned()
    }

    #[test]
    fn a_suite_is_named_after_its_program_and_source() {
        assert_eq!(suite_name(LIVE).as_deref(), Some("live, tests/live.rs"));
        let unit = "     Running unittests src/lib.rs (target/debug/deps/camfence_common-0123)";
        assert_eq!(suite_name(unit).as_deref(), Some("camfence_common, src/lib.rs"));
        let doc = "   Doc-tests camfence";
        assert_eq!(suite_name(doc).as_deref(), Some("camfence, documentation"));
        assert_eq!(suite_name("     Running late"), None);
    }

    #[test]
    fn a_result_line_gives_counts_and_time() {
        let counts = Counts { passed: 2, failed: 0, skipped: 1 };
        assert_eq!(outcome(OK), Some((counts, 1.25)));
        assert_eq!(outcome("test result: as expected"), None);
        assert_eq!(announcement("running 1 test"), Some(1));
        assert_eq!(announcement("running late"), None);
    }

    #[test]
    fn a_test_that_skips_itself_is_counted_and_named() {
        let lines = [LIVE, "running 3 tests", "skipped: vlan::tags: no 8021q", OK];
        let results = read(&lines);
        assert_eq!(last_line(&results, true), "1 passed, 0 failed, 2 skipped");
        let report = results.report(true);
        assert!(report.contains("SKIPPED  live, tests/live.rs: vlan::tags: no 8021q"), "{report}");
    }

    #[test]
    fn what_cannot_be_had_is_a_skip_and_what_went_wrong_a_failure() {
        let mut results = read(&[LIVE, "running 3 tests", OK]);
        results.skip("kernel 5.10", "Debian has none");
        assert!(results.passed(true));
        assert_eq!(last_line(&results, true), "2 passed, 0 failed, 2 skipped");
        results.fail("kernel 6.1", "Debian has none");
        assert!(!results.passed(true));
        assert_eq!(last_line(&results, true), "2 passed, 1 failed, 2 skipped");
    }

    #[test]
    fn all_passed() {
        let results = read(&[LIVE, "running 3 tests", "test a ... ok", OK]);
        assert!(results.passed(true));
        assert_eq!(last_line(&results, true), "2 passed, 0 failed, 1 skipped");
    }

    #[test]
    fn a_failed_test_fails_the_run() {
        let results = read(&[LIVE, "running 3 tests", BAD, LIVE, "running 3 tests", OK]);
        assert!(!results.passed(false));
        assert_eq!(last_line(&results, false), "3 passed, 2 failed, 1 skipped");
    }

    #[test]
    fn batches_of_documentation_tests_add_up() {
        let lines = ["   Doc-tests camfence", "running 3 tests", OK, "running 3 tests", OK];
        assert_eq!(last_line(&read(&lines), true), "4 passed, 0 failed, 2 skipped");
    }

    #[test]
    fn a_suite_that_crashed_is_a_failure() {
        let results = read(&[LIVE, "running 3 tests", "test a ... ok"]);
        assert!(!results.passed(true));
        assert_eq!(last_line(&results, true), "0 passed, 1 failed");
        assert!(results.report(true).contains("did not finish"));
    }

    #[test]
    fn a_suite_that_could_not_be_built_is_a_failure() {
        let results = read(&["error: could not compile `camfence`"]);
        assert!(!results.passed(false));
        assert_eq!(last_line(&results, false), "0 passed, 1 failed");
    }

    #[test]
    fn no_test_is_no_success() {
        let empty = "test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out; \
                     finished in 0.00s";
        let results = read(&[LIVE, "running 0 tests", empty]);
        assert!(!results.passed(true));
        assert_eq!(last_line(&results, true), "0 passed, 0 failed");
    }

    #[test]
    fn a_result_that_a_failed_test_printed_is_not_counted() {
        let printed = OK.replace("2 passed", "8 passed");
        let results = read(&[LIVE, "running 3 tests", "running 9 tests", &printed, BAD]);
        assert_eq!(last_line(&results, false), "1 passed, 2 failed");
    }
}
