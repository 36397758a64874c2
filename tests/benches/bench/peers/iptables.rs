//! iptables: two rules for each camera on a router, as people write them.

use std::fmt::Write as _;

use anyhow::Result;
use camfence_tests::{Mac, Netns};

use super::{Filter, LOCAL, number, run};

/// Rules in FORWARD.
pub(crate) struct Iptables<'a> {
    netns: &'a Netns,
}

impl<'a> Iptables<'a> {
    /// For each camera: to the home network, accept; else, drop.
    pub(crate) fn load(netns: &'a Netns, cameras: &[Mac]) -> Result<Self> {
        let [.., home] = LOCAL;
        let mut rules = "*filter\n:FORWARD ACCEPT\n".to_owned();
        for camera in cameras {
            let of = format!("-A FORWARD -m mac --mac-source {camera}");
            writeln!(rules, "{of} -d {home} -j ACCEPT\n{of} -j DROP")?;
        }
        rules += "COMMIT\n";
        run(netns, "iptables-restore", "", &rules)?;
        Ok(Self { netns })
    }
}

impl Filter for Iptables<'_> {
    fn dropped(&self) -> Result<u64> {
        let listed = run(self.netns, "iptables", "-L FORWARD -vnx", "")?;
        let rules = listed.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let drops = rules.filter(|rule| rule.get(2) == Some(&"DROP"));
        drops.map(|rule| number(rule[0])).sum()
    }
}
