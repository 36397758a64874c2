//! What a change of the fence did.

use std::collections::BTreeMap;

use super::ports::Ports;
use crate::config::Config;

/// What a reconcile did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Ports that a program was attached to.
    pub attached: Vec<String>,
    /// Ports that are no longer fenced.
    pub detached: Vec<String>,
    /// Cameras that were added.
    pub added: usize,
    /// Whether cameras were removed or given another policy.
    pub replaced: bool,
    /// Named interfaces that are not fenced, with the reason.
    pub unfenced: BTreeMap<String, String>,
    /// Ports that stay fenced although they were renamed: the name that the configuration has, and
    /// the new one.
    pub renamed: Vec<(String, String)>,
    /// What the user should know.
    pub notices: Vec<String>,
    /// The ports that the configuration names themselves, by index, if they were chosen.
    pub named: BTreeMap<u32, String>,
}

impl Report {
    /// Of a change that these ports were chosen for.
    pub(super) fn of(config: &Config, ports: &Ports) -> Self {
        Self { named: ports.named(config), ..Self::default() }
    }

    /// What the user should know, of unfenced interfaces too.
    pub fn said(&self) -> Vec<String> {
        let unfenced = self.unfenced.values().map(|problem| format!("not fenced: {problem}"));
        self.notices.iter().cloned().chain(unfenced).collect()
    }
}
