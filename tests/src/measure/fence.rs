//! A fence as users have it, for its pinned programs.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::Result;
use camfence_common::abi::names;

use super::{Program, frames};
use crate::bpffs::BpffsRoot;
use crate::cmd::Camfence;
use crate::netns::Netns;

/// What a fence is to have. Everything that is on by default is on.
#[derive(Debug, Clone)]
pub struct Policy {
    /// How many cameras.
    pub cameras: usize,
    /// How many profiles; cameras have them in turn.
    pub profiles: usize,
    /// What every profile says, in the words of the configuration.
    pub profile: String,
}

impl Default for Policy {
    fn default() -> Self {
        Self { cameras: 1, profiles: 1, profile: String::new() }
    }
}

/// Programs of a fence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    /// XDP, outbound.
    OutboundXdp,
    /// TC, outbound.
    OutboundTc,
    /// TC, inbound.
    InboundTc,
}

/// A fence that stands, at a port in a namespace of its own. Nothing else runs there.
#[derive(Debug)]
pub struct Fence {
    bpffs: BpffsRoot,
    _netns: Netns,
}

impl Fence {
    /// The fenced port.
    const PORT: &str = "p0";

    /// Has the camfence program ([`crate::cmd::binary`]) put one up.
    pub fn new(policy: &Policy) -> Result<Self> {
        let netns = Netns::new("fence")?;
        netns.ip(&format!("link add {} up type veth peer name p1", Self::PORT))?;
        netns.ip("link set p1 up")?;
        let bpffs = BpffsRoot::new()?;
        Camfence::new(&netns, &policy.text(), &bpffs)?.run(["up"])?.success()?;
        Ok(Self { bpffs, _netns: netns })
    }

    /// Where a program is pinned.
    pub fn pin(&self, name: Name) -> PathBuf {
        self.bpffs.path().join("current/programs").join(name.as_str())
    }

    /// A program.
    pub fn program(&self, name: Name) -> Result<Program> {
        Program::pinned(&self.pin(name))
    }
}

impl Name {
    /// As it is pinned.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OutboundXdp => names::OUTBOUND_XDP,
            Self::OutboundTc => names::OUTBOUND_TC,
            Self::InboundTc => names::INBOUND_TC,
        }
    }
}

impl Policy {
    /// As a configuration.
    fn text(&self) -> String {
        let mut text = format!(
            "[fence]\ninterfaces = [\"{}\"]\nhook = \"xdp\"\nmax_cameras = {}\n",
            Fence::PORT,
            self.cameras.max(1024)
        );
        for number in 0..self.profiles {
            let profile = profile(number);
            // Writing to a String cannot fail.
            let _ = write!(text, "[profile.{profile}]\n{}\n", self.profile);
        }
        for number in 0..self.cameras {
            let (mac, profile) = (frames::camera(number), profile(number % self.profiles));
            let _ = write!(
                text,
                "[[camera]]\nmac = \"{mac}\"\nname = \"c{number}\"\nprofile = \"{profile}\"\n"
            );
        }
        text
    }
}

fn profile(number: usize) -> String {
    if number == 0 { "default".to_owned() } else { format!("p{number}") }
}
