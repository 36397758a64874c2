//! The same measured by somebody else's program, `bpftool prog run`, which shows what the kernel says
//! in whole nanoseconds.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use camfence_tests::measure::fence::Name;
use camfence_tests::measure::frames::{self, Peer, Shape};
use camfence_tests::measure::{Measurement, Unit, measure};
use tempfile::TempDir;

use super::case::{PARTS, fastest};
use super::fences::Fences;
use super::{Filters, HIT, MISS};
use crate::Plan;
use crate::report::{Row, Table};

/// How often a frame is run in each part of a sample.
const REPEATS: u32 = 1_000_000 / PARTS;

/// A program as bpftool finds it.
enum Found {
    Pinned(PathBuf),
    Numbered(u32),
}

/// Measures with it what is held against xdp-filter.
pub(crate) fn table(plan: &Plan, fences: &Fences, filters: Option<&Filters>) -> Result<Table> {
    let dir = TempDir::new()?;
    let outside = |source, shape| frames::outbound(source, shape, Peer::Outside);
    let (camera, bystander) = (frames::camera(0), frames::bystander(0));
    let files = [
        ("bystander", outside(bystander, Shape::V4)),
        ("local IPv4", frames::outbound(camera, Shape::V4, Peer::Home)),
        ("dropped IPv4", outside(camera, Shape::V4)),
        ("dropped IPv6", outside(camera, Shape::V6)),
        ("dropped tagged", outside(camera, Shape::Tagged)),
    ];
    for (name, frame) in &files {
        fs::write(dir.path().join(name), frame)?;
    }
    let sample = |name: String, program: Found, frame: &str| {
        let file = dir.path().join(frame);
        Measurement::new(name, Unit::NANOSECONDS, move || fastest(|| run(&program, &file)))
    };
    let mut all = Vec::new();
    if let Some(filters) = filters {
        for (name, frame) in [(MISS, "bystander"), (HIT, "dropped IPv4")] {
            all.push(sample(format!("bpftool: {name}"), Found::Numbered(filters.one.id()), frame));
        }
    }
    for (name, _) in &files {
        let pin = fences.plain.pin(Name::OutboundXdp);
        all.push(sample(format!("bpftool: XDP {name}"), Found::Pinned(pin), name));
    }
    let series = measure(all, plan.rounds, |round| {
        plan.tell(&format!("packet: bpftool, round {round}"));
    })?;
    let base = |name: &'static str| {
        let named = format!("bpftool: {name}");
        series.iter().find(|series| series.name == named).map(|series| (name, series))
    };
    let rows = series.iter().map(|series| {
        let bystander = series.name.ends_with("bystander");
        let own = series.name.starts_with("bpftool: XDP");
        let base = if own { base(if bystander { MISS } else { HIT }) } else { None };
        Row::new(series, base.as_slice())
    });
    Ok(Table::new("XDP, by bpftool", rows.collect()))
}

/// The nanoseconds that bpftool shows.
fn run(program: &Found, frame: &std::path::Path) -> Result<f64> {
    let mut command = Command::new("bpftool");
    command.args(["--json", "prog", "run"]);
    match program {
        Found::Pinned(pin) => command.arg("pinned").arg(pin),
        Found::Numbered(id) => command.args(["id", &id.to_string()]),
    };
    let output =
        command.arg("data_in").arg(frame).args(["repeat", &REPEATS.to_string()]).output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "bpftool: {said}");
    let said: serde_json::Value = serde_json::from_str(&said)?;
    said["duration"].as_f64().with_context(|| format!("bpftool tells no duration: {said}"))
}
