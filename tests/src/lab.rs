//! Small networks around one box.
//!
//! ```no_run
//! use camfence_tests::{Bridge, Host, Lab};
//!
//! let lab = Lab::builder()
//!     .bridge("br-cam")
//!     .host(Host::new("driveway").mac("b0:c5:54:25:5b:0e").ip("192.168.1.31/24").via("192.168.1.1"))
//!     .host(Host::new("gw").ip("192.168.1.1/24").router())
//!     .host(Host::internet_behind("gw"))
//!     .build()?;
//! lab.host("driveway").ip("route get 203.0.113.7")?;
//! # anyhow::Ok(())
//! ```
//!
//! The *box* is the namespace of the machine that camfence runs on. Every host has one of
//! its own, whose `eth0` is joined to a port in the box. All are gone when the lab is dropped.

mod commands;
mod spec;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use anyhow::{Context as _, Result};

use self::commands::Cabling;
use self::spec::Link;
pub use self::spec::{Bridge, Host, INTERNET, INTERNET_V4, INTERNET_V6};
use crate::addr::Mac;
use crate::ethtool;
use crate::netns::Netns;

/// Describes a lab; [`LabBuilder::build`] makes it.
#[derive(Debug, Default)]
#[must_use]
pub struct LabBuilder {
    bridges: Vec<Bridge>,
    /// Each with the bridge that was the last before it.
    hosts: Vec<(Host, Option<String>)>,
    cabling: Cabling,
    box_forwards: bool,
}

impl LabBuilder {
    /// Adds a bridge: its name, or a [`Bridge`].
    pub fn bridge(mut self, bridge: impl Into<Bridge>) -> Self {
        self.bridges.push(bridge.into());
        self
    }

    /// Adds a host, on the bridge added last unless it says otherwise.
    pub fn host(mut self, host: Host) -> Self {
        let bridge = self.bridges.last().map(|bridge| bridge.name.clone());
        self.box_forwards |= host.name == INTERNET && behind_box(&host);
        self.hosts.push((host, bridge));
        self
    }

    /// Sets the MTU of every cable, and so of the bridges.
    pub fn mtu(mut self, mtu: u32) -> Self {
        self.cabling.mtu = Some(mtu);
        self
    }

    /// Turns checksum and segmentation offloads off at both ends of every cable, so that what
    /// is captured is what a wire would carry.
    pub fn without_offloads(mut self) -> Self {
        self.cabling.offloads_off = true;
        self
    }

    /// Makes the box a router.
    pub fn box_forwards(mut self) -> Self {
        self.box_forwards = true;
        self
    }

    /// Makes the lab; it carries frames when this returns.
    pub fn build(self) -> Result<Lab> {
        let box_ns = Netns::new("box")?;
        bypass_netfilter(&box_ns)?;
        if self.box_forwards {
            forward(&box_ns)?;
        }
        let mut lab = Lab { box_ns, hosts: vec![], cabling: self.cabling };
        lab.add_bridges(&self.bridges)?;
        for (host, bridge) in self.hosts {
            lab.prepare(host, bridge)?;
        }
        lab.connect_all()?;
        for (bridge, gateway) in self.bridges.iter().flat_map(|b| b.via.iter().map(move |g| (b, g)))
        {
            lab.box_ns.ip(&format!("route add default via {gateway} dev {}", bridge.name))?;
        }
        lab.wait_for_bridges(&self.bridges)?;
        Ok(lab)
    }
}

/// A running lab.
#[derive(Debug)]
pub struct Lab {
    hosts: Vec<LiveHost>,
    box_ns: Netns,
    cabling: Cabling,
}

#[derive(Debug)]
struct LiveHost {
    spec: Host,
    mac: Mac,
    bridge: Option<String>,
    netns: Netns,
}

impl Lab {
    /// Begins a description.
    pub fn builder() -> LabBuilder {
        LabBuilder::default()
    }

    /// The namespace of the machine that camfence runs on.
    pub fn box_ns(&self) -> &Netns {
        &self.box_ns
    }

    /// The namespace of a host.
    ///
    /// # Panics
    /// As all that take a host's name: when the lab has none of that name.
    #[track_caller]
    pub fn host(&self, name: &str) -> &Netns {
        &self.live(name).netns
    }

    /// The name of the box's end of a host's cable.
    #[track_caller]
    pub fn port(&self, name: &str) -> &str {
        &self.live(name).spec.port
    }

    /// The address of a host's `eth0`.
    #[track_caller]
    pub fn mac(&self, name: &str) -> Mac {
        self.live(name).mac
    }

    /// The first IPv4 address of a host's `eth0`.
    ///
    /// # Panics
    /// When it has none.
    #[track_caller]
    pub fn ipv4(&self, name: &str) -> Ipv4Addr {
        let v4 = |ip| if let IpAddr::V4(ip) = ip { Some(ip) } else { None };
        spec::first(&self.live(name).spec.addresses, v4).expect("the host has an IPv4 address")
    }

    /// The first IPv6 address of a host's `eth0`.
    ///
    /// # Panics
    /// When it has none.
    #[track_caller]
    pub fn ipv6(&self, name: &str) -> Ipv6Addr {
        let v6 = |ip| if let IpAddr::V6(ip) = ip { Some(ip) } else { None };
        spec::first(&self.live(name).spec.addresses, v6).expect("the host has an IPv6 address")
    }

    /// Adds a host to a running lab; it goes on the bridge that it names.
    pub fn add_host(&mut self, host: Host) -> Result<()> {
        let name = host.name.clone();
        self.prepare(host, None)?;
        self.plug(&name)
    }

    /// Pulls a host's cable: the port disappears from the box, as when a device is removed.
    #[track_caller]
    pub fn unplug(&self, name: &str) -> Result<()> {
        let host = self.live(name);
        self.parent(host).ip(&format!("link del {}", host.spec.port))?;
        Ok(())
    }

    /// Plugs it in again: a new port of the old name and another index.
    #[track_caller]
    pub fn plug(&self, name: &str) -> Result<()> {
        self.connect(&[self.live(name)])
    }

    fn live(&self, name: &str) -> &LiveHost {
        let named = |host: &&LiveHost| host.spec.name == name;
        self.hosts.iter().find(named).unwrap_or_else(|| panic!("the lab has no host {name:?}"))
    }

    /// The namespace that holds the near end of a host's cable.
    fn parent(&self, host: &LiveHost) -> &Netns {
        match &host.spec.link {
            Link::Routed { router: Some(router), .. } => self.host(router),
            _ => &self.box_ns,
        }
    }

    fn add_bridges(&self, bridges: &[Bridge]) -> Result<()> {
        let numbered = bridges.iter().zip(0..);
        let lines: Vec<_> = numbered
            .flat_map(|(bridge, i)| commands::bridge(bridge, Mac([2, 0xcf, 0xb, 0, 0, i])))
            .collect();
        self.box_ns.ip_batch(&lines)
    }

    /// Makes a host's namespace, not yet its cable.
    fn prepare(&mut self, spec: Host, bridge: Option<String>) -> Result<()> {
        let netns = Netns::new(&spec.name)?;
        if spec.router {
            forward(&netns)?;
        }
        if spec.silent {
            netns.sysctl("net/ipv6/conf/default/disable_ipv6", "1")?;
        }
        let [_, .., high, low] = self.hosts.len().to_be_bytes();
        let mac = spec.mac.unwrap_or(Mac([2, 0xcf, 0, 0, high, low]));
        self.hosts.push(LiveHost { spec, mac, bridge, netns });
        Ok(())
    }

    fn connect_all(&self) -> Result<()> {
        let (behind_hosts, on_box): (Vec<_>, Vec<_>) = self
            .hosts
            .iter()
            .partition(|h| matches!(h.spec.link, Link::Routed { router: Some(_), .. }));
        self.connect(&on_box)?;
        behind_hosts.into_iter().try_for_each(|host| self.connect(&[host]))
    }

    /// Lays the cables of hosts that share a parent.
    fn connect(&self, hosts: &[&LiveHost]) -> Result<()> {
        let Some(parent) = hosts.first().map(|host| self.parent(host)) else { return Ok(()) };
        let cables = hosts
            .iter()
            .flat_map(|h| commands::cable(&h.spec, h.mac, h.netns.name(), self.cabling));
        parent.ip_batch(&cables.collect::<Vec<_>>())?;
        for host in hosts {
            self.finish_end(&host.netns, "eth0")?;
            self.finish_end(parent, &host.spec.port)?;
            host.netns.ip_batch(&commands::far_end(&host.spec))?;
        }
        let ends = hosts.iter().flat_map(|h| commands::near_end(&h.spec, h.bridge.as_deref()));
        parent.ip_batch(&ends.collect::<Vec<_>>())?;
        self.set_vlans(hosts)?;
        let ports: Vec<_> = hosts.iter().map(|host| host.spec.port.as_str()).collect();
        parent.wait_running(&ports)?;
        hosts.iter().try_for_each(|host| host.netns.wait_running(&["eth0"]))
    }

    fn finish_end(&self, netns: &Netns, interface: &str) -> Result<()> {
        if self.cabling.offloads_off {
            netns.run(|| ethtool::disable_offloads(interface))
        } else {
            Ok(())
        }
    }

    fn set_vlans(&self, hosts: &[&LiveHost]) -> Result<()> {
        for arguments in hosts.iter().flat_map(|host| &host.spec.vlans) {
            self.box_ns
                .bridge(&format!("vlan {arguments}"))
                .context("does this kernel have BRIDGE_VLAN_FILTERING?")?;
        }
        Ok(())
    }

    fn wait_for_bridges(&self, bridges: &[Bridge]) -> Result<()> {
        let in_use = |bridge: &&Bridge| {
            self.hosts.iter().any(|host| match &host.spec.link {
                Link::Bridge(named) => {
                    named.as_ref().or(host.bridge.as_ref()) == Some(&bridge.name)
                }
                Link::Routed { .. } => false,
            })
        };
        let names: Vec<_> =
            bridges.iter().filter(in_use).map(|bridge| bridge.name.as_str()).collect();
        self.box_ns.wait_running(&names)
    }
}

fn behind_box(host: &Host) -> bool {
    matches!(host.link, Link::Routed { router: None, .. })
}

fn forward(netns: &Netns) -> Result<()> {
    netns.sysctl("net/ipv4/ip_forward", "1")?;
    netns.sysctl("net/ipv6/conf/all/forwarding", "1")
}

/// Keeps the kernel's `br_netfilter`, where it exists, from looking into bridged frames: it
/// cuts off padding and drops malformed packets before a fence on the way out sees them.
fn bypass_netfilter(netns: &Netns) -> Result<()> {
    const DIR: &str = "net/bridge";
    if !netns.run(|| Path::new("/proc/sys").join(DIR).exists()) {
        return Ok(());
    }
    ["iptables", "ip6tables", "arptables"]
        .iter()
        .try_for_each(|tables| netns.sysctl(&format!("{DIR}/bridge-nf-call-{tables}"), "0"))
}
