//! Short names for what cameras are often allowed.

use std::fmt;

use super::Protocol;

/// A word that stands for several allowances to one destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    /// What the configuration calls it.
    pub name: &'static str,
    /// Protocols and ports of the peer.
    pub entries: &'static [(Protocol, u16)],
    /// What it is for, in a few words.
    pub about: &'static str,
}

/// Every preset there is, in the order the documentation lists them.
pub const PRESETS: [Preset; 5] = [
    Preset { name: "ntp", entries: &[(Protocol::Udp, 123)], about: "the time" },
    Preset {
        name: "dns",
        entries: &[(Protocol::Udp, 53), (Protocol::Tcp, 53)],
        about: "addresses of names",
    },
    Preset {
        name: "smtp",
        entries: &[(Protocol::Tcp, 25), (Protocol::Tcp, 465), (Protocol::Tcp, 587)],
        about: "sending mail",
    },
    Preset {
        name: "rtsp",
        entries: &[(Protocol::Tcp, 554), (Protocol::Tcp, 322), (Protocol::Tcp, 8554)],
        about: "video streams, in clear and over TLS",
    },
    Preset {
        name: "onvif",
        entries: &[(Protocol::Udp, 3702), (Protocol::Tcp, 80), (Protocol::Tcp, 443)],
        about: "discovery and control by a recorder",
    },
];

impl Preset {
    /// The preset of this name.
    pub fn find(name: &str) -> Option<&'static Self> {
        const { &PRESETS }.iter().find(|preset| preset.name == name)
    }
}

/// Prints what it stands for, like `udp/53, tcp/53`.
impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (protocol, port)) in self.entries.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{protocol}/{port}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_says_what_presets_stand_for() {
        let readme = include_str!("../../../README.md").replace('\n', " ");
        for preset in PRESETS {
            let expected = format!("`{}` ({preset})", preset.name);
            assert!(readme.contains(&expected), "{expected}");
        }
    }
}
