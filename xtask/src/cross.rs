//! Building for 64-bit ARM, a Raspberry Pi's, on another machine.
//!
//! With rustup's target if it is installed, else with Debian's compiler and Debian's standard library
//! for arm64, which is unpacked and not installed: dpkg would want the whole of arm64.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{
    apt,
    archive::{Archive, make_whole},
    run::{cargo, show, target_directory},
    setup,
};

/// The target, as Rust names it and as Debian does.
pub(crate) const TARGET: &str = "aarch64-unknown-linux-gnu";
pub(crate) const ARCHITECTURE: &str = "arm64";
/// The standard library.
const LIBRARY: &str = "libstd-rust-web-dev";
/// The compiler that it belongs to.
const RUSTC: (&str, &str) = ("/usr/bin/rustc", "rustc-web");
/// A linker, and the C library to link.
const LINKER: &str = "aarch64-linux-gnu-gcc";
const PACKAGES: [&str; 2] = ["gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross"];

/// What builds for [`TARGET`].
pub(crate) struct Cross {
    /// Where Debian's standard library is unpacked; none if rustup has one.
    sysroot: Option<PathBuf>,
    directory: PathBuf,
}

impl Cross {
    /// Brings what is missing.
    pub(crate) fn obtain() -> Result<Self> {
        setup::run()?;
        if !apt::installed(&PACKAGES) {
            println!("cross: installing {}: a linker for {ARCHITECTURE}", PACKAGES.join(" "));
            apt::update()?;
            apt::install(&PACKAGES)?;
        }
        let directory = target_directory()?.join(ARCHITECTURE);
        let sysroot = if rustup_has_it() { None } else { Some(debian(&directory)?) };
        Ok(Self { sysroot, directory })
    }

    /// cargo, which with `command` builds for [`TARGET`].
    pub(crate) fn cargo(&self, command: &str) -> Command {
        let mut cargo = cargo();
        cargo.args([command, "--target", TARGET, "--target-dir"]).arg(&self.directory);
        cargo.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", LINKER);
        if let Some(sysroot) = &self.sysroot {
            let flags = format!("--sysroot={}", sysroot.display());
            cargo.env("RUSTC", RUSTC.0);
            cargo.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS", flags);
        }
        cargo
    }

    /// Builds camfence and says where it is.
    pub(crate) fn camfence(&self, release: bool) -> Result<PathBuf> {
        let (profile, directory) = if release { ("release", "release") } else { ("dev", "debug") };
        show(self.cargo("build").args(["--package", "camfence", "--profile", profile]))?;
        Ok(self.directory.join(TARGET).join(directory).join("camfence"))
    }
}

/// Copies a program for [`TARGET`] without its debugging information.
pub(crate) fn strip(program: &Path, to: &Path) -> Result<()> {
    show(Command::new("aarch64-linux-gnu-strip").arg("-o").arg(to).arg(program))
}

/// Whether the compiler that cargo takes has the target.
fn rustup_has_it() -> bool {
    let print = ["--print", "target-libdir", "--target", TARGET];
    let output = Command::new("rustc").args(print).output();
    output.is_ok_and(|output| Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir())
}

/// Unpacks Debian's standard library, in the version of the compiler that is installed.
fn debian(directory: &Path) -> Result<PathBuf> {
    let (rustc, package) = RUSTC;
    let version = apt::version(package)?.with_context(|| {
        format!("{rustc} is not Debian's {package}: run `rustup target add {TARGET}`")
    })?;
    let sysroot = directory.join(format!("sysroot-{version}"));
    make_whole(&sysroot, |sysroot| {
        println!("cross: unpacking {LIBRARY} {version} for {ARCHITECTURE}");
        let archive = Archive::of_release(&directory.join("apt"), ARCHITECTURE)?;
        let found = archive.versions(LIBRARY)?.into_iter().find(|found| found.version == version);
        let found = found.with_context(|| format!("Debian has no {LIBRARY} {version}"))?;
        archive.unpack(&[found], sysroot)
    })?;
    Ok(sysroot.join("usr"))
}
