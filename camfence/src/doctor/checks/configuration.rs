//! The configuration, by itself and on this machine's networks.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::counted;
use crate::{
    config::{Allowance, Config, Profile, Protocol},
    doctor::{
        finding::{Outcome, Trouble},
        seen::{Looked, Network, Seen},
    },
};

/// Mistakes of a configuration that are told.
const MOST_PROBLEMS: usize = 3;

const NTP: u16 = 123;

/// What no provider routes: private, shared, link-local, loopback and multicast addresses.
const NOT_THE_INTERNET: [(IpAddr, u8); 10] = [
    (IpAddr::V4(Ipv4Addr::new(10, 0, 0, 0)), 8),
    (IpAddr::V4(Ipv4Addr::new(172, 16, 0, 0)), 12),
    (IpAddr::V4(Ipv4Addr::new(192, 168, 0, 0)), 16),
    (IpAddr::V4(Ipv4Addr::new(100, 64, 0, 0)), 10),
    (IpAddr::V4(Ipv4Addr::new(169, 254, 0, 0)), 16),
    (IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8),
    (IpAddr::V4(Ipv4Addr::new(224, 0, 0, 0)), 4),
    (IpAddr::V6(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0)), 7),
    (IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0)), 10),
    (IpAddr::V6(Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0)), 8),
];

pub(in super::super) fn readable(seen: &Seen) -> Looked<Outcome> {
    let path = &seen.configuration.path;
    let error = match &seen.configuration.content {
        Ok(config) => {
            let cameras = counted(config.cameras.len(), "camera");
            return Outcome::fine(format!("{}: {cameras}", path.display()));
        }
        Err(error) => error,
    };
    let mut troubles: Vec<Trouble> = error
        .problems
        .iter()
        .take(MOST_PROBLEMS)
        .map(|problem| Trouble::failure(problem.located(path).to_string(), &problem.hint))
        .collect();
    let more = error.problems.len().saturating_sub(MOST_PROBLEMS);
    if more > 0 {
        let more = counted(more, "more mistake");
        troubles.push(Trouble::failure(more, "`camfence check` shows all"));
    }
    Outcome::of(troubles, "")
}

pub(in super::super) fn writable(seen: &Seen) -> Looked<Outcome> {
    let paths = seen.configuration.open_to_all.as_ref().map_err(Clone::clone)?;
    let trouble = |path: &std::path::PathBuf| {
        let path = path.display();
        Trouble::failure(
            format!("anybody may write to {path}, and so let a camera out"),
            format!("chmod o-w {path}"),
        )
    };
    Outcome::of(paths.iter().map(trouble), "only its owner and group may write to it")
}

/// The profiles that some camera follows, or unknown sources may.
fn used(config: &Config) -> impl Iterator<Item = &Profile> {
    config.profiles.iter().enumerate().filter_map(|(index, profile)| {
        let follows = config.cameras.iter().any(|camera| camera.profile == index);
        (follows || index > 0).then_some(profile)
    })
}

pub(in super::super) fn too_wide(seen: &Seen) -> Looked<Outcome> {
    let (config, network) = (seen.config()?, seen.network()?);
    let mut troubles = Vec::new();
    for profile in used(config) {
        let wide = profile.local.prefixes.iter().filter(|prefix| is_public(**prefix));
        for prefix in wide.filter(|prefix| !is_on_link(**prefix, network)) {
            troubles.push(wide_local(*prefix).in_profile(&profile.name));
        }
    }
    Outcome::of(troubles, "only private and on-link networks are local")
}

fn wide_local(prefix: IpNet) -> Trouble {
    let most = if prefix.addr().is_ipv4() { 8 } else { 16 };
    let todo = "write the networks of your home: local = [\"192.168.1.0/24\", \"auto\"]";
    if prefix.prefix_len() <= most {
        Trouble::failure(format!("local holds {prefix}: cameras reach the internet there"), todo)
    } else {
        Trouble::warning(
            format!("local holds {prefix}, which is neither private nor of an interface here"),
            "if it is not your home's, take it out; for one service outside, use `allow`",
        )
    }
}

fn is_public(prefix: IpNet) -> bool {
    let special = NOT_THE_INTERNET.into_iter();
    !special.filter_map(|(network, len)| IpNet::new(network, len).ok()).any(|n| n.contains(&prefix))
}

fn is_on_link(prefix: IpNet, network: &Network) -> bool {
    network.prefixes.iter().any(|(_, on_link)| on_link.contains(&prefix))
}

pub(in super::super) fn on_link(seen: &Seen) -> Looked<Outcome> {
    let (config, network) = (seen.config()?, seen.network()?);
    let ports = network.fenced(config);
    let master = |index: &u32| network.interface(*index).and_then(|port| port.link.master);
    let mut faces: Vec<u32> =
        ports.iter().copied().chain(ports.iter().filter_map(master)).collect();
    faces.sort_unstable();
    faces.dedup();
    let mut troubles = Vec::new();
    for profile in used(config).filter(|profile| !profile.local.auto) {
        for (index, prefix) in network.prefixes.iter().filter(|(index, _)| faces.contains(index)) {
            if !profile.local.prefixes.iter().any(|local| local.contains(prefix)) {
                let trouble = not_local(*prefix, &profile.name);
                troubles.push(trouble.on(network.name(*index)).in_profile(&profile.name));
            }
        }
    }
    Outcome::of(troubles, "the networks at the ports are local")
}

fn not_local(prefix: IpNet, profile: &str) -> Trouble {
    Trouble::warning(
        format!("{prefix} is at the cameras' ports but not local to profile {profile:?}: dropped"),
        format!("add \"auto\" or \"{prefix}\" to `local`, if cameras are to talk there"),
    )
}

pub(in super::super) fn own_mac(seen: &Seen) -> Looked<Outcome> {
    let (config, network) = (seen.config()?, seen.network()?);
    let mut troubles = Vec::new();
    for camera in &config.cameras {
        let own = network.interfaces.iter().find(|interface| interface.mac == Some(camera.mac));
        if let Some(interface) = own {
            troubles.push(
                Trouble::failure(
                    format!("{} is this host's own MAC: the host is fenced in", camera.mac),
                    "register the camera's MAC: it is on its label, and in `ip neighbour`",
                )
                .of(&camera.name)
                .on(&interface.link.name),
            );
        }
    }
    Outcome::of(troubles, "no camera has a MAC of this host")
}

pub(in super::super) fn camera_time(seen: &Seen) -> Looked<Outcome> {
    let config = seen.config()?;
    let without = used(config).filter(|profile| !profile.allow.iter().any(is_ntp));
    let trouble = |profile: &Profile| {
        Trouble::info(
            "no time server outside may be asked; clocks drift unless one at home is set",
            "set the cameras to a time server at home, or write allow = [\"ntp to any\"]",
        )
        .in_profile(&profile.name)
    };
    Outcome::of(without.map(trouble), "every profile lets cameras ask for the time")
}

fn is_ntp(allowance: &Allowance) -> bool {
    allowance.protocol == Protocol::Udp
        && allowance.ports.as_ref().is_none_or(|ports| ports.contains(&NTP))
}

pub(in super::super) fn metrics(seen: &Seen) -> Looked<Outcome> {
    match seen.config()?.metrics {
        Some(metrics) if !metrics.listen.ip().is_loopback() => Outcome::one(Trouble::info(
            format!("{} answers others than this host, without asking who", metrics.listen),
            "listen = \"127.0.0.1:9477\", or keep the port behind a firewall",
        )),
        Some(metrics) => Outcome::fine(metrics.listen.to_string()),
        None => Outcome::fine("no metrics are served"),
    }
}
