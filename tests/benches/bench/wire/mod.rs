//! How many frames a second are dropped, from end to end, on one CPU.
//!
//! [`veth`] sends them over a cable: the sender, veth's own work and the filter share the CPU.
//! [`driver`] hands them to the port as a NIC's driver does, and has no sender to pay for.
//! Either way each frame is one of the camera's that was registered last, to an address outside, and
//! the filter's own counter has to say that it dropped every one.

mod candidates;
pub(crate) mod scene;
pub(crate) mod throughput;

use anyhow::{Result, ensure};
use camfence_tests::measure::{Measurement, Unit, measure};

use self::candidates::{Candidate, KINDS, Kind};
use self::scene::Scene;
use crate::report::{Part, Row, Table};
use crate::{Plan, peers};

/// Registered cameras, as the names of rows have them.
const CAMERAS: [(u32, &str); 3] = [(1, "1 camera"), (100, "100 cameras"), (1000, "1,000 cameras")];

/// What the others are held against.
const BASES: [Kind; 3] = [Kind::DropOnly, Kind::XdpFilter, Kind::NftNetdev];

/// The way to a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Cable,
    Driver,
}

/// Frames over veth.
pub(crate) fn veth(plan: &Plan) -> Result<Part> {
    run(plan, "veth", Way::Cable)
}

/// Frames as from a driver.
pub(crate) fn driver(plan: &Plan) -> Result<Part> {
    run(plan, "driver", Way::Driver)
}

fn run(plan: &Plan, name: &'static str, way: Way) -> Result<Part> {
    let mut part = Part::new(name);
    let kinds: Vec<_> = KINDS.into_iter().filter(|kind| is_here(*kind, &mut part.notes)).collect();
    for (cameras, named) in CAMERAS {
        let scenes =
            kinds.iter().map(|kind| Scene::new(kind.role())).collect::<Result<Vec<_>>>()?;
        let mut candidates = Vec::new();
        for (&kind, scene) in kinds.iter().zip(&scenes) {
            plan.tell(&format!("{name}, {named}: {}", kind.name()));
            match Candidate::start(kind, scene, cameras, way) {
                Ok(candidate) => candidates.push(candidate),
                // A kernel may lack what a peer takes; the others are measured all the same.
                Err(error) if kind.takes().is_some() => {
                    part.notes.push(format!("SKIPPED: {}: {error:#}", kind.name()));
                }
                Err(error) => return Err(error),
            }
        }
        part.tables.push(table(plan, &format!("{name}, {named}"), named, &mut candidates)?);
        for candidate in &candidates {
            candidate.check()?;
        }
    }
    Ok(part)
}

/// Whether a candidate's program is here; if not, notes it.
fn is_here(kind: Kind, notes: &mut Vec<String>) -> bool {
    let Some((program, package)) = kind.takes() else { return true };
    let is_here = peers::is_here(program);
    if !is_here {
        notes.push(peers::missing(program, package));
    }
    is_here
}

fn table(
    plan: &Plan,
    title: &str,
    cameras: &str,
    candidates: &mut [Candidate<'_>],
) -> Result<Table> {
    let of = |name: &str| format!("{name}, {cameras}");
    let measurements = candidates.iter_mut().map(|candidate| {
        let name = of(candidate.kind.name());
        Measurement::new(name, Unit::FRAMES, || candidate.flood.rate())
    });
    let tell = |round| plan.tell(&format!("{title}: round {round} of {}", plan.rounds));
    let series = measure(measurements.collect(), plan.rounds, tell)?;
    let base = |kind: Kind| {
        let series = series.iter().find(|series| series.name == of(kind.name()));
        series.map(|series| (kind.name(), series))
    };
    let bases: Vec<_> = BASES.into_iter().filter_map(base).collect();
    let rows = series.iter().map(|series| Row::new(series, &bases)).collect();
    Ok(Table::new(format!("dropped on one CPU, {cameras}"), rows))
}

impl Candidate<'_> {
    /// Fails unless it has dropped all that it was sent.
    fn check(&self) -> Result<()> {
        if self.kind == Kind::DropOnly && self.way == Way::Driver {
            // Nobody counts what its program drops there, which is all that it is given.
            return Ok(());
        }
        let (sent, dropped) = (self.flood.sent(), self.filter.dropped()?);
        ensure!(dropped == sent, "{} dropped {dropped} of {sent} frames", self.kind.name());
        Ok(())
    }
}
