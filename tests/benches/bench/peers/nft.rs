//! nftables: one rule with two sets, as <https://wiki.nftables.org> (Sets) has it.

use anyhow::{Context as _, Result};
use camfence_tests::{Mac, Netns};
use serde_json::Value;

use super::{Filter, LOCAL, list, run};

/// A table of its own.
pub(crate) struct Nft<'a> {
    netns: &'a Netns,
    family: &'static str,
}

impl<'a> Nft<'a> {
    /// At a port's ingress, before everything else of the network stack.
    pub(crate) fn netdev(netns: &'a Netns, port: &str, cameras: &[Mac]) -> Result<Self> {
        Self::load(netns, "netdev", &format!("ingress device \"{port}\""), cameras)
    }

    /// In the bridge, before it looks where a frame goes: for the host's own frames, too.
    pub(crate) fn bridge(netns: &'a Netns, cameras: &[Mac]) -> Result<Self> {
        Self::load(netns, "bridge", "prerouting", cameras)
    }

    fn load(netns: &'a Netns, family: &'static str, hook: &str, cameras: &[Mac]) -> Result<Self> {
        let (cameras, local) = (list(cameras), LOCAL.join(", "));
        let table = format!(
            "table {family} fence {{
                set cameras {{
                    type ether_addr
                    elements = {{ {cameras} }}
                }}
                set local {{
                    type ipv4_addr
                    flags interval
                    elements = {{ {local} }}
                }}
                chain outbound {{
                    type filter hook {hook} priority 0
                    policy accept
                    ether saddr @cameras ip daddr != @local counter drop
                }}
            }}\n"
        );
        run(netns, "nft", "-f -", &table)?;
        Ok(Self { netns, family })
    }
}

impl Filter for Nft<'_> {
    fn dropped(&self) -> Result<u64> {
        let chain = format!("-j list chain {} fence outbound", self.family);
        let listed: Value = serde_json::from_str(&run(self.netns, "nft", &chain, "")?)?;
        let entries = listed["nftables"].as_array().into_iter().flatten();
        let expressions = entries.filter_map(|entry| entry["rule"]["expr"].as_array()).flatten();
        let mut counters = expressions.filter_map(|part| part["counter"]["packets"].as_u64());
        counters.next().context("the rule has no counter")
    }
}
