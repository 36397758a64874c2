//! What guests take of this system, installed when it is missing.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};

use super::archive::Archive;
use crate::{apt, run::on_path};

/// Programs that are run, and Debian's packages that have them.
const PROGRAMS: [(&str, &str); 10] = [
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("busybox", "busybox-static"),
    ("modprobe", "kmod"),
    ("cpio", "cpio"),
    ("xz", "xz-utils"),
    ("strip", "binutils"),
    ("ip", "iproute2"),
    ("nsenter", "util-linux"),
    ("debootstrap", "debootstrap"),
    ("mke2fs", "e2fsprogs"),
];
const KEYRING: (&str, &str) =
    ("/usr/share/keyrings/debian-archive-keyring.gpg", "debian-archive-keyring");

/// Installs what is missing; `directory` is for apt's files.
pub(crate) fn install(directory: &Path) -> Result<()> {
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    println!("vm: installing {}: what guests are made of and run on", missing.join(" "));
    ensure!(on_path("apt-get"), "install them by hand, and run this again");
    apt::update()?;
    if let Err(error) = apt::install(&missing) {
        println!("vm: {error:#}: trying with Debian's backports");
        from_backports(&missing, directory)?;
    }
    let left = self::missing();
    ensure!(left.is_empty(), "installed, and still missing: {}", left.join(" "));
    Ok(())
}

/// A machine that has one of qemu's packages from the backports can have the others only from there:
/// apt would remove the one.
fn from_backports(packages: &[&str], directory: &Path) -> Result<()> {
    let codename = codename()?;
    let release = |suffix: &str| format!("{codename}{suffix}");
    let releases = ["", "-updates", "-security", "-backports"].map(release);
    let releases: Vec<_> = releases.iter().map(String::as_str).collect();
    let archive = Archive::of_system(&directory.join("apt-system"), &releases)?;
    archive.install(packages, &release("-backports"))
}

/// The name of this system's release.
pub(crate) fn codename() -> Result<String> {
    let text = fs::read_to_string("/etc/os-release").context("reading /etc/os-release")?;
    let codename = text.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    Ok(codename.context("/etc/os-release names no release")?.trim_matches('"').to_owned())
}

fn missing() -> Vec<&'static str> {
    let programs = PROGRAMS.iter().filter(|(program, _)| !on_path(program));
    let keyring = Some(&KEYRING).filter(|(file, _)| !Path::new(file).exists());
    programs.chain(keyring).map(|(_, package)| *package).collect()
}
