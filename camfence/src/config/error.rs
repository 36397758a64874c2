//! What is wrong with a configuration, in words for the person who wrote it.

use std::{
    error, fmt,
    path::{Path, PathBuf},
};

/// One mistake: where it is, what it is, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Line of the file, from 1; `None` when the mistake belongs to no line.
    pub line: Option<usize>,
    /// What is wrong, on one line.
    pub what: String,
    /// What would put it right, on one line.
    pub hint: String,
}

impl Problem {
    /// A problem that belongs to no line (yet). Control characters in the text are escaped.
    pub fn new(what: impl AsRef<str>, hint: impl AsRef<str>) -> Self {
        Self { line: None, what: one_line(what.as_ref()), hint: one_line(hint.as_ref()) }
    }

    /// Prints as `PATH:LINE: what`, always on one line.
    pub fn located<'a>(&'a self, path: &'a Path) -> impl fmt::Display + 'a {
        fmt::from_fn(move |f| {
            write!(f, "{}:", one_line(&path.to_string_lossy()))?;
            if let Some(line) = self.line {
                write!(f, "{line}:")?;
            }
            write!(f, " {}", self.what)
        })
    }
}

/// Everything that is wrong with one configuration file; never empty.
///
/// Prints one line per problem, `PATH:LINE: what`; the hints are in [`ConfigError::problems`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The file the problems are in.
    pub path: PathBuf,
    /// The problems, in the order of their lines.
    pub problems: Vec<Problem>,
}

impl ConfigError {
    pub(super) fn one(path: &Path, problem: Problem) -> Self {
        Self { path: path.to_owned(), problems: vec![problem] }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{}", problem.located(&self.path))?;
        }
        Ok(())
    }
}

impl error::Error for ConfigError {}

/// Longest piece of the user's own text that an error repeats, in characters.
const QUOTE_MAX: usize = 80;

/// The user's own text in quotes: shortened, and with nothing in it that upsets a terminal.
pub(crate) fn quoted(text: &str) -> String {
    let (text, more) = shortened(text);
    if more { format!("\"{}…\"", text.escape_debug()) } else { format!("{text:?}") }
}

/// Text without line breaks or control characters.
pub(super) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { line.extend(c.escape_debug()) } else { line.push(c) }
    }
    line
}

/// The first line of a piece of the file as it is written there, shortened.
pub(super) fn snippet(text: &str) -> String {
    let first = text.lines().next().unwrap_or_default().trim();
    let (kept, more) = shortened(first);
    let cut = more || first.len() < text.trim().len();
    one_line(kept) + if cut { "…" } else { "" }
}

fn shortened(text: &str) -> (&str, bool) {
    match text.char_indices().nth(QUOTE_MAX) {
        Some((end, _)) => (&text[..end], true),
        None => (text, false),
    }
}

/// Turns byte offsets into line numbers without reading the text again each time.
#[derive(Debug)]
pub(super) struct Lines {
    /// Where each line after the first begins.
    starts: Vec<usize>,
    /// The last offset that holds a character.
    last: usize,
}

impl Lines {
    pub(super) fn new(text: &str) -> Self {
        let starts = text.match_indices('\n').map(|(at, _)| at + 1).collect();
        Self { starts, last: text.len().saturating_sub(1) }
    }

    /// The line, from 1, that holds this byte. What is missing at the end of the file is reported
    /// on its last line, not on the empty one after it.
    pub(super) fn line(&self, offset: usize) -> usize {
        let offset = offset.min(self.last);
        1 + self.starts.partition_point(|&start| start <= offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_prints_on_one_line_whatever_the_path() {
        let mut problem = Problem::new("something", "do this");
        let path = Path::new("/etc/new\nline.toml");
        assert_eq!(problem.located(path).to_string(), "/etc/new\\nline.toml: something");
        problem.line = Some(7);
        assert_eq!(problem.located(Path::new("a.toml")).to_string(), "a.toml:7: something");
    }

    #[test]
    fn an_error_prints_a_line_per_problem() {
        let mut error = ConfigError::one(Path::new("a"), Problem::new("one", ""));
        error.problems.push(Problem { line: Some(2), what: "two".into(), hint: String::new() });
        assert_eq!(error.to_string(), "a: one\na:2: two");
    }

    #[test]
    fn offsets_become_lines() {
        let lines = Lines::new("a\nbc\n\nd\n");
        let at = [0, 1, 2, 4, 5, 6, 7, 8, 99];
        assert_eq!(at.map(|offset| lines.line(offset)), [1, 1, 2, 2, 3, 4, 4, 4, 4]);
        assert_eq!(Lines::new("").line(0), 1);
    }

    #[test]
    fn repeated_text_is_short_and_harmless() {
        assert_eq!(quoted("a\n\u{1b}[2J"), r#""a\n\u{1b}[2J""#);
        assert_eq!(quoted(&"x".repeat(5_000)), format!("\"{}…\"", "x".repeat(QUOTE_MAX)));
        assert_eq!(snippet("  [1,\n2]"), "[1,…");
        assert_eq!(snippet("12 "), "12");
    }
}
