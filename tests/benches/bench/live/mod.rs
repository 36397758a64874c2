//! Changes while the fence stands: until they count, and many at once.

mod changes;
mod loads;

use std::thread;

use anyhow::Result;
use camfence_tests::measure::{Series, Unit, live};

use crate::Plan;
use crate::report::{Part, Row};

pub(crate) fn run(plan: &Plan) -> Result<Part> {
    // The thread's priority is its children's: all that is measured here.
    let first = || -> Result<Part> {
        live::go_first()?;
        let mut part = Part::new("live");
        for (cameras, named) in [(100, "100 cameras"), (1000, "1,000 cameras")] {
            part.tables.push(changes::table(plan, cameras, named)?);
        }
        loads::measure(plan, &mut part)?;
        Ok(part)
    };
    thread::scope(|scope| scope.spawn(first).join()).unwrap_or_else(|panic| {
        std::panic::resume_unwind(panic);
    })
}

/// A row of one figure, in milliseconds.
fn row(name: String, milliseconds: f64) -> Row {
    Row::new(&Series { name, unit: Unit::MILLISECONDS, samples: vec![milliseconds] }, &[])
}
