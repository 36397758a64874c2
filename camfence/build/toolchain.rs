//! What compiles `camfence-ebpf`: which compiler, which linker, in which environment.
//!
//! No stable toolchain of rustup's has a core library for a BPF target, so cargo's own compiler
//! will not do. camfence's build script and xtask share this file: what `cargo xtask setup` looks
//! for is what the build will use.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Names the compiler to use instead of the one looked for.
pub(crate) const RUSTC_VARIABLE: &str = "CAMFENCE_BPF_RUSTC";

/// What variables begin with that change the profile which the programs are built with.
pub(crate) const BPF_PROFILE: &str = "CARGO_PROFILE_BPF_";

/// The target for a machine of the given endianness, as cargo names it in
/// `CARGO_CFG_TARGET_ENDIAN`.
pub(crate) fn target(endian: &str) -> &'static str {
    if endian == "big" { "bpfeb-unknown-none" } else { "bpfel-unknown-none" }
}

/// A compiler that can produce BPF, and the cargo that goes with it.
pub(crate) struct Toolchain {
    /// The cargo to run.
    pub(crate) cargo: PathBuf,
    /// The compiler it is to use.
    pub(crate) rustc: PathBuf,
    /// Whether the core library has to be compiled first, from rustup's `rust-src`.
    pub(crate) build_std: bool,
}

impl Toolchain {
    /// Looks for a compiler with a ready-made core library, then for rustup's nightly with
    /// `rust-src`.
    pub(crate) fn find(target: &str) -> Option<Self> {
        Self::with_ready_core(target).or_else(Self::nightly)
    }

    /// Debian's `rustc-web` with `libstd-rust-web-dev-bpf`, or what `CAMFENCE_BPF_RUSTC` names.
    fn with_ready_core(target: &str) -> Option<Self> {
        let named = env::var_os(RUSTC_VARIABLE).map(PathBuf::from);
        let default = PathBuf::from("/usr/bin/rustc");
        let rustc = named.into_iter().chain([default]).find(|rustc| has_core(rustc, target))?;
        let cargo = env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from);
        Some(Self { cargo, rustc, build_std: false })
    }

    fn nightly() -> Option<Self> {
        // A look must not download a toolchain.
        let mut rustc = Command::new("rustup");
        rustc.args(["run", "nightly", "rustc"]).env("RUSTUP_AUTO_INSTALL", "0");
        let root = sysroot(&mut rustc)?;
        let bin = root.join("bin");
        root.join("lib/rustlib/src/rust/library/core").is_dir().then(|| Self {
            cargo: bin.join("cargo"),
            rustc: bin.join("rustc"),
            build_std: true,
        })
    }

    /// Has `command`, which is cargo or a subcommand of it, compile for `target` as part of
    /// camfence for `arch` (the architecture as `CARGO_CFG_TARGET_ARCH` names it).
    pub(crate) fn prepare(&self, command: &mut Command, target: &str, arch: &str, linker: &Path) {
        for (name, _) in env::vars_os().filter(|(name, _)| misleads_cargo(name)) {
            command.env_remove(name);
        }
        command
            .env("CARGO", &self.cargo)
            .env("RUSTC", &self.rustc)
            // aya-ebpf's inline assembly is an unstable feature on BPF.
            .env("RUSTC_BOOTSTRAP", "1")
            // An empty wrapper also overrides one from a configuration file.
            .env("RUSTC_WRAPPER", "")
            .env("RUSTC_WORKSPACE_WRAPPER", "")
            .env("CARGO_ENCODED_RUSTFLAGS", rustflags(arch, linker))
            .args(["--package", "camfence-ebpf"])
            .args(["--profile", "bpf", "--target", target, "--locked"]);
        if self.build_std {
            command.args(["-Z", "build-std=core"]);
        }
    }
}

/// The flags aya-build would give, separated as `CARGO_ENCODED_RUSTFLAGS` wants it.
fn rustflags(arch: &str, linker: &Path) -> OsString {
    let arch = if arch.starts_with("riscv64") { "riscv64" } else { arch };
    let mut flags = OsString::from(format!(
        "--cfg=bpf_target_arch=\"{arch}\"\x1f-Cdebuginfo=2\x1f-Clink-arg=--btf\x1f-Ctarget-cpu=v3\x1f-Clinker="
    ));
    flags.push(linker);
    flags
}

/// Whether a variable that cargo, clippy or a coverage tool set for the outer build would change
/// the inner one: `CARGO_CFG_UNIX`, say, is seen by the inner build scripts too, and a release
/// profile with overflow checks does not verify. What is about the profile `bpf` was meant for the
/// inner one.
fn misleads_cargo(name: &std::ffi::OsStr) -> bool {
    const NAMES: [&str; 6] =
        ["RUSTFLAGS", "RUSTDOC", "RUSTDOCFLAGS", "CLIPPY_ARGS", "CLIPPY_TERMINAL_WIDTH", "TARGET"];
    const PREFIXES: [&str; 6] = [
        "CARGO_BUILD_",
        "CARGO_CFG_",
        "CARGO_FEATURE_",
        "CARGO_INCREMENTAL",
        "CARGO_PROFILE_",
        "DEP_",
    ];
    let name = name.to_string_lossy();
    !name.starts_with(BPF_PROFILE)
        && (NAMES.contains(&&*name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix)))
}

/// Where `bpf-linker` is, on PATH or where cargo installs programs.
pub(crate) fn bpf_linker() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let installed =
        ["CARGO_INSTALL_ROOT", "CARGO_HOME"].map(|name| env::var_os(name).map(PathBuf::from));
    let home = env::home_dir().map(|home| home.join(".cargo"));
    env::split_paths(&path)
        .chain(installed.into_iter().flatten().chain(home).map(|root| root.join("bin")))
        .map(|directory| directory.join("bpf-linker"))
        .find(|program| program.is_file())
}

/// Whether a compiler finds a core library for the target and can read it: the directory alone
/// may belong to another version.
fn has_core(rustc: &Path, target: &str) -> bool {
    Command::new(rustc)
        .args(["--target", target, "--crate-name", "probe", "--crate-type", "lib"])
        .args(["-Zcrate-attr=no_std", "--emit=dep-info=-", "/dev/null"])
        .env("RUSTC_BOOTSTRAP", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Where a compiler keeps its libraries; none if it does not run.
fn sysroot(rustc: &mut Command) -> Option<PathBuf> {
    let output = rustc
        .args(["--print", "sysroot"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim_end().into())
}
