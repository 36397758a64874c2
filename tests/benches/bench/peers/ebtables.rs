//! ebtables: the cameras in one `among`, which is a set, and a chain for what is local, as the
//! manual ebtables-nft(8) has them.

use std::fmt::Write as _;
use std::io::Write as _;

use anyhow::{Context as _, Result};
use camfence_tests::{Mac, Netns};
use tempfile::NamedTempFile;

use super::{Filter, LOCAL, list, number, run};

/// Rules in the bridge's FORWARD.
pub(crate) struct Ebtables<'a> {
    netns: &'a Netns,
}

impl<'a> Ebtables<'a> {
    /// Of all ports.
    pub(crate) fn load(netns: &'a Netns, cameras: &[Mac]) -> Result<Self> {
        // A line that names many is too long for it.
        let mut file = NamedTempFile::new()?;
        writeln!(file, "{}", list(cameras))?;
        let mut rules = "*filter\n:FORWARD ACCEPT\n:cameras ACCEPT\n".to_owned();
        let file = file.path().display();
        writeln!(rules, "-A FORWARD -p IPv4 --among-src-file {file} -j cameras")?;
        for prefix in LOCAL {
            writeln!(rules, "-A cameras -p IPv4 --ip-dst {prefix} -j ACCEPT")?;
        }
        writeln!(rules, "-A cameras -j DROP")?;
        run(netns, "ebtables-restore", "", &rules)?;
        Ok(Self { netns })
    }
}

impl Filter for Ebtables<'_> {
    fn dropped(&self) -> Result<u64> {
        let listed = run(self.netns, "ebtables", "-L cameras --Lc", "")?;
        let rule = listed.lines().find_map(|line| line.strip_prefix("-j DROP , pcnt = "));
        let (packets, _) = rule.and_then(|rule| rule.split_once(" -- ")).context("no rule")?;
        number(packets)
    }
}
