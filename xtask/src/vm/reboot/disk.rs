//! The disk of a Debian system with camfence installed, and what mounts it.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::super::{image, kernel::Kernel};
use crate::{archive, run::show};

/// What the system is made of, besides what every Debian has.
const PACKAGES: &str = "systemd,systemd-sysv,udev,dbus,iproute2,kmod";
const SIZE: &str = "1G";
/// Modules of the disk, and what is loaded before it is mounted.
const MODULES: [&str; 3] = ["virtio_pci", "virtio_blk", "ext4"];

const INIT: &str = include_str!("init.sh");
/// What the system does in each of its lives.
const LIFE: &str = include_str!("life.sh");

const CONFIGURATION: &str = "\
[fence]
interfaces = [\"eth0\", \"eth1\"]
hook = \"tc\"

[[camera]]
mac = \"b0:c5:54:25:5b:0e\"
name = \"driveway\"
";

/// Files of the system.
const FILES: [(&str, &str); 8] = [
    ("etc/camfence/camfence.toml", CONFIGURATION),
    ("etc/fstab", ""),
    ("etc/hostname", "camfence-vm\n"),
    ("etc/systemd/network/10-bridge.netdev", "[NetDev]\nName=br-cam\nKind=bridge\n"),
    ("etc/systemd/network/20-bridge.network", "[Match]\nName=br-cam\n[Network]\nDHCP=no\n"),
    ("etc/systemd/network/30-ports.network", "[Match]\nName=eth*\n[Network]\nBridge=br-cam\n"),
    (
        "etc/systemd/system/life.service",
        "[Unit]\nAfter=network.target systemd-networkd.service\n\
         [Service]\nType=oneshot\nExecStart=/usr/local/sbin/life\n\
         [Install]\nWantedBy=multi-user.target\n",
    ),
    ("usr/local/sbin/life", LIFE),
];

/// Makes the disk. The system without camfence is made once and kept.
pub(crate) fn make(kernel: &Kernel, package: &Path, directory: &Path) -> Result<PathBuf> {
    let root = directory.join("root");
    let _ = fs::remove_dir_all(&root);
    show(Command::new("cp").arg("-a").arg(debian(directory)?).arg(&root))?;
    fs::copy(package, root.join("camfence.deb"))?;
    show(Command::new("chroot").arg(&root).args(["dpkg", "-i", "/camfence.deb"]))?;
    for (path, text) in FILES {
        let path = root.join(path);
        fs::create_dir_all(path.parent().context("a place in the root directory")?)?;
        fs::write(&path, text)?;
    }
    fs::set_permissions(root.join("usr/local/sbin/life"), fs::Permissions::from_mode(0o755))?;
    let modules = kernel.root.join("lib/modules").join(&kernel.release).canonicalize()?;
    fs::create_dir_all(root.join("usr/lib/modules"))?;
    show(Command::new("cp").arg("-a").arg(modules).arg(root.join("usr/lib/modules")))?;
    for service in ["systemd-networkd", "life"] {
        show(Command::new("systemctl").arg("--root").arg(&root).args(["enable", "-q", service]))?;
    }
    let disk = directory.join("disk");
    let _ = fs::remove_file(&disk);
    show(Command::new("mke2fs").args(["-q", "-t", "ext4", "-d"]).arg(&root).arg(&disk).arg(SIZE))?;
    fs::remove_dir_all(&root)?;
    Ok(disk)
}

/// A Debian of this system's release, with systemd.
fn debian(directory: &Path) -> Result<PathBuf> {
    let codename = archive::codename()?;
    let root = directory.join(format!("debian-{codename}"));
    if !root.is_dir() {
        println!("vm: making a Debian {codename} with systemd (takes a minute)");
        let unfinished = directory.join("debian-unfinished");
        let _ = fs::remove_dir_all(&unfinished);
        show(
            Command::new("debootstrap")
                .args(["--variant=minbase", &format!("--include={PACKAGES}"), &codename])
                .arg(&unfinished)
                .arg(archive::mirror()?)
                .stdout(fs::File::create(directory.join("debootstrap.log"))?),
        )?;
        let _ = fs::remove_dir_all(unfinished.join("var/cache/apt"));
        fs::rename(&unfinished, &root)?;
    }
    Ok(root)
}

/// What mounts the disk and starts the system on it.
pub(crate) fn initrd(kernel: &Kernel, directory: &Path) -> Result<PathBuf> {
    let root = image::fresh(&directory.join("initrd"))?;
    for place in ["bin", "dev", "proc", "sys", "root"] {
        fs::create_dir(root.join(place))?;
    }
    image::copy_busybox(Path::new("/"), &root)?;
    fs::write(root.join("init"), INIT)?;
    fs::set_permissions(root.join("init"), fs::Permissions::from_mode(0o755))?;
    image::put_modules(kernel, &MODULES, &root)?;
    image::pack(&root, &directory.join("initrd.cpio"))
}
