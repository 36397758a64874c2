//! The kernel, and who asks it.

use std::path::Path;

use crate::doctor::{
    finding::{Outcome, Trouble},
    seen::{Looked, Programs, Seen},
};

/// The oldest kernel that camfence runs on.
const OLDEST: (u32, u32) = (5, 10);
/// The first with TCX, and with XDP programs for frames in several buffers.
const TCX: (u32, u32) = (6, 6);
pub(super) const XDP_FRAGS: (u32, u32) = (5, 18);

/// The capabilities that looking and changing take, as `linux/capability.h` numbers them.
const NEEDED: [(u32, &str); 3] = [(12, "CAP_NET_ADMIN"), (38, "CAP_PERFMON"), (39, "CAP_BPF")];
/// `CAP_SYS_ADMIN`, which stands in for `CAP_BPF` and `CAP_PERFMON`.
const SYS_ADMIN: u32 = 21;

/// 2026-01-01: this version is not older, and so no clock that is right says less.
const NOT_BEFORE: i64 = 1_767_225_600;

/// Kernel version numbers out of `uname -r`.
pub(super) fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

pub(in super::super) fn kernel(seen: &Seen) -> Looked<Outcome> {
    let release = &seen.system.release;
    let version = version(release).ok_or_else(|| format!("no version number in {release:?}"))?;
    if version < OLDEST {
        return Outcome::one(Trouble::failure(
            format!("Linux {release}: too old"),
            "install Linux 5.10 or later",
        ));
    }
    let has = |first, what| if version >= first { what } else { "" };
    Outcome::fine(format!(
        "Linux {release}{}{}",
        has(TCX, ", TCX"),
        has(XDP_FRAGS, ", XDP for jumbo frames")
    ))
}

pub(in super::super) fn programs(seen: &Seen) -> Looked<Outcome> {
    match seen.system.programs.as_ref().map_err(Clone::clone)? {
        Programs::Taken { .. } => Outcome::fine("the kernel takes this version's programs"),
        Programs::Refused { why } => Outcome::one(Trouble::failure(
            why,
            "Linux 5.10 or later with CONFIG_BPF_SYSCALL, CONFIG_NET_CLS_ACT and \
             CONFIG_NET_CLS_BPF takes them; if yours is, report it",
        )),
    }
}

pub(in super::super) fn btf(seen: &Seen) -> Looked<Outcome> {
    if seen.system.btf {
        return Outcome::fine("/sys/kernel/btf/vmlinux is there");
    }
    Outcome::one(Trouble::info(
        "there is no /sys/kernel/btf/vmlinux",
        "nothing for camfence; other BPF tools may want a kernel with CONFIG_DEBUG_INFO_BTF",
    ))
}

/// What the kernel made of the programs says more than the setting, which is for the next load.
pub(in super::super) fn jit(seen: &Seen) -> Looked<Outcome> {
    let setting = seen.system.jit_setting;
    let on = match (&seen.system.programs, setting) {
        (Ok(Programs::Taken { jit, .. }), _) => *jit,
        (_, Some(setting)) => setting != 0,
        (Ok(Programs::Refused { .. }), None) => return Err("no program could be loaded".into()),
        (Err(why), None) => return Err(why.clone()),
    };
    if on {
        return Outcome::fine("programs run as machine code");
    }
    let set = setting.map_or_else(String::new, |set| format!("net.core.bpf_jit_enable = {set}: "));
    Outcome::one(Trouble::warning(
        format!("{set}programs are interpreted, several times as slow"),
        "sysctl -w net.core.bpf_jit_enable=1 (and in /etc/sysctl.d), then `camfence down` and `up`",
    ))
}

pub(in super::super) fn unprivileged_bpf(seen: &Seen) -> Looked<Outcome> {
    match seen.system.unprivileged_bpf_disabled {
        None => Err("there is no kernel.unprivileged_bpf_disabled here".into()),
        Some(0) => Outcome::one(Trouble::info(
            "kernel.unprivileged_bpf_disabled = 0: any user may load some kinds of programs",
            "sysctl -w kernel.unprivileged_bpf_disabled=2 (and in /etc/sysctl.d)",
        )),
        Some(set) => Outcome::fine(format!("kernel.unprivileged_bpf_disabled = {set}")),
    }
}

pub(in super::super) fn bpffs(seen: &Seen) -> Looked<Outcome> {
    let path = seen.root.path.display();
    if seen.root.bpffs.clone()? {
        return Outcome::fine(format!("{path} is on a BPF file system"));
    }
    let usual = seen.root.path.starts_with(Path::new("/sys/fs/bpf"));
    Outcome::one(Trouble::failure(
        format!("{path} is not on a BPF file system: no fence can be pinned there"),
        if usual { "mount -t bpf bpf /sys/fs/bpf" } else { "name a place on one with --bpffs" },
    ))
}

pub(in super::super) fn privileges(seen: &Seen) -> Looked<Outcome> {
    let held = seen.system.capabilities.clone()?;
    let has = |bit: u32| held & (1 << bit) != 0;
    let missing: Vec<&str> = NEEDED
        .into_iter()
        .filter(|(bit, _)| !has(*bit) && (*bit < SYS_ADMIN || !has(SYS_ADMIN)))
        .map(|(_, name)| name)
        .collect();
    if missing.is_empty() {
        return Outcome::fine("all that it takes");
    }
    Outcome::one(Trouble::unknown(
        format!("without {}, much cannot be seen", missing.join(", ")),
        "run it as root",
    ))
}

pub(in super::super) fn clock(seen: &Seen) -> Looked<Outcome> {
    let now = std::time::UNIX_EPOCH
        + std::time::Duration::from_secs(seen.system.wall_clock.try_into().unwrap_or(0));
    let now = humantime::format_rfc3339_seconds(now);
    if seen.system.wall_clock >= NOT_BEFORE {
        return Outcome::fine(format!("{now}"));
    }
    Outcome::one(Trouble::warning(
        format!("{now} is before this version was made"),
        "set the clock, by NTP; the fence does not use it, but logs, metrics, and cameras that \
         ask this host do",
    ))
}
