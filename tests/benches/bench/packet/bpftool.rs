//! The same measured by somebody else's program, `bpftool prog run`, which shows what the kernel says
//! in whole nanoseconds.

use std::fs;
use std::iter;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use camfence_tests::measure::fence::Name;
use camfence_tests::measure::frames::{self, Peer, Shape};
use camfence_tests::measure::{Measurement, Unit, measure_together};
use tempfile::TempDir;

use super::case::PARTS;
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
    let from_camera = |shape, peer| frames::outbound(frames::camera(0), shape, peer);
    let files = [
        ("bystander", frames::outbound(frames::bystander(0), Shape::V4, Peer::Outside)),
        ("local IPv4", from_camera(Shape::V4, Peer::Home)),
        ("local IPv6", from_camera(Shape::V6, Peer::Home)),
        ("local tagged", from_camera(Shape::Tagged, Peer::Home)),
        ("dropped IPv4", from_camera(Shape::V4, Peer::Outside)),
        ("dropped IPv6", from_camera(Shape::V6, Peer::Outside)),
        ("dropped tagged", from_camera(Shape::Tagged, Peer::Outside)),
    ];
    for (name, frame) in &files {
        fs::write(dir.path().join(name), frame)?;
    }
    let sample = |name: String, program: Found, frame: &str| {
        let file = dir.path().join(frame);
        Measurement::new(name, Unit::NANOSECONDS, move || run(&program, &file))
    };
    // What they are held against, each with the frame that it is run with.
    let base = |name| {
        let (frame, filters) = (if name == MISS { "bystander" } else { "dropped IPv4" }, filters?);
        Some(sample(format!("bpftool: {name}"), Found::Numbered(filters.one.id()), frame))
    };
    let alone = [MISS, HIT].into_iter().filter_map(|name| Some((None, vec![base(name)?])));
    let (labels, all): (Vec<_>, Vec<_>) = alone
        .chain(files.iter().map(|(name, _)| {
            let pin = fences.plain.pin(Name::OutboundXdp);
            let own = sample(format!("bpftool: XDP {name}"), Found::Pinned(pin), name);
            let against = if *name == "bystander" { MISS } else { HIT };
            (Some(against), iter::once(own).chain(base(against)).collect())
        }))
        .unzip();
    let told = |round| plan.tell(&format!("packet: bpftool, round {round}"));
    let series = measure_together(all, PARTS as usize, plan.rounds, told)?;
    let rows = labels.into_iter().zip(&series).map(|(label, series)| {
        let bases: Vec<_> = label.into_iter().zip(&series[1..]).collect();
        Row::new(&series[0], &bases)
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
