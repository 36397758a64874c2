//! What a port is worth: which programs it has, and whether they enforce.

use camfence_common::reason::Direction;

use super::{Fence, Result};
use crate::{
    kernel::{canary, links::Programs, maps::Maps},
    policy::topology::{Attached, Hook, Link},
};

/// What is attached to a port for a direction, and whether it enforces.
#[derive(Debug, Clone, Default)]
pub struct Side {
    /// What the kernel says is attached; none if nothing of the fence is.
    pub attached: Option<Attached>,
    /// Why what is attached does not enforce; none if the canary's frame was dropped.
    pub doubt: Option<String>,
}

impl Side {
    /// Whether frames are judged and verdicts carried out.
    pub const fn is_enforcing(&self) -> bool {
        self.attached.is_some() && self.doubt.is_none()
    }

    /// Why it is not enforcing, if it is not.
    pub(super) fn problem(&self, direction: Direction) -> Option<String> {
        if self.attached.is_none() {
            return Some(format!("nothing is attached for {} frames", direction.name()));
        }
        self.doubt.as_ref().map(|doubt| format!("{}: {doubt}", direction.name()))
    }
}

/// The programs, each tried at most once.
pub(super) struct Prover<'a> {
    fence: &'a Fence,
    maps: &'a Maps,
    programs: &'a Programs,
    tried: Vec<(Direction, Hook, Option<String>)>,
}

impl<'a> Prover<'a> {
    pub(super) const fn new(fence: &'a Fence, maps: &'a Maps, programs: &'a Programs) -> Self {
        Self { fence, maps, programs, tried: Vec::new() }
    }

    /// Looks at one side of a port.
    pub(super) async fn side(&mut self, port: &Link, direction: Direction) -> Result<Side> {
        let attached = self.programs.attached(&self.fence.netlink, port, direction).await?;
        let doubt = attached.and_then(|attached| self.doubt(direction, attached.hook));
        Ok(Side { attached, doubt })
    }

    fn doubt(&mut self, direction: Direction, hook: Hook) -> Option<String> {
        let same = |(d, h, _): &&(Direction, Hook, _)| (*d, *h) == (direction, hook);
        if let Some((.., doubt)) = self.tried.iter().find(same) {
            return doubt.clone();
        }
        let proof = canary::prove(self.maps, self.programs, direction, hook);
        let doubt = proof.err().map(|doubt| doubt.to_string());
        self.tried.push((direction, hook, doubt.clone()));
        doubt
    }
}
