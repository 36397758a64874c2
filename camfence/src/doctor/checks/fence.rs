//! What stands, and whether it does what it is there for.

use camfence_common::reason::Direction;

use super::counted;
use crate::{
    doctor::{
        finding::{Outcome, Trouble},
        seen::{Daemon, Fence, Looked, Port, Programs, Seen},
    },
    policy::topology,
};

pub(in super::super) fn stands(seen: &Seen) -> Looked<Outcome> {
    if matches!(seen.fence, Ok(Fence::Down)) {
        return Outcome::one(Trouble::failure(
            format!("no fence stands under {}", seen.root.path.display()),
            "`camfence up` puts it up, `camfence run` keeps it in shape; see the log for why not",
        ));
    }
    let up = seen.up()?;
    Outcome::fine(format!("stands: {} in it", counted(up.cameras.len(), "camera")))
}

pub(in super::super) fn other_version(seen: &Seen) -> Looked<Outcome> {
    match seen.fence.as_ref().map_err(Clone::clone)? {
        Fence::OtherVersion { what } => Outcome::one(Trouble::failure(
            what,
            "use the camfence that put it up, or `camfence up` with this one",
        )),
        Fence::Down | Fence::Up(_) => Outcome::fine("nothing of another version is there"),
    }
}

/// Whether verdicts are carried out for anybody has a check of its own: audit.
pub(in super::super) fn enforcing(seen: &Seen) -> Looked<Outcome> {
    let up = seen.up()?;
    seen.config()?;
    let present = up.ports.iter().filter(|port| port.ifindex.is_some());
    let troubles = present.flat_map(|port| {
        let unattached = Direction::ALL.into_iter();
        let unattached = unattached.filter(|direction| port.attached[direction.index()].is_none());
        let directions: Vec<&str> = unattached.map(Direction::name).collect();
        let frames = format!("{} frames are not judged on this port", directions.join(" and "));
        let unattached = (!directions.is_empty()).then(|| not_enforcing(port, frames));
        let doubts = Direction::ALL.into_iter().filter_map(|direction| {
            let doubt = port.doubt[direction.index()].as_ref()?;
            port.attached[direction.index()]?;
            Some(not_enforcing(port, format!("{}: {doubt}", direction.name())))
        });
        unattached.into_iter().chain(doubts).collect::<Vec<_>>()
    });
    let ports = counted(up.ports.len(), "port");
    Outcome::of(troubles, format!("{ports}, both directions, tried with a canary's frame"))
}

fn not_enforcing(port: &Port, seen: String) -> Trouble {
    let todo = "`camfence up`; `camfence run` does it by itself when ports come back";
    Trouble::failure(seen, todo).on(&port.name)
}

pub(in super::super) fn hook(seen: &Seen) -> Looked<Outcome> {
    let (up, config, network) = (seen.up()?, seen.config()?, seen.network()?);
    let links = network.links();
    let mut troubles = Vec::new();
    for port in &up.ports {
        let Some(attached) = port.attached[Direction::Outbound.index()] else { continue };
        let Some(link) = links.iter().find(|link| Some(link.index) == port.ifindex) else {
            continue;
        };
        let asked = topology::settings(config, link, &links).0;
        let hooks = topology::hooks(asked, link.kind);
        let got = format!("{} {}", attached.hook.name(), attached.mode.name());
        if !hooks.contains(&attached.hook) {
            let seen = format!("has {got}, the configuration says {asked}");
            troubles.push(Trouble::warning(seen, "`camfence reload`").on(&port.name));
        } else if hooks.first() != Some(&attached.hook) {
            let seen = format!("has {got}: the driver has no XDP that could be used");
            troubles.push(Trouble::info(seen, "nothing: TC judges the same").on(&port.name));
        }
    }
    Outcome::of(troubles, "each port has the hook that is asked for")
}

pub(in super::super) fn outdated(seen: &Seen) -> Looked<Outcome> {
    seen.up()?;
    if let Programs::Refused { .. } = seen.system.programs.as_ref().map_err(Clone::clone)? {
        return Err("the kernel does not take this version's programs".into());
    }
    if !matches!(seen.system.programs, Ok(Programs::Taken { pinned: Some(false), .. })) {
        return Outcome::fine("the loaded programs are this version's");
    }
    Outcome::one(Trouble::warning(
        "the kernel runs another build's programs than this camfence has",
        "`camfence up`, or restart the service: programs are replaced without a gap",
    ))
}

pub(in super::super) fn stale_links(seen: &Seen) -> Looked<Outcome> {
    let (up, network) = (seen.up()?, seen.network()?);
    let gone = up.linked.iter().filter(|index| network.interface(**index).is_none());
    let trouble = |index: &u32| {
        let todo = "`camfence reload` removes it and fences what has taken the interface's place";
        let seen = "a link is pinned of an interface that is gone: it enforces nothing";
        Trouble::warning(seen, todo).on(format!("interface {index}"))
    };
    Outcome::of(gone.map(trouble), "every pinned link has its interface")
}

pub(in super::super) fn daemon(seen: &Seen) -> Looked<Outcome> {
    match seen.daemon.as_ref().map_err(Clone::clone)? {
        Daemon::Runs => Outcome::fine("`camfence run` answers"),
        Daemon::Refuses { why } => {
            let todo = "name the daemon's configuration with --config, or restart the service";
            Outcome::one(Trouble::warning(format!("the daemon says: {why}"), todo))
        }
        Daemon::Absent => Outcome::one(Trouble::warning(
            "no `camfence run` serves this pin root: ports that come or come back stay open",
            "start it (systemctl enable --now camfence), or run `camfence up` at each change",
        )),
    }
}
