//! Prometheus for the tests: unpacked and not installed, as Debian's package starts it.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::{
    archive::{Archive, make_whole},
    run::{on_path, target_directory},
};

const PACKAGE: &str = "prometheus";
const PROGRAMS: [&str; 2] = ["prometheus", "promtool"];

/// Where its programs are; none if they are on PATH. What the system has no package of, the tests
/// skip.
pub(crate) fn obtain() -> Option<PathBuf> {
    if PROGRAMS.into_iter().all(on_path) {
        return None;
    }
    unpacked()
        .inspect_err(|error| println!("prometheus: {error:#}: tests that take it are skipped"))
        .ok()
}

fn unpacked() -> Result<PathBuf> {
    let (apt, directory) =
        (target_directory()?.join("apt"), target_directory()?.join("prometheus"));
    make_whole(&directory, |directory| {
        println!("prometheus: unpacking Debian's, which tests take");
        let archive = Archive::of_this_system(&apt)?;
        let newest = archive.versions(PACKAGE)?.into_iter().next();
        archive.unpack(&[newest.context("Debian's archive has none")?], directory)
    })?;
    Ok(directory.join("usr/bin"))
}
