//! What `cargo xtask bench` can be told. xtask has this file too, and passes on what it was told.

use clap::Args;

/// What to measure, and how.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct Arguments {
    /// Parts to measure; all, if none is named
    pub(crate) parts: Vec<String>,
    /// Print JSON instead of tables
    #[arg(long)]
    pub(crate) json: bool,
    /// Fewer and shorter rounds: to see that everything works
    #[arg(long)]
    pub(crate) quick: bool,
    /// Rounds of each measurement
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) rounds: Option<u32>,
    /// Do not fail because of targets that are missed
    #[arg(long)]
    pub(crate) no_judge: bool,
    /// Write what the guard in CI compares with, and the tables of docs/performance.md
    #[arg(long, conflicts_with = "quick")]
    pub(crate) record: bool,
    /// What cargo tells every benchmark
    #[arg(long, hide = true)]
    pub(crate) bench: bool,
}
