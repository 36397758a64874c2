//! Switching to other maps and programs without a gap: where the ABI, the room in the maps or what is there
//! of them does not let a fence go on with those it has.
//!
//! 1. The next generation is made: maps with the policy and the deadlines in them, and the programs
//!    that work on them. Its state is written last. Nothing uses it yet.
//! 2. The programs are replaced in their links and filters, one by one. Each frame is judged by the
//!    old program or the new, and counted in the old maps or the new.
//! 3. When no old program runs any more, what the old maps counted is set beside what the new ones
//!    count.
//! 4. `current` leads to the new generation, and the old one is removed.
//!
//! Readers take no lock. Until step 4 they read the old generation, and from then on the sum, which
//! is never less.
//!
//! A process can end at any point. Before the state is written, the next one to take the lock throws
//! the new generation away; from then on it goes through steps 2 to 4, each of which can be done
//! again.

use std::collections::BTreeSet;

use camfence_common::abi::{ABI, Subject};

use super::{Fence, FenceError, Report, Result, Target, is_registered, room, write_policy};
use crate::{
    config::Config,
    kernel::{
        KernelError,
        carry::Before,
        frags,
        links::{self, Programs},
        maps::{self, Maps},
        object::{Object, Options},
        root::Generation,
    },
};

impl Fence {
    /// Finishes or throws away what a process left that ended during a switch. With `notices`,
    /// even if something cannot be carried over, which is said there; otherwise that is an error.
    /// False if there is a switch by another version, which only another switch can finish. Only
    /// with the lock held.
    pub(super) async fn settle(&self, mut notices: Option<&mut Vec<String>>) -> Result<bool> {
        self.settle_capture().await?;
        let mut whole = true;
        for generation in self.root.generations()?.into_iter().rev() {
            let current = self.root.current()?.map(|current| current.number());
            if current == Some(generation.number()) {
                continue;
            }
            let is_over = current.is_some_and(|current| generation.number() < current);
            match if is_over { None } else { maps::abi(&generation)? } {
                None => generation.remove()?,
                Some(ABI) => {
                    self.finish(&generation, notices.as_deref_mut()).await?;
                }
                Some(found) => {
                    let error = KernelError::OtherAbi { path: self.root.path().into(), found };
                    lose(error, notices.as_deref_mut())?;
                    whole = false;
                }
            }
        }
        Ok(whole)
    }

    /// Puts the fence on maps and programs of this version, of the size that the configuration
    /// wants, with its policy and on its ports.
    pub(super) async fn switch(
        &self,
        config: &Config,
        target: &Target,
        report: &mut Report,
    ) -> Result<()> {
        let generation = self.root.next()?;
        let prepared = self.prepare(&generation, config, target, report).await;
        let ported = match prepared {
            Ok(ported) => ported,
            Err(error) => {
                generation.remove()?;
                return Err(error);
            }
        };
        self.finish(&generation, Some(&mut report.notices)).await?;
        for other in self.root.generations()? {
            if other != generation {
                other.remove()?;
            }
        }
        if !ported {
            self.fence_ports(config, &target.ports, report).await?;
        }
        Ok(())
    }

    /// Makes a generation that is ready to be put in use. If the programs in use are there, the
    /// ports are seen to with them before that, so that nothing has changed if one cannot be
    /// fenced; true if so.
    async fn prepare(
        &self,
        generation: &Generation,
        config: &Config,
        target: &Target,
        report: &mut Report,
    ) -> Result<bool> {
        generation.create()?;
        let room = room(config);
        let options = Options::new(room, Some(generation));
        let mut object = Object::load(&options)?;
        let mut maps = Maps::make(&mut object, room.cameras, Some(generation))?;
        write_policy(&mut maps, &target.policy, report)?;
        let before = Before::open(&self.root)?;
        if let Before::Known(old) = &before {
            old.copy_deadlines(&mut maps)?;
        }
        compare(&before, target, report);
        let lineage = match &before {
            Before::Known(_) => self.root.current()?.and_then(|current| current.lineage()),
            Before::Nothing | Before::Lost(_) => None,
        };
        generation.set_lineage(lineage)?;
        let is_fenced = Programs::open(&self.root, self.tcx).is_ok();
        if is_fenced {
            self.fence_ports(config, &target.ports, report).await?;
        }
        // Not before: a port may have come that is the first to want it.
        frags::complete(&mut object, &self.root)?;
        links::pin(&mut object, generation)?;
        maps.mark_ready()?;
        Ok(is_fenced)
    }

    /// Puts a generation that is ready in use.
    async fn finish(
        &self,
        generation: &Generation,
        notices: Option<&mut Vec<String>>,
    ) -> Result<()> {
        let mut maps = Maps::open_generation(&self.root, generation)?;
        let before = match Before::open(&self.root)? {
            Before::Lost(error) => {
                lose(error, notices)?;
                Before::Nothing
            }
            before => before,
        };
        links::replace_all(&self.root, generation, &self.netlink).await?;
        if let Before::Known(old) = before {
            maps.await_programs()?;
            old.carry_counts(&mut maps)?;
        }
        let over = self.root.current()?;
        self.root.make_current(generation)?;
        over.map_or(Ok(()), |over| over.remove())?;
        Ok(())
    }
}

/// Says that nothing can be carried over, or that it would be so.
fn lose(error: KernelError, notices: Option<&mut Vec<String>>) -> Result<()> {
    let Some(notices) = notices else { return Err(FenceError::Kernel(error)) };
    notices.push(format!(
        "{error}: its counters, opened cameras, unknown sources and ledger could not be carried over, \
         and begin anew"
    ));
    Ok(())
}

/// Tells which cameras come and go, other than with maps that stay: there are only new entries.
fn compare(before: &Before, target: &Target, report: &mut Report) {
    let wanted = &target.policy.cameras;
    let old: BTreeSet<Subject> = before.subjects().collect();
    let added = wanted.keys().filter(|subject| !old.contains(subject));
    report.added = added.filter(|subject| is_registered(**subject)).count();
    report.replaced = old.iter().any(|subject| !wanted.contains_key(subject));
}
