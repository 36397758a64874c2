//! The interfaces of this host, and what the kernel knows of who is behind them.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use camfence_common::mac::Mac;
use ipnet::IpNet;

use super::heard::{Surroundings, is_link_local};
use crate::{
    doctor::seen::{Forwarding, Interface, Neighbour},
    kernel::{error::Result, netlink::Netlink},
    policy::topology::{Kind, Link},
};

/// What netlink says of this network namespace.
#[derive(Debug, Clone, Default)]
pub struct Site {
    /// All interfaces.
    pub interfaces: Vec<Interface>,
    /// The networks on each interface's link, by its index.
    pub prefixes: BTreeMap<u32, Vec<IpNet>>,
    /// The tables of MACs of all bridges.
    pub forwarding: Vec<Forwarding>,
    /// The tables of neighbours.
    pub neighbours: Vec<Neighbour>,
    /// The interfaces of default routes, by index.
    pub uplinks: BTreeSet<u32>,
}

impl Site {
    /// Looks.
    pub async fn look(netlink: &Netlink) -> Result<Self> {
        Ok(Self {
            interfaces: netlink.interfaces().await?,
            prefixes: netlink.on_link_prefixes().await?,
            forwarding: netlink.forwarding().await?,
            neighbours: netlink.neighbours().await?,
            uplinks: netlink.uplinks().await?,
        })
    }

    /// The interfaces as the fence's own topology takes them.
    pub fn links(&self) -> Vec<Link> {
        self.interfaces.iter().map(|interface| interface.link.clone()).collect()
    }

    /// An interface by its index.
    pub fn link(&self, index: u32) -> Option<&Link> {
        let mut links = self.interfaces.iter().map(|interface| &interface.link);
        links.find(|link| link.index == index)
    }

    /// The interface that this host's own addresses are on, for what comes in by a port: its bridge, or
    /// itself.
    pub fn host_side<'a>(&'a self, port: &'a Link) -> &'a Link {
        let master = port.master.and_then(|index| self.link(index));
        master.filter(|master| master.kind == Kind::Bridge).unwrap_or(port)
    }

    /// The networks on the link of a port.
    pub fn near(&self, port: &Link) -> Vec<IpNet> {
        let places = BTreeSet::from([port.index, self.host_side(port).index]);
        places.iter().filter_map(|index| self.prefixes.get(index)).flatten().copied().collect()
    }

    /// Whether an address is on the link of any interface, or for a link alone.
    pub fn is_near(&self, address: IpAddr) -> bool {
        let mut nets = self.prefixes.values().flatten();
        is_link_local(address) || nets.any(|net| net.contains(&address))
    }

    /// What has to be known to listen on these ports.
    pub fn surroundings(&self, ports: &[Link]) -> Surroundings {
        Surroundings {
            prefixes: ports.iter().map(|port| (port.index, self.near(port))).collect(),
            own: self.interfaces.iter().filter_map(|interface| interface.mac).collect(),
        }
    }

    /// The MACs that bridges have learned on these ports.
    pub fn learned(&self, ports: &[Link]) -> impl Iterator<Item = (u32, Mac)> {
        let ports: BTreeSet<u32> = ports.iter().map(|port| port.index).collect();
        let learned = self.forwarding.iter().filter(|line| line.foreign);
        learned
            .filter(move |line| ports.contains(&line.ifindex))
            .map(|line| (line.ifindex, line.mac))
    }

    /// The neighbours behind these ports, with the port where it is the interface itself.
    pub fn behind(&self, ports: &[Link]) -> impl Iterator<Item = (Option<u32>, &Neighbour)> {
        let sides: BTreeMap<u32, bool> = ports
            .iter()
            .flat_map(|port| [(self.host_side(port).index, false), (port.index, true)])
            .collect();
        self.neighbours.iter().filter_map(move |neighbour| {
            let is_port = *sides.get(&neighbour.ifindex)?;
            Some((is_port.then_some(neighbour.ifindex), neighbour))
        })
    }
}
