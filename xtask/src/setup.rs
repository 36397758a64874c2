//! `cargo xtask setup`: installs what building, testing and linting take.
//!
//! What is there is judged by what works rather than by which packages are installed, so that
//! rustup's nightly with `rust-src` and a bpf-linker from anywhere serve as well as Debian's.

use std::{path::PathBuf, process::Command};

use anyhow::{Result, anyhow, bail, ensure};

use crate::{
    apt,
    run::{cargo, on_path, show, succeeds},
    toolchain::{self, Toolchain},
};

/// Debian packages to install together, and what for.
struct Packages {
    names: &'static [&'static str],
    why: &'static str,
}

const COMPILER: Packages = Packages {
    names: &["rustc-web", "libstd-rust-web-dev-bpf"],
    why: "a Rust compiler with a core library for BPF, which rustup's stable has not",
};
const CLIPPY: Packages =
    Packages { names: &["rust-web-clippy"], why: "that compiler's clippy, for the lint" };
const LLVM: Packages = Packages {
    names: &["llvm-22-dev", "libpolly-22-dev", "zlib1g-dev", "libzstd-dev"],
    why: "that compiler's LLVM, which bpf-linker is built against",
};
const IPROUTE2: Packages =
    Packages { names: &["iproute2"], why: "`ip`, with which tests set up network namespaces" };
const BPFTOOL: Packages = Packages {
    names: &["bpftool"],
    why: "with which a test detaches programs behind the fence's back",
};

/// What the benchmark holds camfence against, by a program of each package.
const PEERS: [(&str, &str); 5] = [
    ("xdp-filter", "xdp-tools"),
    ("nft", "nftables"),
    ("ebtables", "ebtables"),
    ("iptables", "iptables"),
    ("iperf3", "iperf3"),
];

const LINKER: &str = "bpf-linker 0.13.0, which links the kernel programs";
/// What builds bpf-linker against [`LLVM`]; without the variables it does not find the library.
const LINKER_VARIABLES: [(&str, &str); 2] =
    [("LLVM_PREFIX", "/usr/lib/llvm-22"), ("RUSTFLAGS", "-L /usr/lib/llvm-22/lib")];
const LINKER_COMMAND: &str = "install bpf-linker --version 0.13.0 --locked --force \
    --no-default-features --features llvm-22";

const CARGO_DEB_VERSION: &str = "3.8.0";

/// What is to be installed.
struct Plan {
    packages: Vec<Packages>,
    linker: bool,
}

/// Installs what is missing, or says how to.
pub(crate) fn run() -> Result<()> {
    let plan = Plan::look();
    if plan.is_empty() {
        eprintln!("setup: nothing to do");
    } else {
        plan.carry_out()?;
        eprintln!("setup: done");
    }
    suggest_components();
    Ok(())
}

/// Installs cargo-deb, which makes the package, unless it is there.
pub(crate) fn cargo_deb() -> Result<()> {
    if succeeds(cargo().args(["deb", "--version"])) {
        return Ok(());
    }
    eprintln!("setup: installing cargo-deb {CARGO_DEB_VERSION}, which makes Debian packages");
    show(
        cargo()
            .args(["install", "cargo-deb", "--version", CARGO_DEB_VERSION, "--locked"])
            .arg("--no-default-features")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .env_remove("CARGO_BUILD_TARGET"),
    )
}

/// Installs what the benchmark holds camfence against, as far as it can be had: what is missing, it
/// leaves out.
pub(crate) fn peers() {
    let missing: Vec<_> = PEERS.iter().filter(|(program, _)| !on_path(program)).collect();
    if !missing.is_empty()
        && let Err(error) = apt::update()
    {
        eprintln!("setup: {error:#}");
    }
    for (program, package) in missing {
        eprintln!("setup: installing {package}, for the benchmark");
        if let Err(error) = apt::install(&[package]) {
            eprintln!("setup: {error:#}: the benchmark has to do without {program}");
        }
    }
}

/// The BPF target for this machine.
pub(crate) fn target() -> &'static str {
    toolchain::target(if cfg!(target_endian = "big") { "big" } else { "little" })
}

/// Where the cargo-clippy of the compiler for BPF would be.
pub(crate) fn bpf_clippy(toolchain: &Toolchain) -> PathBuf {
    toolchain.rustc.with_file_name("cargo-clippy")
}

impl Plan {
    fn look() -> Self {
        let linker = !toolchain::bpf_linker()
            .is_some_and(|linker| succeeds(Command::new(linker).arg("--version")));
        // A linker that is still to be built gets Debian's LLVM, and so needs Debian's compiler.
        let toolchain = Toolchain::find(target()).filter(|found| !(linker && found.build_std));

        let mut packages = Vec::new();
        match toolchain {
            None => packages.extend([COMPILER, CLIPPY]),
            Some(found) if found.rustc.starts_with("/usr/bin") && !bpf_clippy(&found).is_file() => {
                packages.push(CLIPPY);
            }
            Some(_) => {}
        }
        if linker && !apt::installed(LLVM.names) {
            packages.push(LLVM);
        }
        if !on_path("ip") {
            packages.push(IPROUTE2);
        }
        if !on_path("bpftool") {
            packages.push(BPFTOOL);
        }
        Self { packages, linker }
    }

    fn is_empty(&self) -> bool {
        self.packages.is_empty() && !self.linker
    }

    fn names(&self) -> Vec<&'static str> {
        self.packages.iter().flat_map(|packages| packages.names).copied().collect()
    }

    fn carry_out(&self) -> Result<()> {
        if !self.packages.is_empty() {
            self.install_packages()?;
        }
        if self.linker {
            eprintln!("setup: installing {LINKER} (takes a minute)");
            show(
                cargo()
                    .args(LINKER_COMMAND.split_whitespace())
                    .envs(LINKER_VARIABLES)
                    .env_remove("CARGO_ENCODED_RUSTFLAGS")
                    .env_remove("CARGO_BUILD_TARGET"),
            )?;
        }
        verify()
    }

    fn install_packages(&self) -> Result<()> {
        ensure!(
            on_path("apt-get"),
            "setup knows no package manager here but apt-get\n{}",
            by_hand()
        );
        if !rustix::process::geteuid().is_root() {
            self.check_offer()?;
            let commands = debian_commands(&self.names(), self.linker);
            bail!("installing packages needs root; run\n{commands}");
        }
        for Packages { names, why } in &self.packages {
            eprintln!("setup: installing {}: {why}", names.join(" "));
        }
        apt::update()?;
        self.check_offer()?;
        apt::install(&self.names()).map_err(|error| {
            anyhow!(
                "{error:#}; setup removes no package, and Debian's own rustc, rust-clippy and rustup \
                 conflict with rustc-web: remove those, or use rustup's nightly instead\n{}",
                by_hand()
            )
        })
    }

    /// Fails if the system has not all of the packages to offer.
    fn check_offer(&self) -> Result<()> {
        let unavailable = apt::unavailable(&self.names())?;
        ensure!(
            unavailable.is_empty(),
            "this system's package lists have no {}\n{}",
            unavailable.join(", "),
            by_hand()
        );
        Ok(())
    }
}

/// Fails if something is still missing after everything was installed.
fn verify() -> Result<()> {
    let left = Plan::look();
    if left.linker
        && let Some(broken) = toolchain::bpf_linker()
    {
        bail!("{} does not run; remove it and run `cargo xtask setup` again", broken.display());
    }
    ensure!(
        left.is_empty(),
        "installed, and still not usable: {}",
        left.names()
            .into_iter()
            .chain(left.linker.then_some("bpf-linker"))
            .collect::<Vec<_>>()
            .join(", ")
    );
    Ok(())
}

/// Names the components of rustup's that only `cargo xtask lint` needs and that are missing.
fn suggest_components() {
    for (program, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        if !succeeds(cargo().args([program, "--version"])) {
            eprintln!("setup: for `cargo xtask lint`, run `rustup component add {component}`");
        }
    }
    if Toolchain::find(target())
        .is_some_and(|found| found.build_std && !bpf_clippy(&found).is_file())
    {
        eprintln!(
            "setup: for `cargo xtask lint`, run `rustup component add clippy --toolchain nightly`"
        );
    }
}

/// Both ways to a machine that builds camfence, as commands.
fn by_hand() -> String {
    let packages =
        [COMPILER, CLIPPY, LLVM, IPROUTE2, BPFTOOL].map(|packages| packages.names).concat();
    format!(
        "Install what is missing by hand, then run `cargo xtask setup` again.\n\
         On Debian 12 with its security updates:\n{}\n\
         Elsewhere, besides the packages iproute2 and bpftool:\n  \
           rustup toolchain install nightly --component rust-src,clippy\n  \
           cargo binstall bpf-linker",
        debian_commands(&packages, true)
    )
}

/// The commands with which a person installs the packages, and bpf-linker if asked for.
fn debian_commands(packages: &[&str], linker: bool) -> String {
    let mut commands = vec![
        "sudo apt-get update".to_owned(),
        format!("sudo {} {}", apt::INSTALL.join(" "), packages.join(" ")),
    ];
    if linker {
        let variables = LINKER_VARIABLES.map(|(name, value)| format!("{name}=\"{value}\""));
        commands.push(format!("{} cargo {LINKER_COMMAND}", variables.join(" ")));
    }
    format!("  {}", commands.join("\n  "))
}
