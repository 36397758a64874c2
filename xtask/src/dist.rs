//! `cargo xtask dist`: a Debian package.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{
    build,
    cross::{self, Cross},
    run::{cargo, show, workspace},
    setup,
};

/// Where the assets that camfence/Cargo.toml names are put together.
const STAGE: &str = "target/dist";

/// Packages the release build of camfence, or another program.
pub(crate) fn run(program: Option<&Path>) -> Result<()> {
    setup::run()?;
    let program = match program {
        Some(program) => program.to_path_buf(),
        None => build::camfence(true)?,
    };
    println!("packaged {}", make(&program)?.display());
    Ok(())
}

/// Packages the release build of camfence for 64-bit ARM. The build for this machine has the man
/// pages.
pub(crate) fn run_arm64() -> Result<()> {
    setup::run()?;
    setup::cargo_deb()?;
    let stage = stage(&build::camfence(true)?)?;
    cross::strip(&Cross::obtain()?.camfence(true)?, &stage.join("camfence"))?;
    println!("packaged {}", package(&stage, &["--target", cross::TARGET])?.display());
    Ok(())
}

/// Packages a program; says where the package is.
pub(crate) fn make(program: &Path) -> Result<PathBuf> {
    setup::cargo_deb()?;
    let stage = stage(program)?;
    show(Command::new("strip").arg("-o").arg(stage.join("camfence")).arg(program))?;
    package(&stage, &[])
}

/// Puts together what is packaged beside the program, some of which it makes itself.
fn stage(program: &Path) -> Result<PathBuf> {
    let stage = workspace().join(STAGE);
    if stage.exists() {
        fs::remove_dir_all(&stage).with_context(|| format!("emptying {}", stage.display()))?;
    }
    let generated = stage.join("generated");
    show(Command::new(program).arg("generate").arg(&generated))?;
    Ok(stage)
}

/// Makes the package of what is staged; says where it is.
fn package(stage: &Path, options: &[&str]) -> Result<PathBuf> {
    show(
        cargo()
            .args(["deb", "--package", "camfence", "--no-build", "--no-strip", "--quiet"])
            .args(options)
            .arg("--output")
            .arg(stage),
    )?;
    let files = fs::read_dir(stage).with_context(|| format!("listing {}", stage.display()))?;
    let mut files = files.flatten().map(|entry| entry.path());
    files.find(|path| path.extension() == Some("deb".as_ref())).context("cargo-deb made no package")
}
