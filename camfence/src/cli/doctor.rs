//! `camfence doctor`

use std::{
    io::{IsTerminal as _, stdout},
    process::ExitCode,
};

use camfence::doctor::{Finding, Level, Report, gather};

use super::{Options, output, output::counted};

/// What the page fits in.
const WIDTH: usize = 96;
/// Where what was seen begins.
const INDENT: usize = 9;

pub(crate) async fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let (root, fence) = (options.root(), options.fence()?);
    let place = gather::Place { config: &options.config, root: &root, fence: &fence };
    let report = Report::new(&gather::look(&place).await);
    if options.json {
        output::json(&report)?;
    } else {
        print(&report);
    }
    Ok(if report.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(report: &Report) {
    let color = stdout().is_terminal();
    for finding in report.findings.iter().filter(|finding| finding.is_told()) {
        let (word, id) = (painted(finding.level, color), finding.check.id());
        output::line(&format!("{word} {id}{}", about(finding)));
        tell("", &finding.seen);
        if let Some(todo) = &finding.todo {
            tell("do: ", todo);
        }
    }
    for (why, ids) in report.unlooked() {
        output::line(&format!("{} {why}, so nobody could look at", painted(Level::Unknown, color)));
        tell("", &ids.join(", "));
    }
    let fine: Vec<&str> = report.of(Level::Ok).map(|finding| finding.check.id()).collect();
    if !fine.is_empty() {
        let lines = wrapped(&fine.join(", "), WIDTH - INDENT);
        output::line(&format!("{} {}", painted(Level::Ok, color), lines[0]));
        lines[1..].iter().for_each(|line| output::line(&format!("{:INDENT$}{line}", "")));
    }
    output::line(&summary(report));
}

/// "2 failures, 1 warning, 30 ok".
fn summary(report: &Report) -> String {
    let count = |level: Level| (level, report.of(level).count());
    let counts = Level::ALL.map(count).into_iter().filter(|(_, count)| *count > 0);
    let words = counts.map(|(level, count)| match level {
        Level::Failure | Level::Warning => counted(count, level.as_str()),
        level => format!("{count} {level}"),
    });
    words.collect::<Vec<_>>().join(", ")
}

/// What a finding is about.
fn about(finding: &Finding) -> String {
    let subject = &finding.subject;
    let parts = [
        subject.camera.as_ref().map(|camera| format!("camera {camera}")),
        subject.profile.as_ref().map(|profile| format!("profile {profile}")),
        subject.interface.clone(),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) }
}

fn tell(before: &str, text: &str) {
    let width = WIDTH - INDENT - before.len();
    for (index, line) in wrapped(text, width).iter().enumerate() {
        let before = if index == 0 { before.to_string() } else { " ".repeat(before.len()) };
        output::line(&format!("{:INDENT$}{before}{line}", ""));
    }
}

/// The level, painted on a terminal.
fn painted(level: Level, color: bool) -> String {
    let word = format!("{level:<8}");
    let code = match level {
        Level::Failure => "31",
        Level::Unknown => "35",
        Level::Warning => "33",
        Level::Info => "36",
        Level::Ok => "32",
    };
    if color { format!("\x1b[{code}m{word}\x1b[0m") } else { word }
}

/// The text in lines of a width, at least one. A longer word has a line of its own.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().filter(|line| {
            line.is_empty() || line.chars().count() + 1 + word.chars().count() <= width
        });
        match line {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => lines.push(word.into()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_wrapped_at_words() {
        assert_eq!(wrapped("a bc def", 4), ["a bc", "def"]);
        assert_eq!(wrapped("abcdef g", 4), ["abcdef", "g"]);
        assert_eq!(wrapped("", 4), [""]);
    }
}
