//! Ports: which are fenced, and how programs get there and go.

use std::collections::BTreeMap;

use camfence_common::reason::Direction;

use super::{Fence, Report, Result};
use crate::{
    config::{Config, Hook as WantedHook},
    kernel::{
        KernelError,
        links::{self, Programs},
    },
    policy::topology::{self, Hook, Link, Resolved, TopologyError},
};

/// What is expected of the interfaces that a configuration names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demand {
    /// All of them are fenced, or nothing changes.
    All,
    /// Those that can be are fenced; of the others the report tells.
    Possible,
}

/// The ports that should be fenced.
pub(super) struct Ports {
    pub(super) links: Vec<Link>,
    demand: Demand,
    /// Why named interfaces are not among them.
    problems: Vec<TopologyError>,
    /// Ports that are fenced, and stay so although the configuration does not name them.
    pub(super) kept: Vec<Link>,
}

impl Ports {
    /// The ports of a configuration.
    pub(super) fn resolve(config: &Config, links: &[Link], demand: Demand) -> Result<Self> {
        let Resolved { ports, problems } = topology::resolve(&config.fence.interfaces, links);
        let is_refused =
            |problem: &&TopologyError| demand == Demand::All || **problem == TopologyError::None;
        match problems.iter().find(is_refused) {
            Some(problem) => Err(problem.clone().into()),
            None => Ok(Self { links: ports, demand, problems, kept: Vec::new() }),
        }
    }

    /// No port at all.
    pub(super) const fn none() -> Self {
        Self { links: Vec::new(), demand: Demand::Possible, problems: Vec::new(), kept: Vec::new() }
    }

    /// Those that the configuration names themselves, by index.
    pub(super) fn named(&self, config: &Config) -> BTreeMap<u32, String> {
        let named = self.links.iter().filter(|port| config.fence.interfaces.contains(&port.name));
        named.map(|port| (port.index, port.name.clone())).collect()
    }

    /// What is fenced or stays so.
    pub(super) fn all(&self) -> impl Iterator<Item = &Link> {
        self.links.iter().chain(&self.kept)
    }

    fn has(&self, ifindex: u32) -> bool {
        self.all().any(|port| port.index == ifindex)
    }
}

/// The directions in which a port was fenced before, by interface index.
pub(super) type Before = BTreeMap<u32, Vec<Direction>>;

impl Fence {
    /// Attaches to the ports that should be fenced and detaches from the others. If all are
    /// demanded and one cannot be fenced, those attached here are detached again.
    pub(super) async fn fence_ports(
        &self,
        config: &Config,
        ports: &Ports,
        report: &mut Report,
    ) -> Result<Before> {
        for problem in &ports.problems {
            report.unfenced.insert(problem.interface().into(), problem.to_string());
        }
        let mut programs = Programs::open(&self.root, self.tcx)?;
        let fenced = self.fence_ports_with(&mut programs, config, ports, report).await;
        // Where a port stays unfenced, it is tried again within seconds.
        let settled = match &fenced {
            Ok(_) if !report.unfenced.is_empty() => Ok(()),
            _ => programs.settle(),
        };
        let before = fenced?;
        settled?;
        Ok(before)
    }

    async fn fence_ports_with(
        &self,
        programs: &mut Programs,
        config: &Config,
        ports: &Ports,
        report: &mut Report,
    ) -> Result<Before> {
        // Read anew: installing may have replaced the programs that were attached.
        let links = self.netlink.links().await?;
        let still = |link: &&Link| ports.links.iter().any(|port| port.index == link.index);
        let mut before = Before::new();
        let mut done: Vec<(&Link, Direction, Hook)> = Vec::new();
        for port in links.iter().filter(still) {
            let (hook, _) = topology::settings(config, port, &links);
            for direction in Direction::ALL {
                match self.fence_port(programs, port, direction, hook, report).await {
                    Ok(None) => before.entry(port.index).or_default().push(direction),
                    Ok(Some(hook)) => done.push((port, direction, hook)),
                    Err(error) if ports.demand == Demand::Possible => {
                        report.unfenced.insert(port.name.clone(), error.to_string());
                    }
                    Err(error) => {
                        for (port, direction, hook) in done {
                            programs.detach(&self.netlink, port, direction, hook).await?;
                        }
                        return Err(error);
                    }
                }
            }
        }
        for (port, ..) in done {
            if !report.attached.contains(&port.name) {
                report.attached.push(port.name.clone());
            }
        }
        self.unfence_others(programs, ports, report).await?;
        Ok(before)
    }

    /// Sees to one direction of one port. Returns the hook if a program was newly attached.
    async fn fence_port(
        &self,
        programs: &mut Programs,
        port: &Link,
        direction: Direction,
        hook: WantedHook,
        report: &mut Report,
    ) -> Result<Option<Hook>> {
        let wanted: &[Hook] = match direction {
            Direction::Outbound => topology::hooks(hook, port.kind),
            Direction::Inbound => &[Hook::Tc],
        };
        let current = programs.attached(&self.netlink, port, direction).await?;
        if current.is_some_and(|current| wanted.contains(&current.hook)) {
            return Ok(None);
        }
        let old = current.map(|current| current.hook);
        // XDP's two hooks exclude each other: TC holds the fence while one makes way.
        let bridge = old.filter(|old| *old != Hook::Tc && !wanted.contains(&Hook::Tc));
        if let Some(old) = bridge {
            programs.attach(&self.netlink, port, direction, Hook::Tc).await?;
            programs.detach(&self.netlink, port, direction, old).await?;
        }
        let attached = self.attach_first(programs, port, direction, wanted, report).await;
        let hook = match (attached, bridge) {
            (Ok(hook), _) => hook,
            // Nothing that was enforcing stops: back to what was there.
            (Err(error), Some(old)) => {
                programs.attach(&self.netlink, port, direction, old).await?;
                programs.detach(&self.netlink, port, direction, Hook::Tc).await?;
                return Err(error);
            }
            (Err(error), None) => return Err(error),
        };
        if let Some(old) = if bridge.is_some() { Some(Hook::Tc) } else { old } {
            programs.detach(&self.netlink, port, direction, old).await?;
        }
        Ok(old.is_none().then_some(hook))
    }

    /// Attaches at the first of the hooks that the port takes.
    async fn attach_first(
        &self,
        programs: &mut Programs,
        port: &Link,
        direction: Direction,
        hooks: &[Hook],
        report: &mut Report,
    ) -> Result<Hook> {
        for (position, &hook) in hooks.iter().enumerate() {
            let last = position + 1 == hooks.len();
            match programs.attach(&self.netlink, port, direction, hook).await {
                Ok(()) => return Ok(hook),
                Err(error) if last => return Err(error.into()),
                // What most drivers answer; nothing to tell.
                Err(KernelError::XdpUnsupported { .. }) => {}
                Err(error) => report.notices.push(format!("{error}: fenced at TC instead")),
            }
        }
        Err(TopologyError::None.into())
    }

    /// Detaches from every interface that is not one of `ports`.
    pub(super) async fn unfence_others(
        &self,
        programs: &Programs,
        ports: &Ports,
        report: &mut Report,
    ) -> Result<()> {
        let links = self.netlink.links().await?;
        for link in links.iter().filter(|link| !ports.has(link.index)) {
            let mut detached = false;
            for direction in Direction::ALL {
                if let Some(attached) = programs.attached(&self.netlink, link, direction).await? {
                    programs.detach(&self.netlink, link, direction, attached.hook).await?;
                    detached = true;
                }
            }
            if detached {
                report.detached.push(link.name.clone());
            }
        }
        for ifindex in self.root.linked()? {
            if !ports.has(ifindex) {
                links::forget(&self.root, ifindex)?;
            }
        }
        Ok(())
    }
}
