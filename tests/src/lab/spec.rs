//! What a lab consists of.

use std::net::IpAddr;

use crate::addr::{Literal, Mac};

/// IPv4 addresses of [`Host::internet_behind`]: one of each documentation range.
pub const INTERNET_V4: [&str; 3] = ["203.0.113.7", "198.51.100.7", "192.0.2.7"];
/// IPv6 addresses of [`Host::internet_behind`].
pub const INTERNET_V6: [&str; 2] = ["2001:db8::7", "2001:db8:cafe::7"];

/// The name of the host made by [`Host::internet_behind`].
pub const INTERNET: &str = "internet";

/// The two ends of the link between the internet and its router.
const TRANSIT: [(&str, &str); 2] =
    [("100.64.0.1/30", "100.64.0.2/30"), ("2001:db8:ffff::1/64", "2001:db8:ffff::2/64")];

/// A bridge in the box. STP and multicast snooping are off, ports forward at once.
#[derive(Debug, Clone)]
pub struct Bridge {
    pub(super) name: String,
    pub(super) addresses: Vec<String>,
    pub(super) via: Vec<IpAddr>,
    pub(super) vlan_filtering: bool,
}

impl Bridge {
    /// A bridge without addresses.
    pub fn new(name: &str) -> Self {
        Self { name: name.into(), addresses: vec![], via: vec![], vlan_filtering: false }
    }

    /// Gives the box an address on the bridge: `"192.168.1.1/24"`, `"fd00:1::1/64"`.
    #[must_use]
    pub fn ip(mut self, address: &str) -> Self {
        self.addresses.push(address.into());
        self
    }

    /// Gives the box a default route through a neighbour on the bridge.
    #[must_use]
    pub fn via(mut self, gateway: impl Literal<IpAddr>) -> Self {
        self.via.push(gateway.value());
        self
    }

    /// Makes the bridge sort frames by VLAN. Needs a kernel with `BRIDGE_VLAN_FILTERING`.
    #[must_use]
    pub fn vlan_filtering(mut self) -> Self {
        self.vlan_filtering = true;
        self
    }
}

impl From<&str> for Bridge {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

/// Where the far end of a host's cable is.
#[derive(Debug, Clone)]
pub(super) enum Link {
    /// A port of the bridge that the builder saw last, or of the one named.
    Bridge(Option<String>),
    /// An interface of a router (another host, or the box) with these addresses.
    Routed { router: Option<String>, near: Vec<String> },
}

/// A machine on the lab's network: a namespace whose `eth0` is joined by a veth pair to a
/// port of the box (or of another host).
#[derive(Debug, Clone)]
pub struct Host {
    pub(super) name: String,
    pub(super) port: String,
    pub(super) mac: Option<Mac>,
    pub(super) addresses: Vec<String>,
    pub(super) loopback: Vec<String>,
    pub(super) via: Vec<IpAddr>,
    pub(super) router_via: Vec<IpAddr>,
    pub(super) link: Link,
    pub(super) router: bool,
    pub(super) silent: bool,
    pub(super) vlans: Vec<String>,
}

impl Host {
    /// A host on the bridge, without addresses; its port in the box is `port-NAME`, cut to
    /// the 15 characters that an interface may have.
    pub fn new(name: &str) -> Self {
        let mut port = format!("port-{name}");
        port.truncate(15);
        Self {
            name: name.into(),
            port,
            mac: None,
            addresses: vec![],
            loopback: vec![],
            via: vec![],
            router_via: vec![],
            link: Link::Bridge(None),
            router: false,
            silent: false,
            vlans: vec![],
        }
    }

    /// The host [`INTERNET`]: all of [`INTERNET_V4`] and [`INTERNET_V6`], reached through
    /// `router`, which gets a port `wan` and default routes and needs [`Host::router`].
    pub fn internet_behind(router: &str) -> Self {
        let mut host = Self::internet_behind_box();
        if let Link::Routed { router: behind, .. } = &mut host.link {
            *behind = Some(router.into());
        }
        host
    }

    /// The same, behind the box itself, which becomes a router.
    pub fn internet_behind_box() -> Self {
        let loopback = INTERNET_V4.iter().map(|ip| format!("{ip}/32"));
        let loopback = loopback.chain(INTERNET_V6.iter().map(|ip| format!("{ip}/128")));
        let near: Vec<_> = TRANSIT.iter().map(|(router, _)| (*router).to_owned()).collect();
        let far: Vec<_> = TRANSIT.iter().map(|(_, internet)| (*internet).to_owned()).collect();
        Self {
            loopback: loopback.collect(),
            via: near.iter().map(|address| without_prefix(address)).collect(),
            router_via: far.iter().map(|address| without_prefix(address)).collect(),
            addresses: far,
            link: Link::Routed { router: None, near },
            ..Self::new(INTERNET).port("wan")
        }
    }

    /// Sets the address of the host's `eth0`; without it the lab gives one out.
    #[must_use]
    pub fn mac(mut self, mac: impl Literal<Mac>) -> Self {
        self.mac = Some(mac.value());
        self
    }

    /// Adds an address to `eth0`: `"192.168.1.31/24"`, `"fd00:1::31/64"`.
    #[must_use]
    pub fn ip(mut self, address: &str) -> Self {
        self.addresses.push(address.into());
        self
    }

    /// Adds an address to the loopback, for a host that stands for many.
    #[must_use]
    pub fn loopback_ip(mut self, address: &str) -> Self {
        self.loopback.push(address.into());
        self
    }

    /// Adds a default route; one for IPv4 and one for IPv6 may be given.
    #[must_use]
    pub fn via(mut self, gateway: impl Literal<IpAddr>) -> Self {
        self.via.push(gateway.value());
        self
    }

    /// Names the far end of the cable. A dot is welcome: `eth0.20`.
    #[must_use]
    pub fn port(mut self, port: &str) -> Self {
        self.port = port.into();
        self
    }

    /// Puts the port on this bridge rather than on the last one before the host.
    #[must_use]
    pub fn on(mut self, bridge: &str) -> Self {
        self.link = Link::Bridge(Some(bridge.into()));
        self
    }

    /// Makes the port a routed interface of the box, with these addresses, on no bridge.
    #[must_use]
    pub fn direct(mut self, box_addresses: &[&str]) -> Self {
        let near = box_addresses.iter().map(|&address| address.into()).collect();
        self.link = Link::Routed { router: None, near };
        self
    }

    /// Lets the host forward packets.
    #[must_use]
    pub fn router(mut self) -> Self {
        self.router = true;
        self
    }

    /// Turns IPv6 off on the host. One without IPv4 addresses too sends nothing by itself,
    /// which suits raw frames and exact counts.
    #[must_use]
    pub fn silent(mut self) -> Self {
        self.silent = true;
        self
    }

    /// Makes the port an untagged member of a VLAN and of no other.
    #[must_use]
    pub fn access_vlan(mut self, vid: u16) -> Self {
        self.vlans.push(format!("del dev {} vid 1", self.port));
        self.vlans.push(format!("add dev {} vid {vid} pvid untagged", self.port));
        self
    }

    /// Makes the port a tagged member of a VLAN.
    #[must_use]
    pub fn trunk_vlan(mut self, vid: u16) -> Self {
        self.vlans.push(format!("add dev {} vid {vid}", self.port));
        self
    }
}

fn without_prefix(address: &str) -> IpAddr {
    address.split('/').next().unwrap_or_default().value()
}

/// The first of the host's addresses for which `pick` gives one.
pub(super) fn first<T>(addresses: &[String], pick: impl Fn(IpAddr) -> Option<T>) -> Option<T> {
    addresses.iter().map(|address| without_prefix(address)).find_map(pick)
}
