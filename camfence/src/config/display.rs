//! What a configuration says, in the words it is written in.

use std::{borrow::Cow, fmt};

use ipnet::IpNet;

use super::{Allowance, Config, DnsName, Guard, Mode, Protocol, Unknown};

impl Protocol {
    /// The name, or the number of one that has none here.
    pub fn name(self) -> Cow<'static, str> {
        match self {
            Self::Tcp => "tcp".into(),
            Self::Udp => "udp".into(),
            Self::Icmp => "icmp".into(),
            Self::Number(number) => number.to_string().into(),
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name())
    }
}

/// Prints as it can be written, a preset's allowances each on its own: `udp/123 to 192.168.1.1`.
impl fmt::Display for Allowance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.protocol)?;
        if let Some(ports) = &self.ports {
            write!(f, "/{}", ports.start())?;
            if ports.start() != ports.end() {
                write!(f, "-{}", ports.end())?;
            }
        }
        match self.to {
            None => f.write_str(" to any"),
            Some(to) => write!(f, " to {}", network(to)),
        }
    }
}

/// A network of one as its address.
pub(crate) fn network(net: IpNet) -> impl fmt::Display {
    fmt::from_fn(move |f| {
        if net.prefix_len() == net.max_prefix_len() {
            write!(f, "{}", net.addr())
        } else {
            write!(f, "{net}")
        }
    })
}

impl fmt::Display for DnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.below { "*." } else { "" }, self.name)
    }
}

impl Guard {
    /// Every value, in the order the documentation lists them.
    pub const ALL: [Self; 2] = [Self::Pass, Self::Deny];

    /// The word the configuration uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Deny => "deny",
        }
    }
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Config {
    /// The word this configuration has for what happens to devices that are not registered.
    pub fn word_for(&self, unknown: Unknown) -> &str {
        match unknown {
            Unknown::Pass => "pass",
            Unknown::Drop => "drop",
            Unknown::Profile(place) => &self.profiles[place].name,
        }
    }
}
