//! Interfaces' names, local networks, and how networks are written.

use std::{collections::HashMap, net::IpAddr};

use camfence_common::limits::MAX_LOCAL_PREFIXES;
use ipnet::IpNet;

use super::Check;
use crate::config::{Local, Problem, error::quoted, raw::Text};

/// Linux's `IFNAMSIZ`, less the final zero.
const INTERFACE_MAX_BYTES: usize = 15;

impl Check<'_> {
    /// Reads a list of interfaces.
    pub(super) fn interfaces(&mut self, written: &[Text]) -> Vec<String> {
        let mut seen = HashMap::new();
        for name in written {
            if let Err(problem) = check_interface(name.as_ref()) {
                self.report(name.span(), problem);
                continue;
            }
            self.unique(&mut seen, name.as_ref(), name, |name, first| {
                let what = format!("interface {} is already on line {first}", quoted(name));
                Problem::new(what, "name each interface once")
            });
        }
        written.iter().map(|name| name.as_ref().clone()).collect()
    }

    /// Reads a list of local networks; `None` when there is none.
    pub(super) fn local(&mut self, written: Option<&[Text]>) -> Option<Local> {
        let mut local = Local { prefixes: Vec::new(), auto: false };
        let mut counts = Counts::new(MAX_LOCAL_PREFIXES);
        for entry in written? {
            if entry.as_ref() == "auto" {
                local.auto = true;
                continue;
            }
            let add = |prefix| counts.add(prefix).map_err(|family| one_too_many(prefix, family));
            match check_prefix(entry.as_ref()).and_then(add) {
                Ok(prefix) => local.prefixes.push(prefix),
                Err(problem) => self.report(entry.span(), problem),
            }
        }
        Some(local)
    }
}

/// Networks of one list so far, per address family.
pub(super) struct Counts {
    max: usize,
    v4: usize,
    v6: usize,
}

impl Counts {
    pub(super) const fn new(max: usize) -> Self {
        Self { max, v4: 0, v6: 0 }
    }

    /// Counts a network. Of the first that is one too many, the error is its family.
    pub(super) fn add(&mut self, net: IpNet) -> Result<IpNet, &'static str> {
        let (count, family) = match net {
            IpNet::V4(_) => (&mut self.v4, "IPv4"),
            IpNet::V6(_) => (&mut self.v6, "IPv6"),
        };
        *count += 1;
        if *count == self.max + 1 { Err(family) } else { Ok(net) }
    }
}

fn one_too_many(prefix: IpNet, family: &str) -> Problem {
    let what = format!(
        "{} is one too many: a list holds {MAX_LOCAL_PREFIXES} {family} networks",
        quoted(&prefix.to_string())
    );
    Problem::new(what, "join neighbouring networks into larger ones")
}

fn check_prefix(text: &str) -> Result<IpNet, Problem> {
    if let Ok(address) = text.parse::<IpAddr>() {
        let what = format!("{} is an address, not a network", quoted(text));
        return Err(Problem::new(what, format!("write \"{}\"", IpNet::from(address))));
    }
    let Ok(prefix) = text.parse::<IpNet>() else {
        let what = format!("{} is not a network", quoted(text));
        let hint = "write a network like \"192.168.1.0/24\" or \"fd00:1::/64\", or \"auto\"";
        return Err(Problem::new(what, hint));
    };
    without_host_bits(text, prefix)
}

/// An address, as a network of one, or a network; `None` if this is neither.
pub(super) fn address_or_network(text: &str) -> Option<Result<IpNet, Problem>> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(Ok(address.into()));
    }
    text.parse().ok().map(|prefix| without_host_bits(text, prefix))
}

fn without_host_bits(text: &str, prefix: IpNet) -> Result<IpNet, Problem> {
    if prefix == prefix.trunc() {
        return Ok(prefix);
    }
    let what =
        format!("{} has bits set beyond its length of {}", quoted(text), prefix.prefix_len());
    Err(Problem::new(what, format!("write \"{}\"", prefix.trunc())))
}

/// What Linux takes for an interface's name (`dev_valid_name`).
pub(super) fn check_interface(name: &str) -> Result<(), Problem> {
    // The kernel's isspace() works on Latin-1, where 0xa0 is a space too.
    let space = |byte: u8| byte.is_ascii_whitespace() || matches!(byte, 0x0b | 0xa0);
    let why = if name.is_empty() {
        "is empty".to_owned()
    } else if name.len() > INTERFACE_MAX_BYTES {
        format!("is longer than {INTERFACE_MAX_BYTES} bytes")
    } else if name == "." || name == ".." {
        "is reserved".to_owned()
    } else if name.bytes().any(|byte| space(byte) || matches!(byte, b'/' | b':' | 0)) {
        "has a character that no interface can have".to_owned()
    } else {
        return Ok(());
    };
    let what = format!("interface name {} {why}", quoted(name));
    Err(Problem::new(what, "`ip link` lists the interfaces of this machine"))
}
