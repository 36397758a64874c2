//! Random frames under random policies: the core on the host and the programs in the kernel agree
//! on each of them, in verdict and in every counter, and another dissector agrees with both on where
//! the frame goes.
//!
//! `CAMFENCE_CASES` sets how many frames are tried, and lifts the limit on time; `CAMFENCE_SEED`
//! repeats a run that failed.

mod frames;
mod oracle;
mod policies;

use std::{
    cell::RefCell,
    collections::BTreeMap,
    env,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result};
use camfence::policy::compile::{CompiledPolicy, compile};
use camfence_common::reason::{Direction, Reason};
use camfence_tests::judge::{Host, Kernel, Ruling, programs, runs};
use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner},
};

use self::{frames::Surroundings, policies::Policy};

/// Frames in a usual run.
const CASES: u32 = 6_000;
/// Frames tried under one policy: loading the programs takes as long as a thousand frames.
const CASES_A_POLICY: u32 = 300;
/// A usual run ends after this time, however few frames it tried.
const TIME: Duration = Duration::from_secs(15);

/// How often each verdict was met: "bystander" or a reason's name, by direction.
type Met = BTreeMap<(&'static str, &'static str), u32>;

#[test]
fn host_and_kernel_agree() -> Result<()> {
    let wanted = env::var("CAMFENCE_CASES").ok().map(|cases| cases.parse::<u32>()).transpose()?;
    let seed = match env::var("CAMFENCE_SEED") {
        Ok(seed) => seed.parse()?,
        Err(_) => u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos() >> 10)?,
    };
    let (start, cases) = (Instant::now(), wanted.unwrap_or(CASES));
    let mut met = Met::new();
    let mut tried = 0;
    while tried < cases && (wanted.is_some() || start.elapsed() < TIME) {
        let batch = CASES_A_POLICY.min(cases - tried);
        try_policy(seed, tried, batch, &mut met)
            .with_context(|| format!("to repeat: CAMFENCE_SEED={seed}"))?;
        tried += batch;
    }
    println!("{tried} frames, CAMFENCE_SEED={seed}: {met:#?}");
    check_variety(tried, &met);
    Ok(())
}

/// A generator for the frames from `number` on.
fn rng(seed: u64, number: u32) -> TestRng {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..12].copy_from_slice(&number.to_le_bytes());
    TestRng::from_seed(RngAlgorithm::ChaCha, &bytes)
}

/// Tries some frames under one policy.
fn try_policy(seed: u64, number: u32, cases: u32, met: &mut Met) -> Result<()> {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, rng(seed, number));
    let policy = policies::policy().new_tree(&mut runner);
    let policy = policy.map_err(anyhow::Error::msg)?.current();
    let compiled = compile(&policy.config(), &[])?;
    let bench = RefCell::new(Bench::new(&policy, &compiled)?);
    runner
        .run(&frames::frame(Surroundings::of(&policy)), |frame| bench.borrow_mut().agree(&frame.0))
        .map_err(|error| anyhow::anyhow!("{error}\nunder {policy:?}"))?;
    for (verdict, times) in bench.into_inner().met {
        *met.entry(verdict).or_default() += times;
    }
    Ok(())
}

/// Both under one policy.
struct Bench<'a> {
    policy: &'a Policy,
    host: Host,
    kernel: Kernel,
    met: Met,
}

impl<'a> Bench<'a> {
    fn new(policy: &'a Policy, compiled: &CompiledPolicy) -> Result<Self> {
        let (host, kernel) = (Host::new(compiled), Kernel::new(compiled)?);
        Ok(Self { policy, host, kernel, met: Met::new() })
    }

    /// Whether another dissector finds an address that the reason fits.
    fn fits(&self, ruling: &Ruling, frame: &[u8]) -> bool {
        ruling.moved.iter().all(|moved| {
            let local = &self.policy.profiles[self.policy.cameras[&moved.camera]];
            oracle::fits(moved.direction, moved.reason, local, frame)
        })
    }

    fn agree(&mut self, frame: &[u8]) -> Result<(), TestCaseError> {
        for direction in Direction::ALL {
            let expected = self.host.judge(direction, frame);
            let verdict = expected.reason().map_or("bystander", Reason::name);
            *self.met.entry((direction.name(), verdict)).or_default() += 1;
            prop_assert!(self.fits(&expected, frame), "{:?} does not fit the address", expected);
            for &program in programs(direction).iter().filter(|&&program| runs(program, frame)) {
                let ruling = self.kernel.judge(program, frame);
                let ruling = ruling.map_err(|error| TestCaseError::fail(format!("{error:#}")))?;
                prop_assert_eq!(&ruling, &expected, "{:?} is left, the host right", program);
            }
        }
        Ok(())
    }
}

/// The frames have to meet every verdict, or they prove little.
fn check_variety(tried: u32, met: &Met) {
    const ENOUGH: u32 = 1_000;
    if tried < ENOUGH {
        return;
    }
    // Profiles are written before cameras point to them: no frame meets one that is not there.
    let reasons = Reason::ALL.into_iter().filter(|reason| *reason != Reason::NoPolicy);
    for reason in reasons {
        let direction = match reason {
            Reason::Inbound => Direction::Inbound,
            _ => Direction::Outbound,
        };
        let key = (direction.name(), reason.name());
        assert!(met.contains_key(&key), "{key:?} was not met: {met:#?}");
    }
}
