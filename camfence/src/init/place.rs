//! Where cameras can be: a bridge with ports, a VLAN, or a NIC that leads nowhere else.

use std::collections::BTreeSet;

use crate::{
    discover::{Discovery, Site},
    doctor::seen::Interface,
    policy::topology::{self, Link},
};

/// How the names begin of bridges that container engines and hypervisors make (Docker, libvirt, LXC, LXD,
/// Incus, Podman, CNI).
const ENGINES: [&str; 7] = ["docker", "virbr", "lxcbr", "lxdbr", "incusbr", "podman", "cni"];
/// How the names begin of their guests' ends.
const GUESTS: [&str; 4] = ["veth", "vnet", "tap", "vif"];

/// What an interface is, the likeliest to have cameras first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sort {
    /// A bridge with ports.
    Bridge,
    /// A VLAN of a NIC or bridge.
    Vlan,
    /// A NIC, or several bonded.
    Nic,
}

impl Sort {
    /// What it is called.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bridge => "a bridge",
            Self::Vlan => "a VLAN",
            Self::Nic => "a network card",
        }
    }
}

/// An interface that cameras can be on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its name.
    pub name: String,
    /// What it is.
    pub sort: Sort,
    /// Whether a default route goes out by it.
    pub uplink: bool,
    /// What would be fenced: itself, or a bridge's ports.
    pub ports: Vec<Link>,
}

/// The interfaces that cameras can be on, the likeliest first. A NIC or VLAN that a default route goes out
/// by is one only if there is nothing else. A bridge is, as cameras and the router can be on ports of the
/// same.
pub fn candidates(site: &Site) -> Vec<Candidate> {
    let mut all: Vec<Candidate> =
        site.interfaces.iter().filter_map(|interface| candidate(site, interface)).collect();
    all.sort_by(|a, b| (a.sort, a.uplink, &a.name).cmp(&(b.sort, b.uplink, &b.name)));
    let leads_out = |one: &Candidate| one.uplink && one.sort != Sort::Bridge;
    if all.iter().any(|one| !leads_out(one)) {
        all.retain(|one| !leads_out(one));
    }
    without_stacked(all, site)
}

/// Those that are named, as far as they are there.
pub fn named(site: &Site, names: &[String]) -> Vec<Candidate> {
    let found = |name: &String| {
        let interface = site.interfaces.iter().find(|interface| interface.link.name == *name)?;
        let sort = match interface.kind.as_str() {
            "bridge" => Sort::Bridge,
            "vlan" => Sort::Vlan,
            _ => Sort::Nic,
        };
        Some(made(site, interface, sort))
    };
    names.iter().filter_map(found).collect()
}

/// Those on whose ports something looks like a camera; the first if there is none.
pub fn choose<'a>(candidates: &'a [Candidate], discovery: &Discovery) -> Vec<&'a Candidate> {
    let cameras = discovery.sources.iter().filter(|found| found.looks_like_one());
    let with_cameras: BTreeSet<&str> =
        cameras.flat_map(|found| &found.interfaces).map(String::as_str).collect();
    let has_cameras =
        |one: &&Candidate| one.ports.iter().any(|port| with_cameras.contains(port.name.as_str()));
    let chosen: Vec<&Candidate> = candidates.iter().filter(has_cameras).collect();
    if chosen.is_empty() { candidates.iter().take(1).collect() } else { chosen }
}

fn candidate(site: &Site, interface: &Interface) -> Option<Candidate> {
    let (link, name) = (&interface.link, interface.link.name.as_str());
    if !link.ethernet || is_guests(name) {
        return None;
    }
    let sort = match interface.kind.as_str() {
        "bridge" if !is_engines(name) => Sort::Bridge,
        "vlan" if link.master.is_none() => Sort::Vlan,
        "" | "bond" | "team" | "veth" if link.master.is_none() && !carries_others(site, link) => {
            Sort::Nic
        }
        _ => return None,
    };
    let made = made(site, interface, sort);
    // A bridge of guests only is none of a home's.
    let has_ports = made.ports.iter().any(|port| !is_guests(&port.name));
    has_ports.then_some(made)
}

fn made(site: &Site, interface: &Interface, sort: Sort) -> Candidate {
    let name = interface.link.name.clone();
    let ports = topology::resolve(std::slice::from_ref(&name), &site.links()).ports;
    let uplink = site.uplinks.contains(&interface.link.index);
    Candidate { name, sort, uplink, ports }
}

fn is_guests(name: &str) -> bool {
    GUESTS.iter().any(|guest| name.starts_with(guest))
}

/// Docker calls the bridges of its networks `br-` and twelve digits.
fn is_engines(name: &str) -> bool {
    let digits = name.strip_prefix("br-").unwrap_or_default();
    let is_dockers = digits.len() == 12 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_dockers || ENGINES.iter().any(|engine| name.starts_with(engine))
}

/// Whether another interface is stacked on it: a VLAN, say, and then that is the one to fence.
fn carries_others(site: &Site, link: &Link) -> bool {
    site.interfaces.iter().any(|other| other.link.lower == Some(link.index))
}

/// Without those whose frames are another's as well.
fn without_stacked(candidates: Vec<Candidate>, site: &Site) -> Vec<Candidate> {
    let names: Vec<String> = candidates.iter().map(|one| one.name.clone()).collect();
    let kept = topology::resolve(&names, &site.links()).ports;
    candidates.into_iter().filter(|one| one.ports.iter().all(|port| kept.contains(port))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::topology::Kind;

    /// Name, kind, master and lower by name.
    type Line<'a> = (&'a str, &'a str, Option<&'a str>, Option<&'a str>);

    fn site(lines: &[Line<'_>], uplinks: &[&str]) -> Site {
        let index = |name: &str| {
            let place = lines.iter().position(|(known, ..)| *known == name);
            u32::try_from(place.unwrap() + 1).unwrap()
        };
        let interface = |(name, kind, master, lower): &Line<'_>| Interface {
            link: Link {
                index: index(name),
                name: (*name).into(),
                kind: match *kind {
                    "" => Kind::Hardware,
                    "bridge" => Kind::Bridge,
                    "veth" => Kind::Veth,
                    _ => Kind::Virtual,
                },
                ethernet: *name != "lo",
                master: master.map(index),
                lower: lower.map(index),
                xdp: None,
            },
            kind: (*kind).into(),
            mac: None,
            mtu: 1500,
            switch: None,
        };
        Site {
            interfaces: lines.iter().map(interface).collect(),
            uplinks: uplinks.iter().map(|name| index(name)).collect(),
            ..Site::default()
        }
    }

    fn names(lines: &[Line<'_>], uplinks: &[&str]) -> Vec<String> {
        candidates(&site(lines, uplinks)).into_iter().map(|one| one.name).collect()
    }

    const LO: Line<'_> = ("lo", "", None, None);

    #[test]
    fn a_bridge_comes_before_a_vlan_and_that_before_a_nic() {
        let lines = [
            LO,
            ("wan", "", None, None),
            ("eth1", "", None, None),
            ("eth2", "", None, None),
            ("eth2.20", "vlan", None, Some("eth2")),
            ("eth3", "", Some("br-cam"), None),
            ("br-cam", "bridge", None, None),
            ("br-empty", "bridge", None, None),
        ];
        assert_eq!(names(&lines, &["wan"]), ["br-cam", "eth2.20", "eth1"]);
    }

    #[test]
    fn what_leads_out_is_one_only_if_there_is_nothing_else() {
        assert_eq!(names(&[LO, ("eth0", "", None, None)], &["eth0"]), ["eth0"]);
        let two = [LO, ("eth0", "", None, None), ("eth1", "", None, None)];
        assert_eq!(names(&two, &["eth0"]), ["eth1"]);
        let bridged = [("br0", "bridge", None, None), ("eth0", "", Some("br0"), None)];
        let bridged = [&bridged[..], &[("wlan0", "", None, None)]].concat();
        assert_eq!(names(&bridged, &["br0"]), ["br0", "wlan0"]);
    }

    #[test]
    fn guests_and_their_bridges_are_left_alone() {
        let lines = [
            LO,
            ("docker0", "bridge", None, None),
            ("veth1a2b3c4", "veth", Some("docker0"), None),
            ("br-0123456789ab", "bridge", None, None),
            ("vethaaaaaaa", "veth", Some("br-0123456789ab"), None),
            ("virbr0", "bridge", None, None),
            ("vnet0", "tun", Some("virbr0"), None),
            ("br-guests", "bridge", None, None),
            ("vethbbbbbbb", "veth", Some("br-guests"), None),
            ("wg0", "wireguard", None, None),
            ("dummy0", "dummy", None, None),
        ];
        assert_eq!(names(&lines, &[]), [""; 0]);
    }

    #[test]
    fn of_what_is_stacked_the_lower_is_kept() {
        let lines = [
            ("eth1", "", Some("br0"), None),
            ("br0", "bridge", None, None),
            ("br0.20", "vlan", None, Some("br0")),
        ];
        assert_eq!(names(&lines, &[]), ["br0"]);
    }
}
