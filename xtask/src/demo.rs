//! `cargo xtask demo`: camfence at work in network namespaces.

use std::os::unix::process::CommandExt as _;

use anyhow::{Context, Result};

use crate::{
    build,
    run::{cargo, need_root, show},
    setup,
};

/// Builds camfence and runs the demonstration with it, or the lab that stays.
pub(crate) fn run(stay: bool) -> Result<()> {
    need_root(if stay { "demo --stay" } else { "demo" })?;
    setup::run()?;
    let camfence = build::camfence(false)?;
    let mut demo = cargo();
    demo.args(["run", "--quiet", "--package", "camfence-tests", "--bin", "demo"])
        .env("CAMFENCE_BIN", camfence);
    if !stay {
        return show(&mut demo);
    }
    // Cargo becomes what it runs as well: keys and signals reach the lab, and only it.
    Err(demo.args(["--", "--stay"]).exec()).context("running the demo")
}
