//! What was recorded of the programs: a change that makes them much slower or longer shows beside it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

/// Where it is kept.
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/baseline.json");

/// How many times as much as recorded is still taken for the same.
pub const MARGIN: f64 = 1.25;

/// The same of a machine that is not recorded, where calls and look-ups cost differently beside each other.
const ELSEWHERE: f64 = 2.0;

/// A record.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// Times of frames, as multiples of the benchmark's own look-up (see [`super::guard`]), by
    /// [machine](super::guard::machine).
    pub times: BTreeMap<String, BTreeMap<String, f64>>,
    /// Instructions of the programs in the object file.
    pub instructions: BTreeMap<String, u32>,
    /// What kernels made of the programs, by version ("6.12").
    pub kernels: BTreeMap<String, BTreeMap<String, Made>>,
}

/// What a kernel made of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// Instructions after the verifier's rewriting, before they became machine code.
    pub translated: u32,
    /// How many instructions the verifier followed.
    pub verified: u32,
}

impl Baseline {
    /// What was recorded when this was compiled: tests run on machines without the source, too.
    pub fn recorded() -> Result<Self> {
        let text = include_str!("../../benches/baseline.json");
        serde_json::from_str(text).context("reading the baseline")
    }

    /// The times that are recorded of a machine, and how many times as much is taken for the same. Of one
    /// that is not, the longest of all others.
    pub fn times_of(&self, machine: &str) -> (BTreeMap<String, f64>, f64) {
        if let Some(times) = self.times.get(machine) {
            return (times.clone(), MARGIN);
        }
        let mut longest = BTreeMap::<String, f64>::new();
        for (name, &time) in self.times.values().flatten() {
            let known = longest.entry(name.clone()).or_insert(time);
            *known = known.max(time);
        }
        (longest, ELSEWHERE)
    }

    /// Records this.
    pub fn write(&self) -> Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        fs::write(Path::new(FILE), text).with_context(|| format!("writing {FILE}"))
    }
}

/// Says what is more than the margin above its record, or has none.
pub fn judge<N: Copy + Into<f64>>(
    what: &str,
    found: &BTreeMap<String, N>,
    recorded: &BTreeMap<String, N>,
    margin: f64,
) -> Vec<String> {
    let judge = |(name, found): (&String, &N)| {
        let found: f64 = (*found).into();
        let Some(&recorded) = recorded.get(name) else {
            return Some(format!("{what}: {name} is {found:.2}, and nothing is recorded"));
        };
        let recorded: f64 = recorded.into();
        (found > recorded * margin)
            .then(|| format!("{what}: {name} is {found:.2}, and {recorded:.2} is recorded"))
    };
    found.iter().filter_map(judge).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_is_not_recorded_may_take_twice_as_long_as_the_slowest() {
        let of = |times: [f64; 2]| BTreeMap::from([("a".into(), times[0]), ("b".into(), times[1])]);
        let times = BTreeMap::from([("x".into(), of([1.0, 4.0])), ("y".into(), of([2.0, 3.0]))]);
        let baseline = Baseline { times, ..Baseline::default() };
        assert_eq!(baseline.times_of("y"), (of([2.0, 3.0]), MARGIN));
        assert_eq!(baseline.times_of("z"), (of([2.0, 4.0]), ELSEWHERE));
    }

    #[test]
    fn a_quarter_more_is_too_much_and_so_is_what_nobody_recorded() {
        let of = |name: &str, value: f64| BTreeMap::from([(name.to_owned(), value)]);
        let recorded = of("a", 2.0);
        assert!(judge("x", &of("a", 2.4), &recorded, MARGIN).is_empty());
        assert_eq!(judge("x", &of("a", 2.6), &recorded, MARGIN).len(), 1);
        assert_eq!(judge("x", &of("b", 1.0), &recorded, MARGIN).len(), 1);
    }
}
