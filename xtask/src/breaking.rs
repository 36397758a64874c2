//! `cargo xtask break`: the fence broken on purpose, for long.

use std::path::PathBuf;

use anyhow::Result;

use crate::{
    build,
    run::{cargo, need_root, show, target_directory},
    setup, toolchain,
};

/// Breaks the fence for so many seconds, in the order that `seed` gives. On a machine that is
/// `busy` with other work, times are not judged.
///
/// The upgrades are between two builds of which one has other kernel programs: they are compiled
/// with less optimization.
pub(crate) fn run(seconds: u64, seed: Option<u64>, busy: bool) -> Result<()> {
    need_root(&format!("break --seconds {seconds}"))?;
    setup::run()?;
    let camfence = build::camfence(false)?;
    let mut test = cargo();
    test.args(["test", "--quiet", "--package", "camfence-tests", "--test", "breaking"])
        .args(["--", "--nocapture"])
        .env("CAMFENCE_BIN", camfence)
        .env("CAMFENCE_BIN_OTHER", other()?)
        .env("CAMFENCE_BREAK_SECONDS", seconds.to_string())
        .envs(seed.map(|seed| ("CAMFENCE_BREAK_SEED", seed.to_string())))
        .envs(busy.then_some(("CAMFENCE_BREAK_BUSY", "1")));
    show(&mut test)
}

fn other() -> Result<PathBuf> {
    let directory = target_directory()?.join("other");
    show(
        cargo()
            .args(["build", "--package", "camfence", "--target-dir"])
            .arg(&directory)
            .env(format!("{}OPT_LEVEL", toolchain::BPF_PROFILE), "2"),
    )?;
    Ok(directory.join("debug/camfence"))
}
