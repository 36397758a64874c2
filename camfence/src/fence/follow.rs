//! Following interfaces: what the daemon does when one of them changes, and every few seconds to be
//! sure.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use camfence_common::reason::Direction;

use super::{
    Demand, Fence, FenceError, Report, Result, check_room,
    ports::{Before, Ports},
    proof::Prover,
    write_policy,
};
use crate::{
    config::Config,
    kernel::{links::Programs, maps::Maps},
    policy::{
        compile::{Surroundings, compile},
        topology::Link,
    },
};

/// How often it is tried before the fence is made anew. An interface that goes while it is looked at
/// makes a fence look broken that is not, and making it anew takes long.
const TRIES: usize = 2;

/// What is remembered from one time to the next.
#[derive(Debug, Default)]
pub struct Memory {
    /// What the live policy was compiled for; none if it is to be compared with the kernel's.
    surroundings: Option<Surroundings>,
    /// The ports that the configuration named themselves when they were fenced, by index.
    named: BTreeMap<u32, String>,
    /// When it last did not help to make the fence anew.
    in_vain: Option<Instant>,
}

/// How long a fence is not made anew after that did not help: it takes a second of a small machine.
const REST: Duration = Duration::from_mins(1);

impl Memory {
    /// The policy was changed by other means.
    pub fn forget_policy(&mut self) {
        self.surroundings = None;
    }

    /// The ports were chosen anew, by the names they had then.
    pub fn remember_ports(&mut self, report: &Report) {
        self.named.clone_from(&report.named);
    }
}

/// What following came to.
#[derive(Debug, Default)]
pub struct Followed {
    /// What was done.
    pub report: Report,
    /// The ports that the configuration names.
    pub ports: Vec<FollowedPort>,
    /// What was found broken and made anew; none if all was as it was left.
    pub repaired: Option<String>,
}

/// A port as it was found, and as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FollowedPort {
    /// Its name.
    pub name: String,
    /// Its index.
    pub ifindex: u32,
    /// Whether it was enforcing in both directions.
    pub was_enforcing: bool,
    /// Why it is not enforcing now.
    pub problem: Option<String>,
}

impl Fence {
    /// Brings the ports in line with the interfaces there are, and the policy with their prefixes,
    /// and tries whether what is attached enforces. What does not, or is gone, is made anew.
    pub async fn follow(&self, config: &Config, memory: &mut Memory) -> Result<Followed> {
        let mut earlier: Option<Followed> = None;
        let (mut broken, mut failed) = (String::new(), false);
        for _ in 0..TRIES {
            match self.follow_standing(config, memory).await {
                Ok(followed) => {
                    let mut followed = followed.after(earlier.take());
                    // What the one that failed found is not known.
                    followed.ports.iter_mut().for_each(|port| port.was_enforcing &= !failed);
                    match followed.doubt() {
                        Some(doubt) if memory.in_vain.is_none_or(|then| then.elapsed() > REST) => {
                            broken = doubt;
                        }
                        _ => return Ok(followed),
                    }
                    earlier = Some(followed);
                }
                Err(error) => {
                    failed = true;
                    broken = error.to_string();
                }
            }
        }
        memory.forget_policy();
        self.restore().await?;
        let report = self.up(config, Demand::Possible).await?;
        let mut followed = self.follow_standing(config, memory).await?;
        for port in &mut followed.ports {
            port.was_enforcing = false;
        }
        memory.in_vain = followed.doubt().map(|_| Instant::now());
        followed.report.notices.splice(0..0, report.notices);
        followed.repaired = Some(broken);
        Ok(followed)
    }

    async fn follow_standing(&self, config: &Config, memory: &mut Memory) -> Result<Followed> {
        let links = self.netlink.links().await?;
        let mut ports = Ports::resolve(config, &links, Demand::Possible)?;
        let renamed = renamed(config, memory, &ports, &links);
        let (_lock, maps) = self.open_locked().await?;
        let mut maps = check_room(maps, config)?;
        let mut report = Report::default();
        for (port, name) in renamed {
            report.renamed.push((port.name.clone(), name));
            ports.kept.push(port);
        }
        // Ports first: a new one lets everything through.
        let before = self.fence_ports(config, &ports, &mut report).await?;
        let surroundings = self.surroundings(config, &ports, &links).await?;
        if memory.surroundings.as_ref() != Some(&surroundings) {
            write_policy(&mut maps, &compile(config, &surroundings)?, &mut report)?;
            memory.surroundings = Some(surroundings);
        }
        memory.remember(config, &ports);
        let ports = self.look_at(&maps, &ports, &before, &report).await?;
        Ok(Followed { report, ports, repaired: None })
    }

    async fn look_at(
        &self,
        maps: &Maps,
        ports: &Ports,
        before: &Before,
        report: &Report,
    ) -> Result<Vec<FollowedPort>> {
        let programs = Programs::open(&self.root, self.tcx)?;
        let mut prover = Prover::new(self, maps, &programs);
        // Read anew: what XDP program an interface has is part of it.
        let links = self.netlink.links().await?;
        let mut followed = Vec::new();
        for port in &ports.links {
            // One that is gone by now, or has another name, is another time's affair.
            let Some(link) = links.iter().find(|link| link.index == port.index) else { continue };
            let mut problem = report.unfenced.get(&port.name).cloned();
            for direction in Direction::ALL {
                let side = prover.side(link, direction).await?;
                problem = problem.or(side.problem(direction));
            }
            let was = before.get(&link.index);
            followed.push(FollowedPort {
                name: port.name.clone(),
                ifindex: port.index,
                was_enforcing: was.is_some_and(|was| was.len() == Direction::ALL.len()),
                problem,
            });
        }
        Ok(followed)
    }

    /// Fails if one of the ports does not enforce.
    pub(super) async fn prove(&self, ports: &Ports) -> Result<()> {
        let maps = Maps::open(&self.root)?;
        let looked = self.look_at(&maps, ports, &Before::new(), &Report::default()).await?;
        match looked.into_iter().find_map(|port| Some((port.name, port.problem?))) {
            Some((port, problem)) => Err(FenceError::NotEnforcing { port, problem }),
            None => Ok(()),
        }
    }

    /// Has the programs look at the live camera map again. Without a fence that is nothing.
    async fn restore(&self) -> Result<()> {
        if let Ok((_lock, mut maps)) = self.open_locked().await {
            maps.restore()?;
        }
        Ok(())
    }
}

impl Followed {
    /// This together with what was found, and done, when it was tried before.
    fn after(mut self, earlier: Option<Self>) -> Self {
        let Some(Self { mut report, ports, .. }) = earlier else { return self };
        for port in &mut self.ports {
            let before = ports.iter().find(|before| before.ifindex == port.ifindex);
            port.was_enforcing &= before.is_none_or(|before| before.was_enforcing);
        }
        report.attached.append(&mut self.report.attached);
        report.detached.append(&mut self.report.detached);
        self.report.attached = report.attached;
        self.report.detached = report.detached;
        self.report.added += report.added;
        self.report.replaced |= report.replaced;
        self
    }

    /// Why what is attached is not believed to enforce.
    fn doubt(&self) -> Option<String> {
        let is_attached = |port: &&FollowedPort| !self.report.unfenced.contains_key(&port.name);
        let mut attached = self.ports.iter().filter(is_attached);
        attached.find_map(|port| Some(format!("{}: {}", port.name, port.problem.as_ref()?)))
    }
}

impl Memory {
    /// Remembers what the ports are called.
    fn remember(&mut self, config: &Config, ports: &Ports) {
        self.named.append(&mut ports.named(config));
        self.named.retain(|ifindex, _| ports.all().any(|port| port.index == *ifindex));
    }
}

/// The ports that were fenced under a name that they no longer have: they stay fenced, and are
/// treated as what they were. Each with the name it has now.
fn renamed(config: &Config, memory: &Memory, ports: &Ports, links: &[Link]) -> Vec<(Link, String)> {
    let is_port = |link: &Link| ports.links.iter().any(|port| port.index == link.index);
    let renamed = links.iter().filter(|link| !is_port(link)).filter_map(|link| {
        let name = memory.named.get(&link.index)?;
        let still_meant = config.fence.interfaces.contains(name) && link.name != *name;
        still_meant.then(|| (Link { name: name.clone(), ..link.clone() }, link.name.clone()))
    });
    renamed.collect()
}
