//! Errors as a user sees them: a line that says what and where, and a hint.

use std::process::ExitCode;

use camfence::{
    config::{ConfigError, Problem},
    daemon::{DaemonError, client::ClientError, protocol::Failure},
    discover::DiscoverError,
    explain::QuestionError,
    fence::FenceError,
    init::InitError,
    kernel::KernelError,
    operations::OperationError,
    replay::ReplayError,
};

/// Problems of a configuration that are printed; a broken file can have very many.
const MOST_PROBLEMS: usize = 20;

/// Prints an error to stderr.
pub(crate) fn print(error: &anyhow::Error) {
    if let Some(error) = error.chain().find_map(config_error) {
        return print_problems(error);
    }
    eprintln!("error: {}", one_line(&whole(error)));
    if let Some(hint) = error.chain().find_map(hint) {
        eprintln!("hint: {}", one_line(&hint));
    }
}

/// Prints what is wrong with words on the command line; the exit code is that of wrong usage.
pub(crate) fn usage(problem: &Problem) -> ExitCode {
    const USAGE: u8 = 2;
    eprintln!("error: {}", problem.what);
    eprintln!("hint: {}", problem.hint);
    ExitCode::from(USAGE)
}

fn print_problems(error: &ConfigError) {
    for problem in error.problems.iter().take(MOST_PROBLEMS) {
        eprintln!("error: {}", problem.located(&error.path));
        eprintln!("hint: {}", problem.hint);
    }
    let more = error.problems.len().saturating_sub(MOST_PROBLEMS);
    if more > 0 {
        eprintln!("error: {}: and {more} more", error.path.display());
    }
}

fn config_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a ConfigError> {
    if let Some(DaemonError::Operation(OperationError::Config(error))) = error.downcast_ref() {
        return Some(error);
    }
    match error.downcast_ref() {
        Some(OperationError::Config(error)) => Some(error),
        _ => error.downcast_ref(),
    }
}

fn hint(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    if let Some(error) = error.downcast_ref::<OperationError>() {
        return error.hint();
    }
    if let Some(error) = error.downcast_ref::<DaemonError>() {
        return error.hint();
    }
    if let Some(error) = error.downcast_ref::<ClientError>() {
        return error.hint();
    }
    if let Some(error) = error.downcast_ref::<Failure>() {
        return error.hint.clone();
    }
    if let Some(error) = error.downcast_ref::<FenceError>() {
        return error.hint();
    }
    if let Some(error) = error.downcast_ref::<DiscoverError>() {
        return error.hint();
    }
    if let Some(error) = error.downcast_ref::<InitError>() {
        return error.hint();
    }
    if let Some(error) = error.downcast_ref::<QuestionError>() {
        return error.hint();
    }
    if let Some(error) = error.downcast_ref::<ReplayError>() {
        return error.hint();
    }
    error.downcast_ref::<KernelError>().and_then(KernelError::hint)
}

/// An error with its causes, each said once: some errors say their cause themselves.
fn whole(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// What others' errors say may span lines; what is printed may not.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
