//! What hardware does by itself, and what that takes away from the fence.
//!
//! A flowtable in software, on a port itself, takes nothing: it begins at netfilter's ingress hook,
//! behind TC ingress (`sch_handle_ingress` before `nf_ingress` in `__netif_receive_skb_core`,
//! `net/core/dev.c`), and sends by `neigh_xmit` or `dev_queue_xmit` (`nf_flow_offload_ip_hook` and
//! `nf_flow_queue_xmit` in `net/netfilter/nf_flow_table_ip.c`), which runs TC egress. On what a port is
//! stacked on it does: it knows the tags of VLANs (`nft_dev_path_info` in
//! `net/netfilter/nft_flow_offload.c`) and forwards before the VLAN interface sees the frame. One in
//! hardware forwards in the NIC, where no program runs. Either goes on with a connection that it has
//! taken over, and takes over none whose packets were dropped.

use super::system::{XDP_FRAGS, version};
use crate::{
    config::{Config, Hook as Wanted},
    doctor::{
        finding::{Outcome, Trouble},
        seen::{Flowtable, Interface, Looked, Network, Seen},
    },
    policy::topology::{self, Hook},
};

/// The longest MTU that fits one page with XDP's headroom, and that programs for one buffer take.
const ONE_PAGE: u32 = 3498;

fn ports<'a>(config: &Config, network: &'a Network) -> Vec<&'a Interface> {
    network.fenced(config).iter().filter_map(|index| network.interface(*index)).collect()
}

pub(in super::super) fn hardware_switch(seen: &Seen) -> Looked<Outcome> {
    let (config, network) = (seen.config()?, seen.network()?);
    let lines = network.forwarding.as_ref().map_err(Clone::clone)?;
    let troubles = ports(config, network).into_iter().filter_map(|port| {
        let (index, master) = (port.link.index, port.link.master?);
        let sibling = network
            .ports_of(master)
            .find(|other| other.link.index != index && shares_switch(other, port));
        let offloaded = lines.iter().any(|line| line.ifindex == index && line.offloaded);
        let seen = match sibling {
            Some(other) => format!("it and {} are ports of one hardware switch", other.link.name),
            None if offloaded => "a hardware switch forwards to it by the bridge's table".into(),
            None => return None,
        };
        Some(
            Trouble::warning(
                format!("{seen}: frames between them may never reach this host"),
                "have the switch isolate the cameras' ports (`bridge link set dev PORT isolated \
                 on`), or give them a VLAN of their own that only this host routes",
            )
            .on(&port.link.name),
        )
    });
    Outcome::of(troubles, "no port is of a hardware switch with another")
}

fn shares_switch(one: &Interface, other: &Interface) -> bool {
    one.switch.is_some() && one.switch == other.switch
}

pub(in super::super) fn flowtable(seen: &Seen) -> Looked<Outcome> {
    let (config, network) = (seen.config()?, seen.network()?);
    let tables = network.flowtables.as_ref().map_err(Clone::clone)?;
    let ports = ports(config, network);
    let below: Vec<&Interface> =
        ports.iter().flat_map(|port| network.below(port.link.index)).collect();
    let bridges = ports.iter().filter_map(|port| network.interface(port.link.master?));
    let beside: Vec<&Interface> = ports.iter().copied().chain(bridges).collect();
    let mut troubles = Vec::new();
    for table in tables {
        let within = |interfaces: &[&Interface]| {
            let name = |device: &&String| interfaces.iter().any(|i| i.link.name == **device);
            table.devices.iter().find(name).cloned()
        };
        if let Some(device) = within(&below) {
            troubles.push(past_the_fence(table).on(device));
        } else if let Some(device) = within(&beside) {
            let trouble = if table.hardware { past_the_fence(table) } else { harmless(table) };
            troubles.push(trouble.on(device));
        }
    }
    Outcome::of(troubles, "no flowtable has a port in it")
}

fn past_the_fence(Flowtable { name, hardware, .. }: &Flowtable) -> Trouble {
    let how = if *hardware { "in the NIC" } else { "below the port" };
    Trouble::warning(
        format!(
            "flowtable {name} forwards {how}: a connection made while the fence was open or down \
             goes on unjudged"
        ),
        if *hardware {
            "take \"flags offload\", or this interface, out of the flowtable"
        } else {
            "take this interface out of the flowtable"
        },
    )
}

fn harmless(Flowtable { name, .. }: &Flowtable) -> Trouble {
    Trouble::info(
        format!("flowtable {name}, in software: frames are judged before and after it"),
        "nothing",
    )
}

/// The ports with a NIC's feature on.
fn with_feature<'a>(seen: &'a Seen, features: &[&str]) -> Looked<Vec<&'a Interface>> {
    let (config, network) = (seen.config()?, seen.network()?);
    let offloads = network.offloads.as_ref().map_err(Clone::clone)?;
    let is_on = |port: &&Interface| {
        let of_port = offloads.iter().filter(|offloads| offloads.ifindex == port.link.index);
        of_port.flat_map(|offloads| &offloads.on).any(|on| features.contains(&on.as_str()))
    };
    Ok(ports(config, network).into_iter().filter(is_on).collect())
}

pub(in super::super) fn tc_offload(seen: &Seen) -> Looked<Outcome> {
    let troubles = with_feature(seen, &["hw-tc-offload"])?.into_iter().map(|port| {
        let name = &port.link.name;
        Trouble::info(
            "hw-tc-offload is on: filters that others put in the NIC act before the fence",
            format!("nothing, if `tc filter show dev {name} ingress` shows none with \"in_hw\""),
        )
        .on(name)
    });
    Outcome::of(troubles, "no NIC runs TC filters")
}

/// Whether XDP is asked for on a port, or is what `auto` tries.
fn wants_xdp(seen: &Seen, port: &Interface) -> bool {
    let (Ok(config), Ok(network)) = (seen.config(), seen.network()) else { return false };
    let asked = topology::settings(config, &port.link, &network.links()).0;
    topology::hooks(asked, port.link.kind).contains(&Hook::XdpNative) || asked == Wanted::XdpGeneric
}

pub(in super::super) fn lro(seen: &Seen) -> Looked<Outcome> {
    let on = with_feature(seen, &["rx-lro", "rx-gro-hw"])?.into_iter();
    let troubles = on.filter(|port| wants_xdp(seen, port)).map(|port| {
        let name = &port.link.name;
        let todo = format!("ethtool -K {name} lro off rx-gro-hw off, or hook = \"tc\"");
        Trouble::warning("the NIC merges frames (LRO), with which drivers refuse XDP", todo)
            .on(name)
    });
    Outcome::of(troubles, "no NIC merges frames where XDP is asked for")
}

pub(in super::super) fn vlan_stripped(seen: &Seen) -> Looked<Outcome> {
    let on = with_feature(seen, &["rx-vlan-hw-parse"])?.into_iter();
    let troubles = on.filter(|port| wants_xdp(seen, port)).map(|port| {
        let seen = "the NIC takes VLAN tags off before XDP sees frames (rx-vlan-offload)";
        Trouble::info(seen, "nothing: verdicts do not depend on tags").on(&port.link.name)
    });
    Outcome::of(troubles, "no NIC takes tags off where XDP is asked for")
}

pub(in super::super) fn mtu(seen: &Seen) -> Looked<Outcome> {
    let (config, network) = (seen.config()?, seen.network()?);
    let release = &seen.system.release;
    let frags = version(release).is_some_and(|version| version >= XDP_FRAGS);
    let long = ports(config, network)
        .into_iter()
        .filter(|port| !frags && port.mtu > ONE_PAGE && wants_xdp(seen, port));
    let troubles = long.map(|port| {
        Trouble::warning(
            format!("an MTU of {} is more than XDP takes on Linux {release}", port.mtu),
            "set hook = \"tc\" for it, a smaller MTU, or use Linux 5.18 or later",
        )
        .on(&port.link.name)
    });
    Outcome::of(troubles, "XDP takes all frames")
}

pub(in super::super) fn wifi(seen: &Seen) -> Looked<Outcome> {
    let (config, network) = (seen.config()?, seen.network()?);
    let wireless = network.wireless.as_ref().map_err(Clone::clone)?;
    let mut troubles = Vec::new();
    for port in ports(config, network) {
        let Some(radio) = wireless.iter().find(|radio| radio.ifindex == port.link.index) else {
            continue;
        };
        let trouble = match (radio.access_point, radio.isolated) {
            (true, Some(true)) => continue,
            (true, Some(false)) => Trouble::warning(
                "an access point without isolation: its stations talk to each other in the driver",
                "ap_isolate=1 in hostapd's configuration (OpenWrt: option isolate '1')",
            ),
            (true, None) => Trouble::warning(
                "an access point; the kernel does not say whether its stations are isolated",
                "see that hostapd has ap_isolate=1 (OpenWrt: option isolate '1')",
            ),
            (false, _) => Trouble::info(
                "Wi-Fi, and not an access point: frames of others there are the access point's to \
                 judge",
                "put the fence on the access point, if cameras are its stations",
            ),
        };
        troubles.push(trouble.on(&port.link.name));
    }
    Outcome::of(troubles, "no access point forwards between stations")
}
