//! Whether the programs are as fast and as short as they were recorded to be
//! (`tests/benches/baseline.json`, which `cargo xtask bench --record` writes).

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use camfence_tests::kernel;
use camfence_tests::measure::baseline::{Baseline, MARGIN, Made, judge};
use camfence_tests::measure::guard::{self, Guard};

const ROUNDS: usize = 9;
/// How often what is too slow is measured again: a machine that has other work is slow for a while,
/// a program that has become slower stays so.
const TRIES: usize = 3;

#[test]
fn frames_take_no_longer_than_recorded() -> Result<()> {
    let guard = Guard::new()?;
    let (recorded, margin) = Baseline::recorded()?.times_of(&guard::machine()?);
    let mut best: BTreeMap<String, f64> = BTreeMap::new();
    let mut slow = Vec::new();
    for _ in 0..TRIES {
        for (name, time) in guard.times(ROUNDS)? {
            best.entry(name).and_modify(|best| *best = best.min(time)).or_insert(time);
        }
        slow = judge("times the own look-up's", &best, &recorded, margin);
        if slow.is_empty() {
            break;
        }
    }
    println!("{best:#?}");
    none_is_above(&slow, margin)
}

#[test]
fn programs_are_no_longer_than_recorded() -> Result<()> {
    let recorded = Baseline::recorded()?;
    let long = judge(
        "instructions in the object",
        &guard::instructions()?,
        &recorded.instructions,
        MARGIN,
    );
    none_is_above(&long, MARGIN)
}

#[test]
fn the_kernel_works_no_harder_than_recorded() -> Result<()> {
    let version = guard::version()?;
    let recorded = Baseline::recorded()?;
    let Some(recorded) = recorded.kernels.get(&version) else {
        kernel::skip(&format!(
            "nothing is recorded of kernel {version}: cargo xtask bench --record"
        ));
        return Ok(());
    };
    let made = Guard::new()?.made()?;
    println!("{made:#?}");
    let of = |all: &BTreeMap<String, Made>, which: fn(Made) -> u32| -> BTreeMap<String, u32> {
        all.iter().map(|(name, made)| (name.clone(), which(*made))).collect()
    };
    let mut hard = Vec::new();
    for (what, which) in [
        ("instructions that the verifier followed", (|made| made.verified) as fn(Made) -> u32),
        ("instructions behind the verifier", |made| made.translated),
    ] {
        hard.extend(judge(what, &of(&made, which), &of(recorded, which), MARGIN));
    }
    none_is_above(&hard, MARGIN)
}

fn none_is_above(found: &[String], margin: f64) -> Result<()> {
    ensure!(
        found.is_empty(),
        "more than {margin} times what is recorded (if that is meant: cargo xtask bench --record):\n{}",
        found.join("\n")
    );
    Ok(())
}
