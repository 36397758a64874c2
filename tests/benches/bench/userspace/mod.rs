//! The daemon: how fast it is, and how little it takes. With everything that is on by default, and the
//! metrics and the page beside.

mod daemon;
mod memory;
mod time;

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result};
use camfence_tests::cmd;
use camfence_tests::measure::{Measurement, Series, Unit, measure};

use crate::Plan;
use crate::report::{Part, Row, Table};

/// Most rounds of what takes long and comes out the same each time.
const FEW: usize = 5;

/// Measures it.
pub(crate) fn run(plan: &Plan) -> Result<Part> {
    let mut part = Part::new("userspace");
    part.tables.push(table("from start to fenced", &time::start(plan)?));
    part.tables.push(table("a scrape of /metrics", &time::scrape(plan)?));
    part.tables.push(table("resident memory", &memory::memory(plan)?));
    part.tables.push(table("the idle daemon's share of a CPU", &time::idle(plan)?));
    match size() {
        Ok(size) => part.tables.push(table("the program, stripped", &[size])),
        Err(why) => part.notes.push(format!("how large the program is was not measured: {why:#}")),
    }
    Ok(part)
}

/// Takes the samples of no more than so many rounds.
fn series(plan: &Plan, what: Vec<Measurement<'_>>, most: usize) -> Result<Vec<Series>> {
    let rounds = plan.rounds.min(most);
    measure(what, rounds, |round| plan.tell(&format!("userspace: round {round} of {rounds}")))
}

fn table(title: &'static str, series: &[Series]) -> Table {
    Table::new(title, series.iter().map(|series| Row::new(series, &[])).collect())
}

/// Bytes of the program as a package has it.
fn size() -> Result<Series> {
    let stripped = tempfile::NamedTempFile::new()?;
    let strip = Command::new("strip").arg("-o").arg(stripped.path()).arg(cmd::binary()?).status();
    let status = strip.context("running strip (Debian's binutils)")?;
    anyhow::ensure!(status.success(), "strip: {status}");
    let bytes = fs::metadata(stripped.path())?.len();
    #[expect(clippy::cast_precision_loss, reason = "far less than 2^52")]
    let samples = vec![bytes as f64];
    Ok(Series { name: "camfence".into(), unit: Unit::BYTES, samples })
}
