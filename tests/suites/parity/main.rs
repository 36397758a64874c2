//! Random frames under random policies: a model of the design, the core on the host and the
//! programs in the kernel agree on the reason of each of them, on the verdict and on every counter.
//!
//! `CAMFENCE_CASES` sets how many frames are tried; `CAMFENCE_SEED` repeats a run that failed.

mod frames;
mod judges;
mod model;
mod policies;

use std::{
    cell::RefCell,
    collections::BTreeMap,
    env,
    num::NonZero,
    rc::Rc,
    sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    thread,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result};
use camfence_common::reason::{
    Direction::{self, Inbound, Outbound},
    Reason,
};
use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner},
};

use self::{frames::Surroundings, judges::Judges};

/// Frames in a usual run.
const CASES: u32 = 200_000;
/// Frames tried under one policy.
const CASES_A_POLICY: u32 = 250;

/// How often each verdict was met: "bystander" or a reason's name, by direction.
type Met = BTreeMap<(&'static str, &'static str), u32>;

#[test]
fn model_host_and_kernel_agree() -> Result<()> {
    let cases = env::var("CAMFENCE_CASES").map_or(Ok(CASES), |cases| cases.parse())?;
    let seed = match env::var("CAMFENCE_SEED") {
        Ok(seed) => seed.parse()?,
        Err(_) => u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos() >> 10)?,
    };
    let start = Instant::now();
    let met = Run { seed, cases, taken: AtomicU32::new(0), failed: AtomicBool::new(false) }
        .to_its_end()
        .with_context(|| format!("to repeat: CAMFENCE_SEED={seed} CAMFENCE_CASES={cases}"))?;
    let seconds = start.elapsed().as_secs_f32();
    println!("{cases} frames, both ways, in {seconds:.0} s; CAMFENCE_SEED={seed}");
    println!("{met:#?}");
    check_variety(cases, &met);
    Ok(())
}

/// Work that threads share: one policy and its frames at a time.
struct Run {
    seed: u64,
    cases: u32,
    /// Frames that a thread has taken on.
    taken: AtomicU32,
    failed: AtomicBool,
}

impl Run {
    fn to_its_end(&self) -> Result<Met> {
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let mut met = Met::new();
        let results = thread::scope(|scope| {
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(|| self.work())).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("a thread does not panic"))
                .collect::<Vec<_>>()
        });
        for result in results {
            for (verdict, times) in result? {
                *met.entry(verdict).or_default() += times;
            }
        }
        Ok(met)
    }

    /// What one thread does. The programs are loaded once: that takes longer than many frames.
    fn work(&self) -> Result<Met> {
        let mut met = Met::new();
        let mut judges = None;
        while !self.failed.load(Relaxed) {
            let number = self.taken.fetch_add(CASES_A_POLICY, Relaxed);
            if number >= self.cases {
                break;
            }
            let cases = CASES_A_POLICY.min(self.cases - number);
            let result = self.try_policy(number, cases, &mut judges, &mut met);
            self.failed.fetch_or(result.is_err(), Relaxed);
            result?;
        }
        Ok(met)
    }

    /// Tries some frames under one policy.
    fn try_policy(
        &self,
        number: u32,
        cases: u32,
        judges: &mut Option<Judges>,
        met: &mut Met,
    ) -> Result<()> {
        let settings = Config { cases, failure_persistence: None, ..Config::default() };
        let mut runner = TestRunner::new_with_rng(settings, self.rng(number));
        let config = policies::policy().new_tree(&mut runner);
        let config = config.map_err(anyhow::Error::msg)?.current();
        let judges = match judges {
            Some(judges) => judges.turn_to(&config).map(|()| judges)?,
            None => judges.insert(Judges::new(&config)?),
        };
        let around = Rc::new(Surroundings::of(&config));
        let bench = RefCell::new((judges, met));
        let result = runner.run(&frames::frame(around), |frame| {
            let (judges, met) = &mut *bench.borrow_mut();
            for direction in Direction::ALL {
                let reason = judges.agree(direction, &frame.bytes);
                let reason = reason.map_err(|error| TestCaseError::fail(format!("{error:#}")))?;
                let verdict = reason.map_or("bystander", Reason::name);
                *met.entry((direction.name(), verdict)).or_default() += 1;
            }
            Ok(())
        });
        result.map_err(|error| anyhow::anyhow!("{error}\nunder {config:#?}"))?;
        let (judges, _) = bench.into_inner();
        judges.check_ledger().with_context(|| format!("under {config:#?}"))
    }

    /// A generator for the frames from `number` on.
    fn rng(&self, number: u32) -> TestRng {
        // One that costs little without optimization; it wants a seed that is not zero.
        let seed = [self.seed, u64::from(number) + 1].map(u64::to_le_bytes);
        TestRng::from_seed(RngAlgorithm::XorShift, seed.as_flattened())
    }
}

/// Whether frames can meet a reason. No camera is opened here; profiles are written before cameras
/// point to them.
fn occurs(direction: Direction, reason: Reason) -> bool {
    match reason {
        Reason::Opened | Reason::NoPolicy => false,
        Reason::Sealed
        | Reason::Spoof
        | Reason::Dns
        | Reason::PortMapping
        | Reason::Rogue
        | Reason::NotLocal => direction == Outbound,
        Reason::Inbound => direction == Inbound,
        Reason::Malformed
        | Reason::Link
        | Reason::EtherType
        | Reason::Tunnel
        | Reason::SourceRoute
        | Reason::OnLink
        | Reason::Local
        | Reason::Allowed
        | Reason::Fragment => true,
    }
}

/// The frames have to meet every verdict often, and none that cannot be, or they prove little.
fn check_variety(cases: u32, met: &Met) {
    /// A run shorter than this meets too little.
    const LONG: u32 = 50_000;
    /// Each verdict is met once in so many frames at least.
    const ONE_IN: u32 = 1_000;
    for direction in Direction::ALL {
        for reason in Reason::ALL {
            let times = met.get(&(direction.name(), reason.name())).copied().unwrap_or(0);
            let (direction_name, name) = (direction.name(), reason.name());
            if !occurs(direction, reason) {
                assert_eq!(times, 0, "{direction_name} {name} was met");
            } else if cases >= LONG {
                assert!(times >= cases / ONE_IN, "{direction_name} {name}: only {times} times");
            }
        }
    }
}
