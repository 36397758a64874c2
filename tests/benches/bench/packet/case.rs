//! One program, and the frames it is run with.

use std::collections::BTreeSet;
use std::rc::Rc;

use anyhow::{Result, ensure};
use camfence_common::abi::HintPlace;
use camfence_tests::measure::frames::{self, Peer, Shape};
use camfence_tests::measure::{Measurement, Program, Unit};

use super::{HIT, MISS};
use crate::Plan;

/// How often a sample runs a frame, all of a case together.
const REPEATS: u32 = 1_000_000;
const QUICK_REPEATS: u32 = 100_000;

/// In how many parts a sample is taken.
pub(super) const PARTS: u32 = 4;

/// How many stations send the frames of a case: where an address is in a table is chance, and one that
/// is found sooner than others would pass for all.
const STATIONS: usize = 16;

/// Cases that make one table.
pub(crate) struct Group {
    pub(crate) title: &'static str,
    pub(crate) cases: Vec<Case>,
}

/// A row to be.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) program: Rc<Program>,
    /// A part of a sample is the mean of them.
    pub(crate) frames: Vec<Vec<u8>>,
    pub(crate) dropped: bool,
    /// What it is held against: the heading of a column, and the name of a row.
    pub(crate) bases: Vec<(&'static str, String)>,
}

impl Case {
    /// Frames that are dropped.
    pub(crate) fn new(name: impl Into<String>, program: Rc<Program>, frames: Vec<Vec<u8>>) -> Self {
        Self { name: name.into(), program, frames, dropped: true, bases: Vec::new() }
    }

    /// They pass.
    pub(crate) fn passed(self) -> Self {
        Self { dropped: false, ..self }
    }

    /// Held against another row.
    pub(crate) fn against(mut self, heading: &'static str, name: impl Into<String>) -> Self {
        self.bases.push((heading, name.into()));
        self
    }

    /// Held against xdp-filter's miss.
    pub(crate) fn against_miss(self) -> Self {
        self.against(MISS, MISS)
    }

    /// Held against xdp-filter's hit.
    pub(crate) fn against_hit(self) -> Self {
        self.against(HIT, HIT)
    }

    /// The time of a part.
    pub(crate) fn measurement(&self, plan: &Plan) -> Measurement<'_> {
        let repeats = if plan.quick { QUICK_REPEATS } else { REPEATS };
        Measurement::new(&self.name, Unit::NANOSECONDS, move || self.part(repeats / PARTS))
    }

    /// The mean of its frames, of so many repeats in all.
    fn part(&self, repeats: u32) -> Result<f64> {
        let frames = u32::try_from(self.frames.len())?;
        let mut sum = 0.0;
        for frame in &self.frames {
            let run = self.program.run(frame, repeats / frames)?;
            ensure!(run.dropped == self.dropped, "dropped: {}", run.dropped);
            sum += run.nanoseconds;
        }
        Ok(sum / f64::from(frames))
    }
}

/// Frames that leave home: from some of so many cameras, all over the table.
pub(crate) fn from_cameras(cameras: usize) -> Vec<Vec<u8>> {
    let frame = |source| frames::outbound(source, Shape::V4, Peer::Outside);
    some_of(cameras).into_iter().map(|number| frame(frames::camera(number))).collect()
}

/// The same from stations that are no cameras.
pub(crate) fn from_bystanders() -> Vec<Vec<u8>> {
    let frame = |source| frames::outbound(source, Shape::V4, Peer::Outside);
    (0..STATIONS).map(|number| frame(frames::bystander(number))).collect()
}

/// Numbers of some of so many, all over the list. Of those whose hint leads to an earlier one, so that they are
/// looked up, as large a part as there is among all: chance would take none of them or many.
pub(crate) fn some_of(all: usize) -> Vec<usize> {
    let mut numbers: Vec<_> = (0..all).collect();
    // As the fence has them.
    numbers.sort_unstable_by_key(|number| frames::camera(*number));
    let mut places = BTreeSet::new();
    let is_first = |number: &usize| places.insert(HintPlace::of(frames::camera(*number).into()));
    let (first, later): (Vec<_>, Vec<_>) = numbers.into_iter().partition(is_first);
    let stations = STATIONS.min(all);
    let of_later = (stations * later.len() + all / 2) / all;
    let mut some = spread(&first, stations - of_later);
    some.extend(spread(&later, of_later));
    some
}

/// So many of them, the first and the last among them if there are several.
fn spread(numbers: &[usize], count: usize) -> Vec<usize> {
    let step = |step: usize| numbers[step * (numbers.len() - 1) / (count - 1).max(1)];
    (0..count).map(step).collect()
}
