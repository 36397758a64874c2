//! The TOML parser's and serde's errors in plain words.
//!
//! Both give their findings as English text only, so this takes that text apart; what it does not
//! recognise it passes on as it came. The tests pin the wording of the versions in use.

use toml::de::Error;

use super::{
    super::{
        error::{Lines, Problem, quoted, snippet},
        suggest::closest,
    },
    WORD_OR_NAMES,
};

/// Longest message of the parser that is passed on, in characters.
const MESSAGE_MAX: usize = 200;

/// The keys of `[interface.NAME]`, where TOML takes the end of a VLAN's name for one.
const INTERFACE_KEYS: [&str; 2] = ["hook", "unknown"];

/// A file that is not TOML.
pub(super) fn syntax(error: &Error, text: &str, lines: &Lines) -> Problem {
    let problem = match error.message() {
        "duplicate key" => Problem::new(
            format!("`{}` is written twice", source(error, text)),
            "keep one of the two",
        ),
        message if message.contains("recurs") => Problem::new(
            "this is not a configuration: it is nested too deeply",
            "look for brackets that are never closed, and for keys with many dots",
        ),
        message => Problem::new(
            format!("this is not valid TOML: {}", passed_on(message)),
            if message.starts_with("string values must be quoted") {
                "put the value in double quotes"
            } else {
                "look for a missing quote, bracket or equals sign on this line or just before it"
            },
        ),
    };
    on_line(problem, error, lines)
}

/// A file that is TOML, with keys or values that do not belong there.
pub(super) fn shape(error: &Error, text: &str, lines: &Lines) -> Problem {
    let message = error.message();
    let problem = unknown_key(message)
        .or_else(|| missing_key(message))
        .or_else(|| wrong_type(message, &source(error, text)))
        .or_else(|| too_large(message, &source(error, text)))
        .unwrap_or_else(|| Problem::new(passed_on(message), "correct this line"));
    on_line(problem, error, lines)
}

fn on_line(mut problem: Problem, error: &Error, lines: &Lines) -> Problem {
    problem.line = error.span().map(|span| lines.line(span.start));
    problem
}

/// The piece of the file that the error is about.
fn source(error: &Error, text: &str) -> String {
    snippet(error.span().and_then(|span| text.get(span)).unwrap_or_default())
}

fn passed_on(message: &str) -> String {
    message.chars().take(MESSAGE_MAX).collect()
}

/// ``unknown field `x`, expected one of `a`, `b` ``. The key is the user's, so it may hold
/// anything; what follows it is ours.
fn unknown_key(message: &str) -> Option<Problem> {
    let rest = message.strip_prefix("unknown field `")?;
    let (key, expected) = rest.rsplit_once("`, expected ")?;
    let allowed: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
    let mut list = format!("keys allowed here: {}", allowed.join(", "));
    if allowed == INTERFACE_KEYS {
        list += "; a name with a dot is written in quotes, like [interface.\"eth0.20\"]";
    }
    let hint = match closest(key, allowed) {
        Some(meant) => format!("did you mean `{meant}`? {list}"),
        None => list,
    };
    Some(Problem::new(format!("unknown key {}", quoted(key)), hint))
}

fn missing_key(message: &str) -> Option<Problem> {
    let key = message.strip_prefix("missing field `")?.strip_suffix('`')?;
    let example = match key {
        "mac" => "b0:c5:54:25:5b:0e",
        "name" => "driveway",
        "listen" => "127.0.0.1:9477",
        _ => "…",
    };
    Some(Problem::new(
        format!("`{key}` is missing here"),
        format!("add a line like {key} = \"{example}\""),
    ))
}

/// What does not fit 128 bits; smaller numbers that do not fit are wrong types.
fn too_large(message: &str, found: &str) -> Option<Problem> {
    (message == "integer number overflowed")
        .then(|| Problem::new(format!("the number {found} is too large"), "write a smaller number"))
}

/// `invalid type: string "x", expected i64`. What was found is better shown as it is written.
fn wrong_type(message: &str, found: &str) -> Option<Problem> {
    let (_, expected) = message.strip_prefix("invalid type: ")?.rsplit_once(", expected ")?;
    let (wanted, hint) = match expected {
        "a string" => ("text", "put the value in double quotes"),
        "a boolean" => ("true or false", "write true or false, without quotes"),
        "i64" => ("a whole number", "write digits only, without quotes, like 1024"),
        "a sequence" if found.starts_with('[') => {
            ("a list", "each one starts with two brackets, like [[camera]]")
        }
        "a sequence" => ("a list", "put the value in square brackets, like [\"…\"]"),
        WORD_OR_NAMES => (
            "\"pass\", \"deny\" or a list of names",
            "write dns = \"deny\", or names like dns = [\"pool.ntp.org\"]",
        ),
        "a map" if found.starts_with("[[") => {
            ("a table", "write it once, in single brackets, like [fence]")
        }
        "a map" => ("a table", "write it as a heading like [fence], with its keys below"),
        other => (other, "correct this value"),
    };
    Some(Problem::new(format!("expected {wanted}, found {found}"), hint))
}
