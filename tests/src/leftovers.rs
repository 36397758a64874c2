//! What a killed run left behind.
//!
//! A test that is killed drops nothing. Everything the lab makes therefore carries the id of
//! the process that made it in its name, `cf-LABEL-PID-HEX`, and the first namespace of the
//! next run removes what belongs to processes that are gone.

use std::ffi::OsStr;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::sync::Once;
use std::{fs, io};

use nix::mount::{MntFlags, umount2};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// Where `ip netns` keeps its namespaces.
pub(crate) const NETNS_DIR: &str = "/run/netns";

/// The longest label that is kept; the rest of a longer one is cut off.
const LABEL_MAX: usize = 40;

/// A name that no other process, test or earlier run has.
pub(crate) fn unique_name(label: &str) -> String {
    let label: String = label
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(LABEL_MAX)
        .collect();
    // Every RandomState has a key of its own.
    let random = RandomState::new().hash_one(&label) & 0xffff_ffff;
    format!("cf-{label}-{}-{random:08x}", process::id())
}

/// An empty directory of such a name, gone when dropped.
pub(crate) fn temp_dir(label: &str) -> io::Result<TempDir> {
    tempfile::Builder::new().prefix(&unique_name(label)).rand_bytes(0).tempdir()
}

/// Removes what dead processes left, once per process. Failures are of no interest: another
/// process may be sweeping too.
pub(crate) fn sweep() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for path in orphans(Path::new(NETNS_DIR)) {
            remove_namespace(&path);
        }
        for path in orphans(&std::env::temp_dir()) {
            let _ = umount2(&path, MntFlags::MNT_DETACH);
            let _ = fs::remove_dir_all(&path);
        }
    });
}

fn orphans(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    entries
        .flatten()
        .filter(|entry| creator(&entry.file_name()).is_some_and(|pid| !is_alive(pid)))
        .map(|entry| entry.path())
        .collect()
}

/// The process that made the thing of this name, if the lab made it.
fn creator(name: &OsStr) -> Option<i32> {
    let name = name.to_str()?.strip_prefix("cf-")?;
    let mut parts = name.rsplit('-');
    let is_hex = |part: &str| part.len() == 8 && part.bytes().all(|b| b.is_ascii_hexdigit());
    parts.next().filter(|part| is_hex(part))?;
    parts.next()?.parse().ok()
}

fn is_alive(pid: i32) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
}

/// Ends whatever still runs in the namespace (a daemon that a killed test had started), then
/// removes its name.
fn remove_namespace(path: &Path) {
    let Some(name) = path.file_name() else { return };
    if let Ok(pids) = Command::new("ip").args(["netns", "pids"]).arg(name).output() {
        for pid in String::from_utf8_lossy(&pids.stdout).lines().flat_map(str::parse) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
    unname(path);
}

/// Takes away a namespace's name; the kernel removes the namespace after its last socket.
pub(crate) fn unname(path: &Path) {
    let _ = umount2(path, MntFlags::MNT_DETACH);
    let _ = fs::remove_file(path);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_who_made_them() {
        let name = unique_name("two words-3");
        assert_eq!(creator(OsStr::new(&name)), i32::try_from(process::id()).ok());
        assert_ne!(name, unique_name("two words-3"));
    }

    #[test]
    fn other_names_are_left_alone() {
        for name in ["cf-probe", "cf-a-b-c", "cf-a-12-zzzzzzzz", "dhcp-1-00000000"] {
            assert_eq!(creator(OsStr::new(name)), None, "{name}");
        }
    }
}
