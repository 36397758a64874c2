//! `cargo xtask demo`: camfence at work in network namespaces.

use anyhow::Result;

use crate::{
    build,
    run::{cargo, need_root, show},
    setup,
};

/// Builds camfence and runs the demonstration with it.
pub(crate) fn run() -> Result<()> {
    need_root("demo")?;
    setup::run()?;
    let camfence = build::camfence(false)?;
    show(
        cargo()
            .args(["run", "--quiet", "--package", "camfence-tests", "--bin", "demo"])
            .env("CAMFENCE_BIN", camfence),
    )
}
