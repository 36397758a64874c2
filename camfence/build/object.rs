//! Builds object files of `camfence-ebpf` into `$OUT_DIR/NAME.bpf.o`.
//!
//! Build scripts share this file.

use std::{
    env::{self, VarError},
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use super::toolchain::{self, Toolchain};

const NO_COMPILER: &str = "no Rust compiler here can build for BPF: run `cargo xtask setup`, or \
    `rustup toolchain install nightly --component rust-src` and `cargo binstall bpf-linker`";
const NO_LINKER: &str =
    "bpf-linker is missing: run `cargo xtask setup`, or `cargo binstall bpf-linker`";

/// Why there is no object.
enum Failure {
    /// Something is missing or unusable; one line that says what to do.
    Setup(String),
    /// The programs do not compile; what cargo and the compiler said.
    Compile(String),
}

/// Builds the objects of these names; tells cargo what they depend on, or what went wrong.
pub(crate) fn build(names: &[&str]) -> ExitCode {
    match try_build(names) {
        Ok(()) => {}
        // Enough to make cargo stop; a failing exit code would bury the line in a backtrace.
        Err(Failure::Setup(line)) => println!("cargo::error={line}"),
        Err(Failure::Compile(output)) => {
            eprintln!("{output}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn try_build(names: &[&str]) -> Result<(), Failure> {
    let target = toolchain::target(&variable("CARGO_CFG_TARGET_ENDIAN")?);
    let toolchain = Toolchain::find(target).ok_or_else(|| Failure::Setup(NO_COMPILER.into()))?;
    let linker = toolchain::bpf_linker().ok_or_else(|| Failure::Setup(NO_LINKER.into()))?;
    let out_dir = PathBuf::from(variable("OUT_DIR")?);
    let target_dir = target_dir(&out_dir);

    compile(names, &toolchain, target, &linker, &target_dir)?;
    for name in names {
        let elf = target_dir.join(target).join("bpf").join(name);
        let object = out_dir.join(format!("{name}.bpf.o"));
        fs::copy(&elf, &object).map_err(|error| {
            Failure::Setup(format!("copying {} to {}: {error}", elf.display(), object.display()))
        })?;
    }
    watch(&toolchain.rustc, &linker)
}

/// Where the inner cargo builds: cargo holds a lock on the outer directory. All build scripts of an outer
/// profile share it, so that whatever the packages are built for, the objects are compiled once.
fn target_dir(out_dir: &Path) -> PathBuf {
    let is_build = |path: &&Path| path.file_name().is_some_and(|name| name == "build");
    let profile = out_dir.ancestors().find(is_build).and_then(Path::parent);
    profile.unwrap_or(out_dir).join("bpf")
}

/// Runs the inner cargo; its warnings become the outer cargo's.
fn compile(
    names: &[&str],
    toolchain: &Toolchain,
    target: &str,
    linker: &Path,
    target_dir: &Path,
) -> Result<(), Failure> {
    let mut cargo = Command::new(&toolchain.cargo);
    cargo.args(["build", "--quiet", "--color", "never", "--target-dir"]).arg(target_dir);
    cargo.args(names.iter().flat_map(|name| ["--bin", name]));
    toolchain.prepare(&mut cargo, target, &variable("CARGO_CFG_TARGET_ARCH")?, linker);
    let output = cargo
        .current_dir(workspace()?)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Failure::Setup(format!("{}: {error}", toolchain.cargo.display())))?;

    let messages = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(Failure::Compile(messages.into_owned()));
    }
    for line in messages.lines() {
        println!("cargo::warning={line}");
    }
    Ok(())
}

/// Has cargo run this script again when something that shapes the objects changes. Said last, as
/// cargo shows a script's output when it fails and runs a failed script again anyway.
fn watch(rustc: &Path, linker: &Path) -> Result<(), Failure> {
    let workspace = workspace()?;
    for name in [
        "camfence-ebpf",
        "camfence-common/Cargo.toml",
        "camfence-common/src",
        "camfence/build",
        "Cargo.toml",
        "Cargo.lock",
    ] {
        println!("cargo::rerun-if-changed={}", workspace.join(name).display());
    }
    println!("cargo::rerun-if-changed={}", rustc.display());
    println!("cargo::rerun-if-changed={}", linker.display());
    println!("cargo::rerun-if-env-changed={}", toolchain::RUSTC_VARIABLE);
    println!("cargo::rerun-if-env-changed={}OPT_LEVEL", toolchain::BPF_PROFILE);
    Ok(())
}

fn workspace() -> Result<PathBuf, Failure> {
    Ok(PathBuf::from(variable("CARGO_MANIFEST_DIR")?).join(".."))
}

fn variable(name: &str) -> Result<String, Failure> {
    env::var(name).map_err(|error: VarError| Failure::Setup(format!("{name}: {error}")))
}
