//! What is printed: headings, lines, tables, and the checks with their total.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::Instant;

use comfy_table::{Table, presets};

/// Words that have a colour on a terminal.
const COLOURS: [(&str, &str); 6] = [
    ("DIFFERS", "\x1b[1;31m"),
    ("FAILED", "\x1b[1;31m"),
    ("dropped", "\x1b[31m"),
    ("reached", "\x1b[32m"),
    (" ok", "\x1b[32m"),
    ("ok:", "\x1b[32m"),
];

/// Prints, and counts the checks.
#[derive(Debug)]
pub(crate) struct Report {
    start: Instant,
    colour: bool,
    passed: usize,
    failed: usize,
}

impl Report {
    /// A report to standard output: in colour on a terminal, unless `NO_COLOR` is set.
    pub(crate) fn new() -> Self {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colour = io::stdout().is_terminal() && !no_color;
        Self { start: Instant::now(), colour, passed: 0, failed: 0 }
    }

    /// Prints a line as it is. That nobody reads it (a closed pipe) is not an error.
    pub(crate) fn line(&self, text: &str) {
        let mut text = text.trim_end().to_owned();
        if self.colour {
            for (word, colour) in COLOURS {
                text = text.replace(word, &format!("{colour}{word}\x1b[0m"));
            }
        }
        let _ = writeln!(io::stdout(), "{text}");
    }

    /// Prints the heading of an act.
    pub(crate) fn act(&self, text: &str) {
        let (bold, plain) = if self.colour { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
        self.line("");
        self.line(&format!("{bold}{text}{plain}"));
    }

    /// Prints text of several lines, indented.
    pub(crate) fn block(&self, text: &str) {
        for line in text.lines() {
            self.line(&format!("     {line}"));
        }
    }

    /// Prints a table; an empty row becomes an empty line.
    pub(crate) fn table(&self, header: &[&str], rows: Vec<Vec<String>>) {
        let mut table = Table::new();
        table.load_preset(presets::NOTHING).set_header(header);
        table.add_rows(rows);
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        self.line("");
        for line in table.lines() {
            self.line(&format!("  {line}"));
        }
        self.line("");
    }

    /// Checks without a word unless it differs; whether it is as expected.
    pub(crate) fn quietly<T: PartialEq + Display>(
        &mut self,
        what: &str,
        expected: &T,
        found: &T,
    ) -> bool {
        let same = expected == found;
        if same {
            self.passed += 1;
        } else {
            self.failed += 1;
            self.line(&format!("  DIFFERS: {what}: expected {expected}, found {found}"));
        }
        same
    }

    /// Checks and says so in one line.
    pub(crate) fn check<T: PartialEq + Display>(&mut self, what: &str, expected: &T, found: &T) {
        if self.quietly(what, expected, found) {
            self.line(&format!("  ok: {what}"));
        }
    }

    /// Notes what kept the demo from going on.
    pub(crate) fn failed(&mut self, why: &str) {
        self.failed += 1;
        self.line(&format!("  FAILED: {why}"));
    }

    /// How many checks differed so far.
    pub(crate) fn failures(&self) -> usize {
        self.failed
    }

    /// The last line, and the exit code.
    pub(crate) fn finish(&self) -> ExitCode {
        let seconds = self.start.elapsed().as_secs_f32();
        self.line("");
        self.line(&format!("({seconds:.1} s)"));
        self.line(&format!("demo: {} checks passed, {} failed", self.passed, self.failed));
        if self.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
