//! Addresses a camera is bound to.

use std::net::{Ipv4Addr, Ipv6Addr};

use camfence_common::limits::MAX_BOUND;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use toml::Spanned;

use super::{
    Check,
    network::{Counts, address_or_network},
};
use crate::config::{Problem, error::quoted, raw::Text};

const HINT: &str = "write the camera's own address, like \"192.168.1.31\"";

/// Networks with addresses that are no device's own, and what they are.
const NOT_ONES_OWN: [(IpNet, &str); 7] = [
    (v4([0, 0, 0, 0], 32), "the unspecified address"),
    (v4([127, 0, 0, 0], 8), "loopback"),
    (v4([224, 0, 0, 0], 4), "multicast"),
    (v4([255, 255, 255, 255], 32), "the broadcast address"),
    (v6(Ipv6Addr::UNSPECIFIED, 128), "the unspecified address"),
    (v6(Ipv6Addr::LOCALHOST, 128), "loopback"),
    (v6(Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8), "multicast"),
];

const fn v4([a, b, c, d]: [u8; 4], len: u8) -> IpNet {
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), len))
}

const fn v6(address: Ipv6Addr, len: u8) -> IpNet {
    IpNet::V6(Ipv6Net::new_assert(address, len))
}

impl Check<'_> {
    /// Reads a camera's `addresses`; without them it may send from any.
    pub(super) fn addresses(&mut self, written: Option<&Spanned<Vec<Text>>>) -> Vec<IpNet> {
        let Some(written) = written else { return Vec::new() };
        if written.as_ref().is_empty() {
            let hint = "list the camera's addresses, or remove the line to let it send from any";
            self.report(written.span(), Problem::new("the list of addresses is empty", hint));
        }
        let mut counts = Counts::new(MAX_BOUND);
        let mut addresses = Vec::new();
        for entry in written.as_ref() {
            let text = entry.as_ref();
            let add = |net| counts.add(net).map_err(|family| one_too_many(text, family));
            match parse(text).and_then(add) {
                Ok(net) => addresses.push(net),
                Err(problem) => self.report(entry.span(), problem),
            }
        }
        addresses
    }
}

fn parse(text: &str) -> Result<IpNet, Problem> {
    let net = address_or_network(text).unwrap_or_else(|| {
        let what = format!("{} is neither an address nor a network", quoted(text));
        Err(Problem::new(what, HINT))
    })?;
    let overlaps = |other: &IpNet| other.contains(&net) || net.contains(other);
    match NOT_ONES_OWN.iter().find(|(other, _)| overlaps(other)) {
        None => Ok(net),
        Some((other, kind)) => {
            let verb = if other.contains(&net) { "is" } else { "contains" };
            let what = format!("{} {verb} {kind}, which no camera sends from", quoted(text));
            Err(Problem::new(what, HINT))
        }
    }
}

fn one_too_many(text: &str, family: &str) -> Problem {
    let what = format!(
        "{} is one too many: a camera is bound to at most {MAX_BOUND} {family} addresses",
        quoted(text)
    );
    Problem::new(what, "join neighbouring addresses into networks")
}

#[cfg(test)]
mod tests;
