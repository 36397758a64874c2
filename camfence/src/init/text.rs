//! The text of a first configuration, with comments that say where it comes from.

use std::{collections::BTreeSet, path::Path};

use ipnet::IpNet;
use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, value};

use super::place::Candidate;
use crate::{
    config::{Config, ConfigError},
    discover::{Discovery, Site, likeness::Likeness, report::Found},
    printable::Printable,
};

/// Cameras that are written; more can hardly be there, and a device can make them up.
pub const MAX_CAMERAS: usize = 128;
/// Others that are named in comments.
pub const MAX_OTHERS: usize = 50;
/// Networks that are written under `local`.
const MAX_NETWORKS: usize = 16;
/// Ports that are named in a comment.
const MAX_PORTS: usize = 8;

const HEAD: [&str; 4] = [
    "The configuration of camfence, as `camfence init` found things.",
    "Every key is in the README and in docs/policy.md.",
    "After a change: `camfence check`, then `camfence reload`.",
    "",
];

/// The text, which has been read again and is a configuration.
pub fn configuration(
    path: &Path,
    site: &Site,
    chosen: &[&Candidate],
    discovery: &Discovery,
) -> Result<String, ConfigError> {
    let (cameras, others) = sorted(discovery);
    let mut document = DocumentMut::new();
    document.insert("fence", Item::Table(fence(site, chosen)));
    if !cameras.is_empty() {
        let tables: ArrayOfTables = cameras.iter().map(|found| camera(found)).collect();
        document.insert("camera", Item::ArrayOfTables(tables));
    }
    document.set_trailing(tail(&others, cameras.is_empty()));
    let text = document.to_string();
    Config::parse(path, &text).map(|_| text)
}

/// What is written as a camera, and everybody else.
fn sorted(discovery: &Discovery) -> (Vec<&Found>, Vec<&Found>) {
    let (mut cameras, others): (Vec<&Found>, Vec<&Found>) =
        discovery.sources.iter().partition(|found| found.looks_like_one());
    let beyond = cameras.split_off(cameras.len().min(MAX_CAMERAS));
    (cameras, [beyond, others].concat())
}

fn fence(site: &Site, chosen: &[&Candidate]) -> Table {
    let mut fence = Table::new();
    fence.decor_mut().set_prefix(comment(HEAD));
    let names: Array = chosen.iter().map(|one| one.name.as_str()).collect();
    fence.insert("interfaces", value(names));
    explain(&mut fence, "interfaces", chosen.iter().map(|one| what_it_is(one)));
    let networks = networks(site, chosen);
    if networks.is_empty() {
        let note = "No network of theirs is known: cameras may talk to all private networks.";
        fence.decor_mut().set_suffix(format!("\n{}", comment([note]).trim_end()));
        return fence;
    }
    let mut local: Array = networks.iter().map(ToString::to_string).collect();
    local.push("auto");
    fence.insert("local", value(local));
    let about = [
        "What cameras may talk to. \"auto\" is the networks that these interfaces have, as they change.",
    ];
    explain(&mut fence, "local", about.map(String::from));
    fence
}

/// The networks on the links of what is fenced.
fn networks(site: &Site, chosen: &[&Candidate]) -> BTreeSet<IpNet> {
    let ports = chosen.iter().flat_map(|one| &one.ports);
    let near: Vec<IpNet> = ports.flat_map(|port| site.near(port)).map(|net| net.trunc()).collect();
    IpNet::aggregate(&near).into_iter().take(MAX_NETWORKS).collect()
}

fn what_it_is(one: &Candidate) -> String {
    let ports: Vec<&str> = one.ports.iter().map(|port| port.name.as_str()).collect();
    let (shown, more) = ports.split_at(ports.len().min(MAX_PORTS));
    let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
    let ports = match one.ports.as_slice() {
        [port] if port.name == one.name => String::new(),
        _ => format!("; its ports are fenced, now {}{more}", shown.join(", ")),
    };
    let uplink = if one.uplink { ", and the way to the internet" } else { "" };
    format!("{} is {}{uplink}{ports}", one.name, one.sort.as_str())
}

fn camera(found: &Found) -> Table {
    let mut table = Table::new();
    table.decor_mut().set_prefix(format!("\n{}", comment([about(found)])));
    table.insert("mac", value(found.mac.to_string()));
    table.insert("name", value(found.suggested_name.as_deref().unwrap_or_default()));
    table
}

/// Everything that is not written as a camera, and what could be next.
fn tail(others: &[&Found], no_cameras: bool) -> String {
    let mut lines = vec![String::new()];
    if no_cameras {
        lines.push("Nothing looked like a camera. To add one, also while the fence stands:".into());
        lines.push("    camfence add b0:c5:54:25:5b:0e --name driveway".into());
        lines.push(String::new());
    }
    if !others.is_empty() {
        lines.push(
            "Also found. They pass as before; `camfence add MAC --name NAME` makes one a camera:"
                .into(),
        );
        lines.extend(
            others
                .iter()
                .take(MAX_OTHERS)
                .map(|found| format!("    {} {}", found.mac, about(found))),
        );
        let hidden = others.len().saturating_sub(MAX_OTHERS);
        if hidden > 0 {
            lines.push(format!("    and {hidden} more; `camfence discover --json` lists them"));
        }
        lines.push(String::new());
    }
    lines.push("To serve metrics for Prometheus:".into());
    lines.push("    [metrics]".into());
    lines.push("    listen = \"127.0.0.1:9477\"".into());
    let text = comment(lines);
    // The first line is blank, and no comment.
    text.strip_prefix('#').map(ToString::to_string).unwrap_or(text)
}

/// "camera (ONVIF, vendor), Hangzhou …, 192.168.1.31, ipcam, on port-a".
fn about(found: &Found) -> String {
    let signs = if found.signs.is_empty() {
        String::new()
    } else {
        format!(" ({})", found.signs.join(", "))
    };
    let likeness = match found.likeness {
        Likeness::No => "no camera by what is known".to_string(),
        likeness => format!("{likeness}{signs}"),
    };
    let vendor = match &found.vendor {
        Some(vendor) => Some(vendor.to_string()),
        None => found.private.then(|| "private (randomised) MAC".to_string()),
    };
    let address = found.addresses.first().map(ToString::to_string);
    let hostname = found.hostnames.first().map(ToString::to_string);
    let port = found.interfaces.first().map(|port| format!("on {port}"));
    let parts = [Some(likeness), vendor, address, hostname, port];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn explain(table: &mut Table, key: &str, lines: impl IntoIterator<Item = String>) {
    if let Some(mut key) = table.key_mut(key) {
        key.leaf_decor_mut().set_prefix(comment(lines));
    }
}

/// Lines of comment. TOML allows no control characters there, and names of interfaces can have them.
fn comment<T: AsRef<str>>(lines: impl IntoIterator<Item = T>) -> String {
    let line = |line: T| match line.as_ref() {
        "" => "#\n".to_string(),
        text => format!("# {}\n", one_line(text)),
    };
    lines.into_iter().map(line).collect()
}

/// Written out piece by piece, as what is written out at once is cut.
fn one_line(text: &str) -> String {
    let pieces = text.split(' ').map(|word| Printable::from(word).to_string());
    pieces.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
