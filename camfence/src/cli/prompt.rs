//! Questions on a terminal.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};

use camfence::config::Problem;

/// Longest answer that is read.
const MAX_ANSWER_BYTES: u64 = 1_024;

/// Whether somebody can be asked; the hint says what to do otherwise.
pub(super) fn check(hint: &str) -> Result<(), Problem> {
    if io::stdin().is_terminal() {
        return Ok(());
    }
    Err(Problem::new("nobody can be asked: standard input is no terminal", hint))
}

/// Asks, on stderr, so that stdout is what the verb prints; gives the answer without space around it. None
/// at the end of input.
pub(super) fn ask(question: &str) -> io::Result<Option<String>> {
    let mut stderr = io::stderr();
    write!(stderr, "{question} ")?;
    stderr.flush()?;
    let mut answer = String::new();
    let read = io::stdin().lock().take(MAX_ANSWER_BYTES).read_line(&mut answer)?;
    Ok((read > 0).then(|| answer.trim().to_string()))
}

/// Whether the answer is yes. No answer is no.
pub(super) fn is_yes(question: &str) -> io::Result<bool> {
    let answer = ask(&format!("{question} [y/N]"))?.unwrap_or_default();
    Ok(["y", "yes"].contains(&answer.to_lowercase().as_str()))
}
