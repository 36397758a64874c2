//! `cargo xtask fuzz`: makes up inputs and looks for those that break something.

use std::fs;

use anyhow::{Context, Result, ensure};

use crate::{
    run::{cargo, on_path, show, succeeds, target_directory},
    setup,
};

/// What is fuzzed: the programs in `fuzz/fuzz_targets`.
pub(crate) const TARGETS: [&str; 6] =
    ["capture", "configuration", "discover", "language", "names", "verdict"];

const INSTALL: &str = "install cargo-fuzz --version 0.13.2 --locked";

/// The flags of the sanitizers are unstable; with the first, a stable compiler takes them. The
/// release profile's optimization across crates would take minutes and gain nothing.
const VARIABLES: [(&str, &str); 3] = [
    ("RUSTC_BOOTSTRAP", "1"),
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
];

/// Fuzzes one target, or one after the other, each for so long. It starts from the inputs in
/// `fuzz/corpus` and from what earlier runs found out, which is kept in the target directory.
pub(crate) fn run(target: Option<&str>, seconds: u64) -> Result<()> {
    setup::run()?;
    ensure!(on_path("c++"), "libFuzzer is built from C++: install g++ (apt-get install g++)");
    if !succeeds(cargo().args(["fuzz", "--version"])) {
        println!("fuzz: installing cargo-fuzz");
        show(cargo().args(INSTALL.split_whitespace()))?;
    }
    for name in TARGETS.into_iter().filter(|&name| target.is_none_or(|target| target == name)) {
        println!("fuzz: {name}, for {seconds} seconds");
        fuzz(name, seconds)?;
    }
    Ok(())
}

fn fuzz(name: &str, seconds: u64) -> Result<()> {
    let explored = target_directory()?.join("fuzz").join(name);
    fs::create_dir_all(&explored).with_context(|| format!("making {}", explored.display()))?;
    show(
        cargo()
            .args(["fuzz", "run", "--features", "libfuzzer", name])
            .arg(explored)
            .arg(format!("fuzz/corpus/{name}"))
            .args(["--", "-timeout=10", &format!("-max_total_time={seconds}")])
            .envs(VARIABLES),
    )
    .with_context(|| format!("{name}: fuzz/corpus/README.md says what to do with the input"))
}
