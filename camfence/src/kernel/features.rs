//! What the kernel says of itself and of this process, in `/proc`, `/sys` and system calls.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use camfence_common::limits::MIN_LEDGER_ENTRIES;
use rustix::fs::statfs;

use super::{
    error::KernelError,
    links::are_pinned,
    object::{Object, Options, Room},
    root::{BPF_FS_MAGIC, Root},
};
use crate::doctor::seen::{Looked, PinRoot, Programs, System};

/// The kernel, and who asks it.
pub fn system(root: &Root) -> System {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    System {
        release: rustix::system::uname().release().to_string_lossy().into_owned(),
        btf: Path::new("/sys/kernel/btf/vmlinux").exists(),
        jit_setting: number("/proc/sys/net/core/bpf_jit_enable"),
        unprivileged_bpf_disabled: number("/proc/sys/kernel/unprivileged_bpf_disabled"),
        capabilities: capabilities(),
        wall_clock: since_1970.map_or(0, |time| i64::try_from(time.as_secs()).unwrap_or(i64::MAX)),
        programs: programs(root),
    }
}

fn number(path: &str) -> Option<u8> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// The capabilities in effect.
fn capabilities() -> Looked<u64> {
    let status = fs::read_to_string("/proc/self/status").map_err(|error| error.to_string())?;
    let bits = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let bits = bits.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
    bits.ok_or_else(|| "/proc/self/status has no CapEff".into())
}

/// Loads the programs, attached to nothing, and lets them go.
fn programs(root: &Root) -> Looked<Programs> {
    let least = Room { cameras: 1, flows: MIN_LEDGER_ENTRIES };
    let options = Options::new(least, None);
    let taken = Object::load(&options).and_then(|mut object| {
        let pinned = are_pinned(&mut object, root)?;
        Ok(Programs::Taken { jit: object.is_machine_code()?, pinned })
    });
    match taken {
        Ok(taken) => Ok(taken),
        Err(error @ KernelError::NotPermitted { .. }) => Err(error.to_string()),
        Err(error) => Ok(Programs::Refused { why: error.to_string() }),
    }
}

/// Where the fence is pinned, or would be.
pub fn pin_root(path: &Path) -> PinRoot {
    let existing = path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    let bpffs = statfs(existing)
        .map(|found| u64::try_from(found.f_type).ok() == Some(BPF_FS_MAGIC))
        .map_err(|error| format!("{}: {error}", existing.display()));
    PinRoot { path: path.into(), bpffs }
}

/// What hostapd's configurations say of the isolation of stations, by interface name.
pub fn isolation(interface: &str) -> Option<bool> {
    hostapd_files()
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok())
        .find_map(|text| isolation_in(&text, interface))
}

/// Where distributions and `OpenWrt` keep them.
fn hostapd_files() -> Vec<PathBuf> {
    ["/etc/hostapd", "/run", "/var/run"]
        .iter()
        .filter_map(|directory| fs::read_dir(directory).ok())
        .flat_map(|entries| entries.flatten().map(|entry| entry.path()))
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.ends_with(".conf") && (path.starts_with("/etc") || name.starts_with("hostapd"))
        })
        .collect()
}

/// What a configuration of hostapd says of an interface: none if it is not about it.
fn isolation_in(text: &str, interface: &str) -> Option<bool> {
    let mut isolated = None;
    let mut here = false;
    for (key, value) in text.lines().filter_map(|line| line.trim().split_once('=')) {
        match key {
            // Each begins a network of its own.
            "interface" | "bss" => here = value == interface,
            "ap_isolate" if here => isolated = Some(value == "1"),
            _ => {}
        }
        if here && isolated.is_none() {
            isolated = Some(false);
        }
    }
    isolated
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn isolation_is_that_of_the_network() {
        let text = "# ap_isolate=1\ninterface=wlan0\nssid=home\nbss=wlan0-1\nap_isolate=1\n";
        assert_eq!(isolation_in(text, "wlan0"), Some(false));
        assert_eq!(isolation_in(text, "wlan0-1"), Some(true));
        assert_eq!(isolation_in(text, "wlan1"), None);
        assert_eq!(isolation_in("interface=wlan0\nap_isolate=0\n", "wlan0"), Some(false));
    }
}
