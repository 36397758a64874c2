//! What the verbs that change something have in common: what came of it.

use camfence::fence::Report;
use serde::Serialize;

use super::output;

/// What a change did, as JSON.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    /// Whether a fence stands that the change reached.
    pub(crate) live: bool,
    /// Cameras that were added to it.
    pub(crate) added: usize,
    /// Whether cameras were removed from it or given another policy.
    pub(crate) replaced: bool,
    /// Ports that are newly fenced.
    pub(crate) attached: Vec<String>,
    /// Ports that are no longer fenced.
    pub(crate) detached: Vec<String>,
    /// What the user should know.
    pub(crate) notices: Vec<String>,
}

impl Summary {
    /// The summary of what the fence did; none if no fence stands.
    pub(crate) fn new(report: Option<Report>) -> Self {
        let live = report.is_some();
        let Report { attached, detached, added, replaced, notices } = report.unwrap_or_default();
        Self { live, added, replaced, attached, detached, notices }
    }

    /// Prints it, after a line that says what was done.
    pub(crate) fn print(&self, done: &str, json: bool) -> anyhow::Result<()> {
        for notice in &self.notices {
            eprintln!("notice: {notice}");
        }
        if json {
            return output::json(self);
        }
        output::line(done);
        for (what, ports) in [("fenced", &self.attached), ("no longer fenced", &self.detached)] {
            if !ports.is_empty() {
                output::line(&format!("{what}: {}", ports.join(", ")));
            }
        }
        if !self.live {
            output::line("the fence is down; `camfence up` puts it up");
        }
        Ok(())
    }
}
