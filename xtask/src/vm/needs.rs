//! What guests take of this system, installed when it is missing.

use std::path::Path;

use anyhow::{Result, ensure};

use super::machine::Machine;
use crate::{
    apt,
    archive::{Archive, codename},
    run::on_path,
};

/// Programs that are run, and Debian's packages that have them.
const PROGRAMS: [(&str, &str); 9] = [
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

/// Installs what is missing to emulate these machines; `directory` is for apt's files.
pub(crate) fn install(machines: &[Machine], directory: &Path) -> Result<()> {
    let missing = missing(machines);
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
    let left = self::missing(machines);
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

fn missing(machines: &[Machine]) -> Vec<&'static str> {
    let emulators = machines.iter().map(|machine| (machine.qemu(), machine.package()));
    let programs = PROGRAMS.into_iter().chain(emulators).filter(|(program, _)| !on_path(program));
    let keyring = Some(KEYRING).filter(|(file, _)| !Path::new(file).exists());
    programs.chain(keyring).map(|(_, package)| package).collect()
}
