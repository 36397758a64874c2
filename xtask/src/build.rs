//! `cargo xtask build`: the camfence program.

use std::path::PathBuf;

use anyhow::Result;

use crate::{
    cross::Cross,
    run::{cargo, show, target_directory},
    setup,
};

/// Builds camfence once everything that takes is there.
pub(crate) fn run(release: bool, arm64: bool) -> Result<()> {
    setup::run()?;
    let program = if arm64 { Cross::obtain()?.camfence(release)? } else { camfence(release)? };
    println!("built {}", program.display());
    Ok(())
}

/// Builds camfence and says where it is.
pub(crate) fn camfence(release: bool) -> Result<PathBuf> {
    let profile = if release { "release" } else { "dev" };
    show(cargo().args(["build", "--package", "camfence", "--profile", profile]))?;
    let directory = if release { "release" } else { "debug" };
    Ok(target_directory()?.join(directory).join("camfence"))
}
