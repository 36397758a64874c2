//! Which frames come past the fence: the interfaces that are named, and the ways around them.

use std::collections::{BTreeMap, BTreeSet};

use super::counted;
use crate::{
    config::Camera,
    doctor::{
        finding::{Outcome, Trouble},
        seen::{Interface, Looked, Neighbour, Network, Seen},
    },
    policy::topology::{self, Kind, TopologyError},
};

/// Whether all that an interface receives is judged: there, below it, or on all ports of it.
fn covered(network: &Network, fenced: &BTreeSet<u32>, index: u32) -> bool {
    let here = |index: u32| {
        let bridge = network.interface(index).is_some_and(|found| found.link.kind == Kind::Bridge);
        let mut ports = network.ports_of(index).peekable();
        fenced.contains(&index)
            || bridge && ports.peek().is_some() && ports.all(|p| fenced.contains(&p.link.index))
    };
    here(index) || network.below(index).iter().any(|lower| here(lower.link.index))
}

pub(in super::super) fn missing(seen: &Seen) -> Looked<Outcome> {
    let (config, network) = (seen.config()?, seen.network()?);
    let names = &config.fence.interfaces;
    let missing = names.iter().filter(|name| network.named(name).is_none());
    let trouble = |name: &String| {
        Trouble::failure(
            "there is no such interface; one of that name is not fenced before `camfence` sees it",
            "correct the name (`ip link` lists them), or plug it in while `camfence run` runs",
        )
        .on(name)
    };
    Outcome::of(missing.map(trouble), format!("{} named", counted(names.len(), "interface")))
}

pub(in super::super) fn empty(seen: &Seen) -> Looked<Outcome> {
    let (config, network) = (seen.config()?, seen.network()?);
    let bridges = config.fence.interfaces.iter().filter_map(|name| network.named(name));
    let bridges = bridges.filter(|bridge| bridge.link.kind == Kind::Bridge);
    let empty = bridges.filter(|bridge| network.ports_of(bridge.link.index).next().is_none());
    let trouble = |bridge: &Interface| {
        let name = &bridge.link.name;
        let todo = format!("ip link set dev PORT master {name}, then `camfence reload`");
        Trouble::failure("the bridge has no ports, and so nothing is fenced", todo).on(name)
    };
    Outcome::of(empty.map(trouble), "no bridge without ports is named")
}

pub(in super::super) fn refused(seen: &Seen) -> Looked<Outcome> {
    let (config, network) = (seen.config()?, seen.network()?);
    let links = network.links();
    // One that is missing or empty has a check of its own, and hides no other mistake.
    let usable = |name: &&String| {
        let alone = topology::ports(std::slice::from_ref(*name), &links);
        !matches!(alone, Err(TopologyError::Missing { .. } | TopologyError::EmptyBridge { .. }))
    };
    let names = &config.fence.interfaces;
    let present: Vec<String> = names.iter().filter(usable).cloned().collect();
    if present.is_empty() && !names.is_empty() {
        return Outcome::fine("none that is there is refused");
    }
    let error = match topology::ports(&present, &links) {
        Ok(ports) => return Outcome::fine(counted(ports.len(), "port")),
        Err(error) => error,
    };
    let trouble = Trouble::failure(error.to_string(), error.hint());
    Outcome::one(match error {
        TopologyError::NotEthernet { name } => trouble.on(name),
        TopologyError::Stacked { upper, .. } => trouble.on(upper),
        _ => trouble,
    })
}

pub(in super::super) fn outside(seen: &Seen) -> Looked<Outcome> {
    let (config, network) = (seen.config()?, seen.network()?);
    let fenced = network.fenced(config);
    let mut troubles = Vec::new();
    for camera in &config.cameras {
        troubles.extend(outside_by_bridges(camera, network, &fenced)?);
        troubles.extend(outside_by_neighbours(camera, network, &fenced)?);
    }
    Outcome::of(troubles, "no camera was seen where there is no fence")
}

fn outside_by_bridges(
    camera: &Camera,
    network: &Network,
    fenced: &BTreeSet<u32>,
) -> Looked<Vec<Trouble>> {
    let lines = network.forwarding.as_ref().map_err(Clone::clone)?;
    let of_camera = || lines.iter().filter(|line| line.foreign && line.mac == camera.mac);
    let (inside, outside): (BTreeSet<u32>, BTreeSet<u32>) =
        of_camera().map(|line| line.ifindex).partition(|index| covered(network, fenced, *index));
    let trouble = |index: u32| {
        let master = network.interface(index).and_then(|port| port.link.master);
        let bridge = master.map_or_else(|| "its bridge".into(), |master| network.name(master));
        let (port, seen) = (network.name(index), "behind this port, which is not fenced");
        let trouble = if inside.is_empty() {
            Trouble::failure(
                format!("{bridge} has seen it {seen}"),
                format!("add \"{bridge}\" or \"{port}\" to `interfaces`, then `camfence reload`"),
            )
        } else {
            Trouble::warning(
                format!("{bridge} has seen it {seen}, and another bridge behind one that is"),
                "if the bridges are joined, all is well; else fence this one, too",
            )
        };
        trouble.of(&camera.name).on(port)
    };
    Ok(outside.into_iter().map(trouble).collect())
}

fn outside_by_neighbours(
    camera: &Camera,
    network: &Network,
    fenced: &BTreeSet<u32>,
) -> Looked<Vec<Trouble>> {
    let lines = network.neighbours.as_ref().map_err(Clone::clone)?;
    let of_camera = lines.iter().filter(|line| line.mac == camera.mac);
    // Behind which of a bridge's ports it is, the bridge knows better.
    let of_bridge = |line: &&Neighbour| {
        let is_bridge = |index| network.ports_of(index).next().is_some();
        let below = network.below(line.ifindex);
        is_bridge(line.ifindex) || below.iter().any(|below| is_bridge(below.link.index))
    };
    let mut outside: BTreeMap<u32, &Neighbour> = BTreeMap::new();
    for line in of_camera.filter(|line| !covered(network, fenced, line.ifindex) && !of_bridge(line))
    {
        let told = outside.entry(line.ifindex).or_insert(line);
        if line.fresh {
            *told = line;
        }
    }
    let trouble = |line: &Neighbour| {
        let name = network.name(line.ifindex);
        let todo = format!("add \"{name}\" to `interfaces`, then `camfence reload`");
        let at = line.address;
        let trouble = if line.fresh {
            Trouble::failure(format!("this host talks to it at {at} here, unfenced"), todo)
        } else {
            Trouble::warning(format!("this host once talked to it at {at} here, unfenced"), todo)
        };
        trouble.of(&camera.name).on(name)
    };
    Ok(outside.into_values().map(trouble).collect())
}

pub(in super::super) fn bridged_past(seen: &Seen) -> Looked<Outcome> {
    let (config, network) = (seen.config()?, seen.network()?);
    let fenced = network.fenced(config);
    let mut troubles = Vec::new();
    for &port in &fenced {
        let forwards = |below: &&&Interface| {
            below.link.kind == Kind::Bridge && network.ports_of(below.link.index).count() > 1
        };
        let below = network.below(port);
        if let Some(bridge) = below.iter().find(forwards) {
            let (name, bridge) = (network.name(port), &bridge.link.name);
            troubles.push(
                Trouble::failure(
                    format!(
                        "it is on top of {bridge}, which forwards frames between its ports past it"
                    ),
                    format!("write \"{bridge}\" in place of \"{name}\" in `interfaces`"),
                )
                .on(name),
            );
        }
    }
    Outcome::of(troubles, "no bridge forwards past a port")
}

pub(in super::super) fn partly(seen: &Seen) -> Looked<Outcome> {
    let (config, network) = (seen.config()?, seen.network()?);
    let fenced = network.fenced(config);
    let mut troubles = Vec::new();
    let bridges = network.interfaces.iter().filter(|found| found.link.kind == Kind::Bridge);
    for bridge in bridges {
        let (inside, open): (Vec<_>, Vec<_>) = network
            .ports_of(bridge.link.index)
            .partition(|port| covered(network, &fenced, port.link.index));
        if !inside.is_empty() {
            let name = &bridge.link.name;
            troubles.extend(open.into_iter().map(|port| {
                Trouble::info(
                    format!("other ports of {name} are fenced, this is not"),
                    format!("nothing, if no camera is behind it; else name {name} as a whole"),
                )
                .on(&port.link.name)
            }));
        }
    }
    Outcome::of(troubles, "no bridge is fenced in part")
}

pub(in super::super) fn vlan_parent(seen: &Seen) -> Looked<Outcome> {
    let (config, network) = (seen.config()?, seen.network()?);
    let fenced = network.fenced(config);
    let mut troubles = Vec::new();
    for port in fenced.iter().filter_map(|index| network.interface(*index)) {
        let parent = port.link.lower.and_then(|lower| network.interface(lower));
        if let ("vlan", Some(parent)) = (port.kind.as_str(), parent)
            && parent.link.kind != Kind::Bridge
        {
            let (name, parent) = (&port.link.name, &parent.link.name);
            troubles.push(
                Trouble::info(
                    format!("only frames with {name}'s tag are judged, others on {parent} are not"),
                    format!("see that the switch keeps cameras to that VLAN, or fence {parent}"),
                )
                .on(parent),
            );
        }
    }
    Outcome::of(troubles, "no VLAN is fenced without its parent")
}

pub(in super::super) fn bond_port(seen: &Seen) -> Looked<Outcome> {
    let (config, network) = (seen.config()?, seen.network()?);
    let mut troubles = Vec::new();
    for port in network.fenced(config).iter().filter_map(|index| network.interface(*index)) {
        let master = port.link.master.and_then(|master| network.interface(master));
        if let Some(master) = master.filter(|found| ["bond", "team"].contains(&found.kind.as_str()))
        {
            let master = &master.link.name;
            troubles.push(
                Trouble::warning(
                    format!("it is one port of {master}; frames at its other ports are not judged"),
                    format!("name {master} instead"),
                )
                .on(&port.link.name),
            );
        }
    }
    Outcome::of(troubles, "no port is part of a bond")
}
