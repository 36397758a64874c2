//! What was seen of a machine: plain data. What it means is for the checks to say.

use std::{collections::BTreeSet, net::IpAddr, path::PathBuf, time::Duration};

use camfence_common::mac::Mac;
use ipnet::IpNet;

use crate::{
    config::{Config, ConfigError, Mode},
    policy::topology::{self, Attached, Link},
};

/// What was seen, or why nobody could look.
pub type Looked<T> = Result<T, String>;

/// All that was seen.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The kernel and who asks it.
    pub system: System,
    /// Where the fence is pinned.
    pub root: PinRoot,
    /// The configuration file.
    pub configuration: ConfigurationFile,
    /// What stands under the pin root.
    pub fence: Looked<Fence>,
    /// Interfaces, and what is behind them.
    pub network: Looked<Network>,
    /// Who answers at the control socket.
    pub daemon: Looked<Daemon>,
}

/// The kernel and who asks it.
#[derive(Debug, Clone)]
pub struct System {
    /// `uname -r`.
    pub release: String,
    /// Whether the kernel describes its types (BTF).
    pub btf: bool,
    /// `net.core.bpf_jit_enable`; none where the network namespace does not show it.
    pub jit_setting: Option<u8>,
    /// `kernel.unprivileged_bpf_disabled`.
    pub unprivileged_bpf_disabled: Option<u8>,
    /// The capabilities in effect, as bits.
    pub capabilities: Looked<u64>,
    /// Seconds since 1970 by the clock on the wall.
    pub wall_clock: i64,
    /// What became of this version's programs when they were shown to the kernel.
    pub programs: Looked<Programs>,
}

/// This version's programs, as this kernel took them or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Programs {
    /// It runs them.
    Taken {
        /// Whether as machine code.
        jit: bool,
        /// Whether those that are pinned are the same; none if none are.
        pinned: Option<bool>,
    },
    /// It does not.
    Refused {
        /// Why.
        why: String,
    },
}

/// Where the fence is pinned.
#[derive(Debug, Clone)]
pub struct PinRoot {
    /// The directory.
    pub path: PathBuf,
    /// Whether it is on a BPF file system, or would be.
    pub bpffs: Looked<bool>,
}

/// The configuration file.
#[derive(Debug, Clone)]
pub struct ConfigurationFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it says.
    pub content: Result<Config, ConfigError>,
    /// The paths, of file and directory, that anybody may write to.
    pub open_to_all: Looked<Vec<PathBuf>>,
}

/// What stands under the pin root.
#[derive(Debug, Clone)]
pub enum Fence {
    /// Nothing.
    Down,
    /// Something of another version.
    OtherVersion {
        /// What can be told of it.
        what: String,
    },
    /// A fence.
    Up(Box<Up>),
}

/// A fence that stands.
#[derive(Debug, Clone)]
pub struct Up {
    /// The cameras in the live map.
    pub cameras: Vec<LiveCamera>,
    /// The ports that the configuration names.
    pub ports: Vec<Port>,
    /// Cameras there is room for.
    pub max_cameras: u32,
    /// Flows that the ledger has room for.
    pub ledger_entries: u32,
    /// Whether the kernel's policy is that of the configuration.
    pub policy_is_current: Looked<bool>,
    /// Interface indices under which links are pinned.
    pub linked: Vec<u32>,
    /// The ids of the fence's own programs.
    pub own_programs: Vec<u32>,
}

/// A camera in the live map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveCamera {
    /// Its MAC.
    pub mac: Mac,
    /// Whether its verdicts are carried out.
    pub mode: Mode,
    /// How long it stays opened.
    pub opened: Option<Duration>,
}

/// A port that the configuration names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// Its index; none if there is no such interface.
    pub ifindex: Option<u32>,
    /// What is attached, by direction.
    pub attached: [Option<Attached>; 2],
    /// Why what is attached does not enforce, by direction; none if a canary's frame was dropped.
    pub doubt: [Option<String>; 2],
}

/// Interfaces, and what is behind them.
#[derive(Debug, Clone)]
pub struct Network {
    /// All interfaces.
    pub interfaces: Vec<Interface>,
    /// The networks of each interface's own addresses, with its index.
    pub prefixes: Vec<(u32, IpNet)>,
    /// Where bridges have seen which MAC.
    pub forwarding: Looked<Vec<Forwarding>>,
    /// Which MAC has which address, as this host knows it.
    pub neighbours: Looked<Vec<Neighbour>>,
    /// The flowtables of nftables.
    pub flowtables: Looked<Vec<Flowtable>>,
    /// Wi-Fi interfaces.
    pub wireless: Looked<Vec<Wireless>>,
    /// What runs at the ports' hooks.
    pub hooks: Vec<Hooks>,
    /// What the ports' NICs do by themselves.
    pub offloads: Looked<Vec<Offloads>>,
}

/// An interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// What the fence itself sees of it.
    pub link: Link,
    /// What made it: "bridge", "vlan", "bond"; empty for a driver.
    pub kind: String,
    /// Its MAC.
    pub mac: Option<Mac>,
    /// Its MTU.
    pub mtu: u32,
    /// The hardware switch that it is a port of.
    pub switch: Option<Vec<u8>>,
}

/// A line of a bridge's table of MACs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forwarding {
    /// The MAC.
    pub mac: Mac,
    /// The bridge port it was seen on.
    pub ifindex: u32,
    /// Whether the line was learned from a frame or written by hand, and not the port's own.
    pub foreign: bool,
    /// Whether hardware forwards by it.
    pub offloaded: bool,
}

/// A line of the table of neighbours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbour {
    /// The MAC.
    pub mac: Mac,
    /// The address.
    pub address: IpAddr,
    /// The interface behind which it is.
    pub ifindex: u32,
    /// Whether it was heard of lately.
    pub fresh: bool,
}

/// A flowtable of nftables: forwards the later packets of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flowtable {
    /// Table and name.
    pub name: String,
    /// Its interfaces.
    pub devices: Vec<String>,
    /// Whether the NICs are asked to do it.
    pub hardware: bool,
}

/// A Wi-Fi interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wireless {
    /// Its index.
    pub ifindex: u32,
    /// Whether it is an access point.
    pub access_point: bool,
    /// What hostapd's configuration says of isolation; none if none was found for it.
    pub isolated: Option<bool>,
}

/// What runs at a port's hooks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hooks {
    /// The port's index.
    pub ifindex: u32,
    /// Program ids of TCX in the order they run, by direction.
    pub tcx: Looked<[Vec<u32>; 2]>,
    /// The filters of clsact in the order they run, by direction.
    pub filters: Looked<[Vec<Filter>; 2]>,
}

/// A TC filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// Its kind: "bpf", "flower", "matchall".
    pub kind: String,
    /// Its priority: the lower, the earlier.
    pub priority: u16,
    /// Its BPF program.
    pub program: Option<u32>,
}

/// What a port's NIC does by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offloads {
    /// The port's index.
    pub ifindex: u32,
    /// The features that are on, by the kernel's names.
    pub on: Vec<String>,
}

/// Who answers at the control socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Daemon {
    /// Nobody.
    Absent,
    /// A daemon of this configuration.
    Runs,
    /// A daemon that refuses to talk of this configuration.
    Refuses {
        /// What it said.
        why: String,
    },
}

impl Seen {
    /// The configuration, if there is a good one.
    pub fn config(&self) -> Looked<&Config> {
        self.configuration.content.as_ref().map_err(|_| "there is no usable configuration".into())
    }

    /// The fence, if one stands.
    pub fn up(&self) -> Looked<&Up> {
        match self.fence.as_ref().map_err(Clone::clone)? {
            Fence::Up(up) => Ok(up),
            Fence::Down => Err("no fence stands".into()),
            Fence::OtherVersion { .. } => Err("the fence is of another version".into()),
        }
    }

    /// The network.
    pub fn network(&self) -> Looked<&Network> {
        self.network.as_ref().map_err(Clone::clone)
    }
}

impl Network {
    /// An interface by its index.
    pub fn interface(&self, index: u32) -> Option<&Interface> {
        self.interfaces.iter().find(|interface| interface.link.index == index)
    }

    /// An interface by its name.
    pub fn named(&self, name: &str) -> Option<&Interface> {
        self.interfaces.iter().find(|interface| interface.link.name == name)
    }

    /// What there is to say an interface by, known or not.
    pub fn name(&self, index: u32) -> String {
        let interface = self.interface(index);
        interface.map_or_else(|| format!("interface {index}"), |found| found.link.name.clone())
    }

    /// The ports of a bridge, or whatever else has ports.
    pub fn ports_of(&self, master: u32) -> impl Iterator<Item = &Interface> {
        self.interfaces.iter().filter(move |interface| interface.link.master == Some(master))
    }

    /// The interfaces as the fence's own topology takes them.
    pub fn links(&self) -> Vec<Link> {
        self.interfaces.iter().map(|interface| interface.link.clone()).collect()
    }

    /// The ports that a configuration's interfaces stand for, as far as they are there.
    pub fn fenced(&self, config: &Config) -> BTreeSet<u32> {
        let links = self.links();
        let named = config.fence.interfaces.iter();
        let ports = |name| topology::ports(std::slice::from_ref(name), &links).unwrap_or_default();
        named.flat_map(ports).map(|port| port.index).collect()
    }

    /// The interfaces that one is stacked on, nearest first.
    pub fn below(&self, index: u32) -> Vec<&Interface> {
        let mut below: Vec<&Interface> = Vec::new();
        let mut next = self.interface(index).and_then(|interface| interface.link.lower);
        while let Some(lower) = next.and_then(|index| self.interface(index)) {
            if below.contains(&lower) {
                break;
            }
            below.push(lower);
            next = lower.link.lower;
        }
        below
    }
}
