//! `cargo xtask lint`: formatting, clippy and documentation, with every warning an error.

use std::{env::consts::ARCH, process::Command};

use anyhow::{Context, Result};

use crate::{
    run::{cargo, show, target_directory, workspace},
    setup::{self, target},
    toolchain::{self, Toolchain},
};

/// Lints everything in the workspace.
pub(crate) fn run() -> Result<()> {
    setup::run()?;
    step("formatting");
    show(cargo().args(["fmt", "--all", "--check"]))?;
    step("clippy");
    show(
        cargo()
            .args(["clippy", "--workspace", "--exclude", "camfence-ebpf", "--all-targets"])
            .args(["--", "-D", "warnings"]),
    )?;
    step("clippy for BPF");
    kernel_programs()?;
    step("documentation");
    show(
        cargo()
            .args(["doc", "--workspace", "--exclude", "camfence-ebpf"])
            .args(["--no-deps", "--document-private-items"])
            .env("RUSTDOCFLAGS", "-D warnings"),
    )
}

/// Runs the clippy that belongs to the BPF compiler: the code is judged for the target it is
/// built for, which the clippy of a stable toolchain cannot do.
fn kernel_programs() -> Result<()> {
    let toolchain = Toolchain::find(target()).context("the compiler for BPF is gone")?;
    let linker = toolchain::bpf_linker().context("bpf-linker is gone")?;
    let mut clippy = Command::new(setup::bpf_clippy(&toolchain));
    clippy.args(["clippy", "--quiet", "--target-dir"]).arg(target_directory()?.join("bpf-clippy"));
    toolchain.prepare(&mut clippy, target(), ARCH, &linker);
    show(clippy.args(["--", "-D", "warnings"]).current_dir(workspace()))
}

fn step(name: &str) {
    println!("lint: {name}");
}
