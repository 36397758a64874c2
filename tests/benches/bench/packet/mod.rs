//! What the programs take for one frame.

use anyhow::Result;
use camfence_tests::measure::{Measurement, Unit, measure, own};
use camfence_tests::{Frame, mac};

use crate::Plan;
use crate::report::{Part, Table};

const REPEATS: u32 = 1_000_000;

pub(crate) fn run(plan: &Plan) -> Result<Part> {
    let mut part = Part::new("packet");
    let frame = Frame::from(mac("b0:c5:54:25:5b:0e")).ipv4("192.168.1.31", "203.0.113.7").udp(1, 2);
    let frame = frame.payload_of(18).build();
    let drop = own::drop()?;
    let look_up = own::look_up(&[mac("b0:c5:54:25:5b:0e")])?;
    let all = vec![
        Measurement::new("empty", Unit::NANOSECONDS, || Ok(drop.run(&frame, REPEATS)?.nanoseconds)),
        Measurement::new("look_up", Unit::NANOSECONDS, || {
            Ok(look_up.run(&frame, REPEATS)?.nanoseconds)
        }),
    ];
    let series = measure(all, plan.rounds, |round| plan.tell(&format!("packet: round {round}")))?;
    part.tables.push(Table::new("XDP", &series, &["empty"]));
    Ok(part)
}
