//! What camfence is to reach, all in one place.

use camfence_tests::measure::Summary;

use crate::report::{Part, Row};

/// What one measurement is to reach.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    /// The part that measures it, and the name of the row.
    pub(crate) of: (&'static str, &'static str),
    /// The row of the same part that it is a multiple of. None: the figure itself is judged.
    pub(crate) base: Option<&'static str>,
    pub(crate) bound: Bound,
}

/// How much it may or has to be; of figures, in their unit.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

/// A target and what was measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Judged {
    pub(crate) target: Target,
    /// None if it was not measured in this run.
    pub(crate) measured: Option<Summary>,
}

use Bound::{AtLeast, AtMost};

/// The targets.
pub(crate) const TARGETS: &[Target] = &[];

/// A target for a ratio.
const fn ratio(part: &'static str, row: &'static str, base: &'static str, bound: Bound) -> Target {
    Target { of: (part, row), base: Some(base), bound }
}

/// Judges what was measured.
pub(crate) fn judge(parts: &[Part]) -> Vec<Judged> {
    TARGETS.iter().map(|&target| Judged { target, measured: measured(parts, target) }).collect()
}

fn measured(parts: &[Part], target: Target) -> Option<Summary> {
    let (part, name) = target.of;
    let part = parts.iter().find(|p| p.name == part)?;
    let row: &Row = part.rows().find(|row| row.series.name == name)?;
    match target.base {
        None => Some(row.series.summary()),
        Some(base) => Some(row.ratios.iter().find(|(of, _)| of == base)?.1),
    }
}

impl Judged {
    /// Whether it is reached; none if it was not measured.
    pub(crate) fn met(&self) -> Option<bool> {
        let median = self.measured?.median;
        Some(match self.target.bound {
            AtMost(bound) => median <= bound,
            AtLeast(bound) => median >= bound,
        })
    }
}
