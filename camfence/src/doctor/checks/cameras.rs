//! The cameras of the configuration, and those in the kernel.

use camfence_common::mac::Mac;

use super::counted;
use crate::{
    config::{Config, Mode},
    doctor::{
        finding::{Outcome, Trouble},
        seen::{Looked, Seen},
    },
};

/// A fence has little room left when as many hundredths are taken.
const NEARLY_FULL: usize = 90;

/// What a MAC is called.
fn name(config: &Config, mac: Mac) -> String {
    let camera = config.cameras.iter().find(|camera| camera.mac == mac);
    camera.map_or_else(|| mac.to_string(), |camera| camera.name.clone())
}

pub(in super::super) fn missing(seen: &Seen) -> Looked<Outcome> {
    let (up, config) = (seen.up()?, seen.config()?);
    let live = |mac| up.cameras.iter().any(|camera| camera.mac == mac);
    let missing = config.cameras.iter().filter(|camera| !live(camera.mac));
    let troubles = missing.map(|camera| {
        let seen = format!("{} is configured and not in the fence", camera.mac);
        Trouble::failure(seen, "`camfence reload`").of(&camera.name)
    });
    Outcome::of(troubles, "every configured camera is in the fence")
}

pub(in super::super) fn left(seen: &Seen) -> Looked<Outcome> {
    let (up, config) = (seen.up()?, seen.config()?);
    let known = |mac| config.cameras.iter().any(|camera| camera.mac == mac);
    let left = up.cameras.iter().filter(|camera| !known(camera.mac));
    let troubles = left.map(|camera| {
        let todo = format!("`camfence add {} --name NAME`, or `camfence reload`", camera.mac);
        let seen = "in the fence, but not in the configuration: a reload lets it out";
        Trouble::warning(seen, todo).of(camera.mac.to_string())
    });
    Outcome::of(troubles, "every camera in the fence is configured")
}

pub(in super::super) fn policy(seen: &Seen) -> Looked<Outcome> {
    let (up, config) = (seen.up()?, seen.config()?);
    let same_cameras = up.cameras.len() == config.cameras.len()
        && up.cameras.iter().all(|live| config.cameras.iter().any(|c| c.mac == live.mac));
    // Cameras that come or go have checks of their own.
    if up.policy_is_current.clone()? || !same_cameras {
        return Outcome::fine("the kernel judges by the configuration");
    }
    Outcome::one(Trouble::warning(
        "the kernel's policy is not the configuration's, or not that of today's networks",
        "`camfence reload`",
    ))
}

pub(in super::super) fn room(seen: &Seen) -> Looked<Outcome> {
    let (up, config) = (seen.up()?, seen.config()?);
    let (wanted, count) = (config.fence.max_cameras, config.cameras.len());
    if up.max_cameras != wanted {
        let room = up.max_cameras;
        return Outcome::one(Trouble::warning(
            format!("the fence has room for {room} cameras, the configuration says {wanted}"),
            "`camfence up`; until then changes may be refused",
        ));
    }
    if up.ledger_entries != config.ledger.entries {
        let (room, wanted) = (up.ledger_entries, config.ledger.entries);
        return Outcome::one(Trouble::warning(
            format!("the ledger has room for {room} flows, the configuration says {wanted}"),
            "`camfence reload`; everything is carried over",
        ));
    }
    let taken = format!("{count} of {wanted} places are taken");
    if count * 100 >= wanted as usize * NEARLY_FULL {
        return Outcome::one(Trouble::warning(taken, "raise max_cameras, then `camfence up`"));
    }
    Outcome::fine(taken)
}

pub(in super::super) fn audit(seen: &Seen) -> Looked<Outcome> {
    let config = seen.config()?;
    if config.fence.mode == Mode::Audit {
        return Outcome::one(Trouble::warning(
            "mode = \"audit\" in [fence]: what would be dropped is counted, and passes",
            "mode = \"enforce\", then `camfence reload`, when you have seen enough",
        ));
    }
    let configured = config.cameras.iter().filter(|camera| camera.mode == Mode::Audit);
    let mut audited: Vec<Mac> = configured.map(|camera| camera.mac).collect();
    if let Ok(up) = seen.up() {
        let live = up.cameras.iter().filter(|camera| camera.mode == Mode::Audit);
        audited.extend(
            live.map(|camera| camera.mac).filter(|mac| !audited.contains(mac)).collect::<Vec<_>>(),
        );
    }
    let troubles = audited.into_iter().map(|mac| {
        let seen = "in audit: what would be dropped is counted, and passes";
        Trouble::warning(seen, "take its mode = \"audit\" out, then `camfence reload`")
            .of(name(config, mac))
    });
    Outcome::of(troubles, "verdicts are carried out")
}

pub(in super::super) fn opened(seen: &Seen) -> Looked<Outcome> {
    let up = seen.up()?;
    let config = seen.config();
    let troubles = up.cameras.iter().filter_map(|camera| {
        let left = humantime::format_duration(std::time::Duration::from_secs(
            camera.opened?.as_secs().max(1),
        ));
        let name = config.as_ref().map_or_else(|_| camera.mac.to_string(), |c| name(c, camera.mac));
        let seen = format!("open: everything of it passes for {left} more");
        let todo = format!("`camfence close {name}`, or wait");
        Some(Trouble::warning(seen, todo).of(name))
    });
    Outcome::of(troubles, format!("open for none of {}", counted(up.cameras.len(), "camera")))
}
