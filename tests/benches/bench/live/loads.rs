//! Many cameras at once, by command.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use camfence_common::limits::MAX_CAMERAS;
use camfence_tests::measure::{Measurement, Unit, measure as samples};
use camfence_tests::{Camfence, Mac};

use crate::report::{Part, Row, Table};
use crate::wire::scene::{BRIDGE, Role, Scene, camera, config};
use crate::{Plan, peers};

/// Each of these takes long.
const ROUNDS: usize = 5;
/// Loaded at once, as the names of rows have them.
const SIZES: [(u32, &str); 2] = [(10_000, "10,000 cameras"), (MAX_CAMERAS, "65,536 cameras")];

pub(super) fn measure(plan: &Plan, part: &mut Part) -> Result<()> {
    let scene = Scene::new(Role::Bridge)?;
    for (cameras, named) in SIZES {
        plan.tell(&format!("live: {named} at once"));
        part.tables.push(table(plan, &scene, cameras, named)?);
    }
    part.notes.push(unchanged(&scene)?);
    Ok(())
}

fn table(plan: &Plan, scene: &Scene, cameras: u32, named: &str) -> Result<Table> {
    let macs: Vec<_> = (0..cameras).map(camera).collect();
    let (one, all) = (text(&macs[..1]), text(&macs));
    let camfence = Camfence::new(scene.lab.box_ns(), &one, &scene.bpffs)?;
    let done = |verb: &str| camfence.run([verb])?.success();
    let up = || {
        done("down")?;
        camfence.configure(&all)?;
        timed(&camfence, "up")
    };
    let unchanged = || timed(&camfence, "reload");
    let from_one = || {
        camfence.configure(&one)?;
        done("reload")?;
        camfence.configure(&all)?;
        timed(&camfence, "reload")
    };
    let name = |what: &str| format!("{named}, {what}");
    let measurements = vec![
        Measurement::new(name("up"), Unit::MILLISECONDS, up),
        Measurement::new(name("reload unchanged"), Unit::MILLISECONDS, unchanged),
        Measurement::new(name("reload from one"), Unit::MILLISECONDS, from_one),
    ];
    let series = samples(measurements, plan.rounds.min(ROUNDS), |_| ())?;
    Ok(Table::new(format!("{named} at once"), series.iter().map(|s| Row::new(s, &[])).collect()))
}

fn text(cameras: &[Mac]) -> String {
    config(BRIDGE, "auto", MAX_CAMERAS, cameras)
}

/// What a verb takes from its start to its end, in milliseconds.
fn timed(camfence: &Camfence<'_>, verb: &str) -> Result<f64> {
    let mut command = camfence.command([verb])?;
    let start = Instant::now();
    let output = command.output()?;
    let took = start.elapsed();
    ensure!(output.status.success(), "{verb}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(took.as_secs_f64() * 1e3)
}

/// Reloads what has not changed while the kernel lets nobody write to the fence's maps, and then
/// something that has, which has to fail.
fn unchanged(scene: &Scene) -> Result<String> {
    if !peers::is_here("bpftool") {
        return Ok(peers::missing("bpftool", "bpftool"));
    }
    let macs: Vec<_> = (0..MAX_CAMERAS).map(camera).collect();
    let camfence = Camfence::new(scene.lab.box_ns(), &text(&macs), &scene.bpffs)?;
    let frozen = scene.bpffs.freeze_maps("current/maps")?;
    timed(&camfence, "reload").context("with its maps frozen")?;
    camfence.configure(&text(&macs[1..]))?;
    let changed = camfence.run(["reload"])?;
    ensure!(changed.code == Some(1), "a change was written to frozen maps: {changed:?}");
    Ok(format!("a reload of 65,536 unchanged cameras wrote nothing: all {frozen} maps were frozen"))
}
