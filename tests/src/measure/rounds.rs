//! Samples taken in turn.
//!
//! A machine is not equally fast all the time, so what is to be compared is measured side by side:
//! a round takes one sample of each measurement, and ratios are of samples of one round. What is short
//! is taken together with what it is held against, in parts.

use anyhow::{Context as _, Result};

/// What a sample is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unit {
    /// The key of the numbers in JSON.
    pub key: &'static str,
    /// What follows a number that people read.
    pub name: &'static str,
    /// Digits behind the point that people read.
    pub digits: usize,
}

impl Unit {
    /// Time of one frame in one program.
    pub const NANOSECONDS: Self = Self::new("nanoseconds", "ns", 1);
    /// Time of what takes longer.
    pub const MILLISECONDS: Self = Self::new("milliseconds", "ms", 2);
    /// Frames.
    pub const FRAMES: Self = Self::new("million_frames_per_second", "M/s", 2);
    /// Throughput of a connection.
    pub const BITS: Self = Self::new("gigabits_per_second", "Gbit/s", 2);
    /// Memory, or the size of a file.
    pub const BYTES: Self = Self::new("bytes", "B", 0);
    /// Share of one CPU.
    pub const CPU: Self = Self::new("percent_of_a_cpu", "%", 3);
    /// Things.
    pub const COUNT: Self = Self::new("count", "", 0);

    /// A unit of its own.
    pub const fn new(key: &'static str, name: &'static str, digits: usize) -> Self {
        Self { key, name, digits }
    }
}

/// Something that is measured again and again.
pub struct Measurement<'a> {
    name: String,
    unit: Unit,
    sample: Box<dyn FnMut() -> Result<f64> + 'a>,
}

/// The samples of a measurement, one of each round.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// What was measured.
    pub name: String,
    /// In what.
    pub unit: Unit,
    /// In the order of the rounds.
    pub samples: Vec<f64>,
}

/// The middle of some numbers, and how far they spread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// Half of them are below.
    pub median: f64,
    /// A quarter of them is below.
    pub low: f64,
    /// A quarter of them is above.
    pub high: f64,
    /// The smallest.
    pub least: f64,
}

impl std::fmt::Debug for Measurement<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Measurement").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<'a> Measurement<'a> {
    /// `sample` takes one sample.
    pub fn new(
        name: impl Into<String>,
        unit: Unit,
        sample: impl FnMut() -> Result<f64> + 'a,
    ) -> Self {
        Self { name: name.into(), unit, sample: Box::new(sample) }
    }

    /// Without a sample yet.
    fn series(&self) -> Series {
        Series { name: self.name.clone(), unit: self.unit, samples: Vec::new() }
    }
}

/// Takes the samples of some rounds, after one that does not count: it fills caches, and shows what
/// does not work. Every other round goes through the measurements backwards, so that none of them
/// always follows the same one. `progress` is called with the number of each round.
pub fn measure(
    measurements: Vec<Measurement<'_>>,
    rounds: usize,
    progress: impl FnMut(usize),
) -> Result<Vec<Series>> {
    let alone = measurements.into_iter().map(|measurement| vec![measurement]).collect();
    Ok(measure_together(alone, 1, rounds, progress)?.into_iter().flatten().collect())
}

/// The same for measurements of time that belong together. The samples of a group are taken in so many
/// parts, each of one after the other, and of each the fastest part counts: whatever else is done on a
/// machine, or beside it by its host, only adds to the others, and lasts for less or for more than all of
/// a sample.
pub fn measure_together(
    mut groups: Vec<Vec<Measurement<'_>>>,
    parts: usize,
    rounds: usize,
    mut progress: impl FnMut(usize),
) -> Result<Vec<Vec<Series>>> {
    let empty = |group: &Vec<Measurement<'_>>| group.iter().map(Measurement::series).collect();
    let mut series: Vec<Vec<Series>> = groups.iter().map(empty).collect();
    for round in 0..=rounds {
        progress(round);
        let forwards = round % 2 == 0;
        for step in 0..groups.len() {
            let at = if forwards { step } else { groups.len() - 1 - step };
            let samples = fastest(&mut groups[at], parts)?;
            if round > 0 {
                series[at].iter_mut().zip(samples).for_each(|(series, it)| series.samples.push(it));
            }
        }
    }
    Ok(series)
}

/// The fastest of so many samples of each, taken in turn.
fn fastest(group: &mut [Measurement<'_>], parts: usize) -> Result<Vec<f64>> {
    let mut fastest = vec![f64::INFINITY; group.len()];
    for _ in 0..parts {
        for (measurement, fastest) in group.iter_mut().zip(&mut fastest) {
            let sample = (measurement.sample)().with_context(|| measurement.name.clone())?;
            *fastest = fastest.min(sample);
        }
    }
    Ok(fastest)
}

impl Series {
    /// The samples in short.
    pub fn summary(&self) -> Summary {
        Summary::of(&self.samples)
    }

    /// How many times as much as `base` this is, round by round.
    pub fn ratio(&self, base: &Self) -> Summary {
        let ratios: Vec<_> =
            self.samples.iter().zip(&base.samples).map(|(own, base)| own / base).collect();
        Summary::of(&ratios)
    }

    /// The same of the smallest samples: what is left of a noisy machine's.
    pub fn best_ratio(&self, base: &Self) -> f64 {
        self.summary().least / base.summary().least
    }
}

impl Summary {
    /// Of some numbers; of none all is NaN.
    pub fn of(numbers: &[f64]) -> Self {
        let mut sorted = numbers.to_vec();
        sorted.sort_by(f64::total_cmp);
        let part = |numerator: usize| {
            // The nearest: with few rounds nothing between two samples was measured.
            let last = sorted.len().saturating_sub(1);
            sorted.get((last * numerator + 2) / 4).copied().unwrap_or(f64::NAN)
        };
        Self { median: part(2), low: part(1), high: part(3), least: part(0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(samples: &[f64]) -> Series {
        Series { name: "x".into(), unit: Unit::COUNT, samples: samples.to_vec() }
    }

    #[test]
    fn the_median_is_the_middle_and_the_spread_the_quarters() {
        let summary = Summary::of(&[9.0, 1.0, 3.0, 2.0, 4.0]);
        assert_eq!(summary, Summary { median: 3.0, low: 2.0, high: 4.0, least: 1.0 });
        let summary = Summary { median: 5.0, low: 5.0, high: 5.0, least: 5.0 };
        assert_eq!(Summary::of(&[5.0]), summary);
        assert!(Summary::of(&[]).median.is_nan());
    }

    #[test]
    fn a_ratio_is_of_samples_of_one_round() {
        // Twice as slow in one round, and the ratio is the same.
        let (own, base) = (series(&[10.0, 20.0, 10.0]), series(&[5.0, 10.0, 5.0]));
        assert_eq!(own.ratio(&base), Summary { median: 2.0, low: 2.0, high: 2.0, least: 2.0 });
    }

    #[test]
    fn rounds_go_both_ways_and_the_first_does_not_count() -> Result<()> {
        let order = std::cell::RefCell::new(String::new());
        let named = |name: &'static str| {
            let order = &order;
            Measurement::new(name, Unit::COUNT, move || {
                order.borrow_mut().push_str(name);
                Ok(1.0)
            })
        };
        let series = measure(vec![named("a"), named("b")], 2, |_| ())?;
        assert_eq!(*order.borrow(), "abbaab");
        assert_eq!(series.iter().map(|s| s.samples.len()).collect::<Vec<_>>(), [2, 2]);
        Ok(())
    }

    #[test]
    fn of_a_group_the_fastest_parts_count() -> Result<()> {
        let order = std::cell::RefCell::new(String::new());
        let timed = |name: &'static str, times: [f64; 4]| {
            let (order, mut times) = (&order, times.into_iter());
            Measurement::new(name, Unit::NANOSECONDS, move || {
                order.borrow_mut().push_str(name);
                times.next().context("no more")
            })
        };
        let [a, b, c] = [
            timed("a", [9.0, 9.0, 4.0, 2.0]),
            timed("b", [1.0, 1.0, 1.0, 3.0]),
            timed("c", [5.0, 7.0, 7.0, 6.0]),
        ];
        let series = measure_together(vec![vec![a, b], vec![c]], 2, 1, |_| ())?;
        assert_eq!(*order.borrow(), "ababccccabab");
        let samples = series.iter().flatten().map(|series| series.samples[0]);
        assert_eq!(samples.collect::<Vec<_>>(), [2.0, 1.0, 6.0]);
        Ok(())
    }
}
