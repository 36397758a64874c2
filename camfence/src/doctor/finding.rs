//! What a check comes to.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

use super::{registry::Check, seen::Seen};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Nothing to do.
    Ok,
    /// Worth knowing.
    Info,
    /// The fence holds, but not as it should or not for long.
    Warning,
    /// Nobody could look. It may be well or not.
    Unknown,
    /// A camera is not fenced in, or may not be.
    Failure,
}

impl Level {
    /// Every level, the worst first.
    pub const ALL: [Self; 5] = [Self::Failure, Self::Unknown, Self::Warning, Self::Info, Self::Ok];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Unknown => "unknown",
            Self::Failure => "failure",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a finding is about, where it is about one thing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Subject {
    /// An interface.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// A camera.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub camera: Option<String>,
    /// A profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    pub(super) level: Level,
    pub(super) subject: Subject,
    pub(super) seen: String,
    pub(super) todo: String,
}

impl Trouble {
    fn new(level: Level, seen: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { level, subject: Subject::default(), seen: seen.into(), todo: todo.into() }
    }

    /// A camera is not fenced in, or may not be.
    pub(super) fn failure(seen: impl Into<String>, todo: impl Into<String>) -> Self {
        Self::new(Level::Failure, seen, todo)
    }

    /// Not as it should be.
    pub(super) fn warning(seen: impl Into<String>, todo: impl Into<String>) -> Self {
        Self::new(Level::Warning, seen, todo)
    }

    /// Worth knowing.
    pub(super) fn info(seen: impl Into<String>, todo: impl Into<String>) -> Self {
        Self::new(Level::Info, seen, todo)
    }

    /// Nobody could look.
    pub(super) fn unknown(seen: impl Into<String>, todo: impl Into<String>) -> Self {
        Self::new(Level::Unknown, seen, todo)
    }

    /// It is about an interface.
    pub(super) fn on(mut self, interface: impl Into<String>) -> Self {
        self.subject.interface = Some(interface.into());
        self
    }

    /// It is about a camera.
    pub(super) fn of(mut self, camera: impl Into<String>) -> Self {
        self.subject.camera = Some(camera.into());
        self
    }

    /// It is about a profile.
    pub(super) fn in_profile(mut self, profile: impl Into<String>) -> Self {
        self.subject.profile = Some(profile.into());
        self
    }
}

/// What a check comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// All is well, and this is what was seen.
    Fine(String),
    /// All that is not.
    Found(Vec<Trouble>),
}

impl Outcome {
    /// All is well.
    #[expect(clippy::unnecessary_wraps, reason = "it is what a check returns")]
    pub(super) fn fine<T>(seen: impl Into<String>) -> Result<Self, T> {
        Ok(Self::Fine(seen.into()))
    }

    /// One thing is not.
    #[expect(clippy::unnecessary_wraps, reason = "it is what a check returns")]
    pub(super) fn one<T>(trouble: Trouble) -> Result<Self, T> {
        Ok(Self::Found(vec![trouble]))
    }

    /// Those things are not well, or all is.
    #[expect(clippy::unnecessary_wraps, reason = "it is what a check returns")]
    pub(super) fn of<T>(
        troubles: impl IntoIterator<Item = Trouble>,
        fine: impl Into<String>,
    ) -> Result<Self, T> {
        let troubles: Vec<Trouble> = troubles.into_iter().collect();
        Ok(if troubles.is_empty() { Self::Fine(fine.into()) } else { Self::Found(troubles) })
    }
}

/// A line of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which check it is of.
    #[serde(rename = "id")]
    pub check: Check,
    /// How bad it is.
    pub level: Level,
    /// What it is about.
    #[serde(flatten)]
    pub subject: Subject,
    /// What was seen; of what is unknown, why nobody could look.
    pub seen: String,
    /// What to do.
    #[serde(rename = "do", skip_serializing_if = "Option::is_none")]
    pub todo: Option<String>,
}

impl Finding {
    /// Whether it says more than that all is well, or that nobody could look.
    pub fn is_told(&self) -> bool {
        self.todo.is_some()
    }
}

/// What `doctor --json` prints. Others' scripts parse it; its keys do not change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether nothing failed and nothing is unknown.
    pub ok: bool,
    /// The worst level.
    pub level: Level,
    /// The findings, the worst first.
    pub findings: Vec<Finding>,
}

impl Report {
    /// What all checks come to.
    pub fn new(seen: &Seen) -> Self {
        let mut findings: Vec<Finding> =
            Check::ALL.into_iter().flat_map(|check| findings(check, seen)).collect();
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.level));
        let level = findings.first().map_or(Level::Ok, |finding| finding.level);
        Self { ok: level < Level::Unknown, level, findings }
    }

    /// The checks that nobody could make, by why not.
    pub fn unlooked(&self) -> BTreeMap<&str, Vec<&'static str>> {
        let mut unlooked: BTreeMap<&str, Vec<&'static str>> = BTreeMap::new();
        for finding in self.of(Level::Unknown).filter(|finding| !finding.is_told()) {
            unlooked.entry(&finding.seen).or_default().push(finding.check.id());
        }
        unlooked
    }

    /// The findings of a level.
    pub fn of(&self, level: Level) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |finding| finding.level == level)
    }
}

fn findings(check: Check, seen: &Seen) -> Vec<Finding> {
    let finding =
        |level, seen| Finding { check, level, subject: Subject::default(), seen, todo: None };
    match check.make(seen) {
        Ok(Outcome::Fine(seen)) => vec![finding(Level::Ok, seen)],
        Ok(Outcome::Found(troubles)) => troubles
            .into_iter()
            .map(|Trouble { level, subject, seen, todo }| Finding {
                check,
                level,
                subject,
                seen,
                todo: Some(todo),
            })
            .collect(),
        Err(why) => vec![finding(Level::Unknown, why)],
    }
}
