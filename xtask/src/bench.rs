//! `cargo xtask bench`: camfence beside what people would use instead.

use std::process::ExitCode;

use anyhow::{Context as _, Result};

use crate::{
    build,
    run::{cargo, need_root},
    setup,
};

#[path = "../../tests/benches/bench/arguments.rs"]
mod arguments;

pub(crate) use self::arguments::Arguments;

/// Builds camfence as it is released, has its peers here, and runs the benchmark.
///
/// What it measured, and which targets were missed, it tells itself. It is built like the tests, since
/// what it measures runs in the kernel and in other programs.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    need_root("bench")?;
    setup::run()?;
    setup::peers();
    let camfence = build::camfence(true)?;
    let mut bench = cargo();
    bench
        .args(["bench", "--quiet", "--profile", "dev"])
        .args(["--package", "camfence-tests", "--bench", "bench", "--"])
        .args(words(arguments))
        .env("CAMFENCE_BIN", camfence);
    let status = bench.status().context("running the benchmark")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The arguments again.
fn words(arguments: &Arguments) -> Vec<String> {
    let Arguments { parts, json, quick, rounds, no_judge, record, bench: _ } = arguments;
    let flags =
        [("--json", json), ("--quick", quick), ("--no-judge", no_judge), ("--record", record)];
    let set = flags.into_iter().filter(|(_, set)| **set).map(|(flag, _)| flag.to_owned());
    let rounds = rounds.iter().flat_map(|rounds| ["--rounds".into(), rounds.to_string()]);
    set.chain(rounds).chain(parts.iter().cloned()).collect()
}
