//! From the interfaces a configuration names to the ports that are fenced, and the hooks to use
//! on them.

use std::{collections::BTreeMap, mem};

use ipnet::IpNet;
use thiserror::Error;

use crate::config::{self, Config, Interface, Unknown};

/// A network interface, as the kernel describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its index, unique in the network namespace.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// What made it.
    pub kind: Kind,
    /// Whether its frames are Ethernet frames.
    pub ethernet: bool,
    /// The bridge or bond it is a port of.
    pub master: Option<u32>,
    /// The interface it is stacked on, in this network namespace.
    pub lower: Option<u32>,
    /// The XDP program attached to it.
    pub xdp: Option<Xdp>,
}

/// What made an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A driver, of hardware or of a hypervisor's.
    Hardware,
    /// A bridge.
    Bridge,
    /// A virtual Ethernet pair's end.
    Veth,
    /// Any other virtual interface.
    Virtual,
}

/// An attached XDP program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Xdp {
    /// Its id.
    pub program: u32,
    /// Where the kernel runs it.
    pub mode: XdpMode,
}

/// Where the kernel runs an XDP program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum XdpMode {
    /// In the driver.
    Native,
    /// In the network stack, after a socket buffer was made.
    Generic,
    /// In the NIC.
    Offloaded,
}

/// A hook that outbound frames can be judged at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hook {
    /// XDP in the driver.
    XdpNative,
    /// XDP in the network stack.
    XdpGeneric,
    /// TC.
    Tc,
}

/// What the kernel says is attached to a port for one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attached {
    /// Where.
    pub hook: Hook,
    /// How.
    pub mode: Mode,
}

/// How a program is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// XDP in the driver.
    Native,
    /// XDP in the network stack.
    Generic,
    /// XDP in the NIC.
    Offloaded,
    /// TC, as a link (kernel 6.6).
    Tcx,
    /// TC, as a filter of a clsact qdisc.
    Clsact,
}

impl Attached {
    /// Attached as XDP.
    pub const fn xdp(mode: XdpMode) -> Self {
        match mode {
            XdpMode::Native => Self { hook: Hook::XdpNative, mode: Mode::Native },
            XdpMode::Generic => Self { hook: Hook::XdpGeneric, mode: Mode::Generic },
            XdpMode::Offloaded => Self { hook: Hook::XdpNative, mode: Mode::Offloaded },
        }
    }

    /// Attached at TC.
    pub const fn tc(mode: Mode) -> Self {
        Self { hook: Hook::Tc, mode }
    }
}

impl Hook {
    /// The name in JSON and metric labels.
    pub const fn name(self) -> &'static str {
        match self {
            Self::XdpNative | Self::XdpGeneric => "xdp",
            Self::Tc => "tc",
        }
    }
}

impl Mode {
    /// The name in JSON and metric labels.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Generic => "generic",
            Self::Offloaded => "offloaded",
            Self::Tcx => "tcx",
            Self::Clsact => "clsact",
        }
    }
}

/// The interfaces of a configuration cannot be fenced as they are.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
pub enum TopologyError {
    /// The configuration names no interface.
    #[error("no interface is named in the configuration")]
    None,
    /// An interface is not there.
    #[error("{name}: there is no such interface")]
    Missing {
        /// Its name.
        name: String,
    },
    /// A bridge has no ports.
    #[error("{name}: the bridge has no ports to fence")]
    EmptyBridge {
        /// Its name.
        name: String,
    },
    /// The interface does not carry Ethernet frames.
    #[error("{name}: not an Ethernet interface, its frames have no MAC to tell a camera by")]
    NotEthernet {
        /// Its name.
        name: String,
    },
    /// Two fenced interfaces carry the same frames.
    #[error("{upper} is stacked on {lower}, and both are to be fenced")]
    Stacked {
        /// The one on top.
        upper: String,
        /// The one below.
        lower: String,
    },
}

impl TopologyError {
    /// The interface it is about; empty if there is none.
    pub fn interface(&self) -> &str {
        match self {
            Self::None => "",
            Self::Missing { name }
            | Self::EmptyBridge { name }
            | Self::NotEthernet { name }
            | Self::Stacked { upper: name, .. } => name,
        }
    }

    /// What the user can do.
    pub fn hint(&self) -> String {
        match self {
            Self::None => "add one under [fence]: interfaces = [\"br-cam\"]".into(),
            Self::Missing { .. } => "`ip link` lists those there are".into(),
            Self::EmptyBridge { name } => {
                format!("add one: ip link set dev PORT master {name}")
            }
            Self::NotEthernet { .. } => "name the interface that the cameras are on".into(),
            Self::Stacked { .. } => {
                "name only one, or each frame is judged and counted twice".into()
            }
        }
    }
}

/// What a configuration's interfaces stand for on a machine.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Resolved {
    /// The ports.
    pub ports: Vec<Link>,
    /// What cannot be fenced as things are.
    pub problems: Vec<TopologyError>,
}

/// The ports that a configuration's interfaces stand for, if all of them can be fenced.
pub fn ports(interfaces: &[String], links: &[Link]) -> Result<Vec<Link>, TopologyError> {
    let Resolved { ports, problems } = resolve(interfaces, links);
    match problems.into_iter().next() {
        None => Ok(ports),
        Some(problem) => Err(problem),
    }
}

/// The ports that a configuration's interfaces stand for: a bridge stands for its ports, since a
/// program on the bridge itself would see only frames for this host. What cannot be fenced is left
/// out and told.
pub fn resolve(interfaces: &[String], links: &[Link]) -> Resolved {
    let mut resolved = Resolved::default();
    if interfaces.is_empty() {
        resolved.problems.push(TopologyError::None);
    }
    for name in interfaces {
        match expand(name, links) {
            Ok(ports) => ports.into_iter().for_each(|port| resolved.add(port)),
            Err(problem) => resolved.problems.push(problem),
        }
    }
    resolved.leave_out_stacked(links);
    resolved
}

impl Resolved {
    fn add(&mut self, port: &Link) {
        if !port.ethernet {
            self.problems.push(TopologyError::NotEthernet { name: port.name.clone() });
        } else if !self.ports.contains(port) {
            self.ports.push(port.clone());
        }
    }

    /// Of two ports that carry the same frames the lower sees all of them, so it is the one to keep.
    fn leave_out_stacked(&mut self, links: &[Link]) {
        let all = mem::take(&mut self.ports);
        for upper in &all {
            let below = below(upper, links);
            match all.iter().find(|lower| below.contains(&lower.index)) {
                Some(lower) => self.problems.push(TopologyError::Stacked {
                    upper: upper.name.clone(),
                    lower: lower.name.clone(),
                }),
                None => self.ports.push(upper.clone()),
            }
        }
    }
}

fn expand<'a>(name: &str, links: &'a [Link]) -> Result<Vec<&'a Link>, TopologyError> {
    let link = links
        .iter()
        .find(|link| link.name == *name)
        .ok_or_else(|| TopologyError::Missing { name: name.into() })?;
    if link.kind != Kind::Bridge {
        return Ok(vec![link]);
    }
    let ports: Vec<&Link> = links.iter().filter(|port| port.master == Some(link.index)).collect();
    if ports.is_empty() {
        return Err(TopologyError::EmptyBridge { name: link.name.clone() });
    }
    Ok(ports)
}

/// The interfaces whose frames also pass through `link`: what it is stacked on and, of a bridge
/// or bond, its ports, all the way down.
fn below(link: &Link, links: &[Link]) -> Vec<u32> {
    let mut found: Vec<u32> = Vec::new();
    let mut next = vec![link];
    while let Some(link) = next.pop() {
        let lower = links
            .iter()
            .filter(|other| Some(other.index) == link.lower || other.master == Some(link.index));
        for lower in lower {
            if !found.contains(&lower.index) {
                found.push(lower.index);
                next.push(lower);
            }
        }
    }
    found
}

/// What a configuration says of a port: its own `[interface.NAME]` before its bridge's, and that
/// before `[fence]`.
pub fn settings(config: &Config, port: &Link, links: &[Link]) -> (config::Hook, Unknown) {
    let bridge = links.iter().find(|link| Some(link.index) == port.master);
    let written: Vec<&Interface> = [Some(port), bridge]
        .into_iter()
        .flatten()
        .filter_map(|link| config.interfaces.get(&link.name))
        .collect();
    (
        written.iter().find_map(|interface| interface.hook).unwrap_or(config.fence.hook),
        written.iter().find_map(|interface| interface.unknown).unwrap_or(config.fence.unknown),
    )
}

/// The prefixes that "auto" stands for: those on the link of the ports and of their bridges.
pub fn on_link_prefixes<'a>(
    ports: impl Iterator<Item = &'a Link>,
    prefixes: &BTreeMap<u32, Vec<IpNet>>,
) -> Vec<IpNet> {
    let indices = ports.flat_map(|port| [Some(port.index), port.master]).flatten();
    IpNet::aggregate(&indices.filter_map(|index| prefixes.get(&index)).flatten().copied().collect())
}

/// The hooks to try for outbound frames, best first.
///
/// `auto` takes native XDP only on hardware: on a virtual port it costs everyone there the
/// segmentation offload, and with it two thirds of a TCP stream's throughput.
pub const fn hooks(hook: config::Hook, kind: Kind) -> &'static [Hook] {
    match (hook, kind) {
        (config::Hook::Auto, Kind::Hardware) => &[Hook::XdpNative, Hook::Tc],
        (config::Hook::Auto | config::Hook::Tc, _) => &[Hook::Tc],
        (config::Hook::Xdp, _) => &[Hook::XdpNative],
        (config::Hook::XdpGeneric, _) => &[Hook::XdpGeneric],
    }
}

#[cfg(test)]
mod tests;
