//! What guests are emulated as.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use crate::{
    archive::{self, Archive, make_whole},
    cross,
    run::show,
};

/// What a system of another architecture has that guests run, with what that needs.
const PACKAGES: [&str; 3] = ["busybox-static", "iproute2", "util-linux"];

/// An architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Machine {
    Amd64,
    Arm64,
}

impl Machine {
    /// Debian's name of it.
    pub(crate) const fn debian(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => cross::ARCHITECTURE,
        }
    }

    /// Its emulator.
    pub(crate) const fn qemu(self) -> &'static str {
        match self {
            Self::Amd64 => "qemu-system-x86_64",
            Self::Arm64 => "qemu-system-aarch64",
        }
    }

    /// Debian's package of its emulator.
    pub(crate) const fn package(self) -> &'static str {
        match self {
            Self::Amd64 => "qemu-system-x86",
            Self::Arm64 => "qemu-system-arm",
        }
    }

    /// The machine and its processor. With `Nehalem` loading a program takes half as long as with
    /// `max`, whose features have to be emulated too.
    pub(crate) const fn hardware(self) -> [&'static str; 4] {
        match self {
            Self::Amd64 => ["-machine", "q35", "-cpu", "Nehalem"],
            Self::Arm64 => ["-machine", "virt,gic-version=3", "-cpu", "cortex-a57"],
        }
    }

    /// The devices that a guest writes results to; qemu's end of them is the chardev `results`.
    pub(crate) const fn results(self) -> &'static [&'static str] {
        match self {
            Self::Amd64 => &["-device", "isa-serial,chardev=results,index=1"],
            // It has one serial port.
            Self::Arm64 => {
                &["-device", "virtio-serial-pci", "-device", "virtconsole,chardev=results"]
            }
        }
    }

    /// Modules that labs take, and that frames and results pass through. Those that a kernel has
    /// built in cost nothing.
    pub(crate) const fn modules(self) -> &'static [&'static str] {
        match self {
            Self::Amd64 => &[
                "veth",
                "bridge",
                "8021q",
                "dummy",
                "bonding",
                "sch_ingress",
                "cls_bpf",
                "macvlan",
                "virtio_net",
            ],
            // Debian's cloud kernel for it has no bonds, and no macvlan.
            Self::Arm64 => &["veth", "bridge", "8021q", "dummy", "sch_ingress", "cls_bpf"],
        }
    }

    /// The root of a system whose programs are for it: this one, or one that is unpacked.
    pub(crate) fn system(self, directory: &Path) -> Result<PathBuf> {
        if self == Self::Amd64 {
            return Ok("/".into());
        }
        let codename = archive::codename()?;
        let system = directory.join(format!("{codename}-{}", self.debian()));
        make_whole(&system, |system| {
            println!("vm: unpacking what a guest runs, for {}", self.debian());
            let apt = directory.join(format!("apt-{codename}-{}", self.debian()));
            Archive::of_release(&apt, self.debian())?.unpack_with_needs(&PACKAGES, system)
        })?;
        Ok(system)
    }

    /// Copies a program without its debugging information: a tenth of the size.
    pub(crate) fn strip(self, program: &Path, to: &Path) -> Result<()> {
        match self {
            Self::Amd64 => show(Command::new("strip").arg("-o").arg(to).arg(program)),
            Self::Arm64 => cross::strip(program, to),
        }
    }

    /// The kernel's parameters that name the console, and to its init the results.
    pub(crate) const fn parameters(self) -> &'static str {
        match self {
            Self::Amd64 => "console=ttyS0 results=ttyS1",
            Self::Arm64 => "console=ttyAMA0 results=hvc0",
        }
    }
}
