//! Named frames with the ruling they have to get.

use std::{
    collections::BTreeSet,
    sync::{Mutex, OnceLock, PoisonError},
};

use anyhow::{Context as _, Result};
use camfence::kernel::runner::PORT;
use camfence_common::{
    abi::Subject,
    mac::Mac,
    reason::{Direction, Reason},
};

use super::{Host, Kernel, Ruling, policy, programs, runs};
use crate::Frame;

/// A named frame, or several in a row, with the rulings they have to get.
#[derive(Debug, Clone)]
pub struct Fixture {
    name: String,
    direction: Direction,
    steps: Vec<Step>,
}

/// A frame with the ruling it has to get.
#[derive(Debug, Clone)]
pub struct Step {
    /// The frame.
    pub frame: Vec<u8>,
    /// What has to happen to it.
    pub expected: Expected,
}

/// What has to happen to a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// It passes and nothing is counted.
    Bystander,
    /// It is a camera's, counted once for this reason and treated as the reason says.
    Counted(Reason),
    /// It is from or to an unknown source, and counted once for this reason for the port.
    Stranger(Reason),
}

impl Fixture {
    /// A frame that a camera sends.
    pub fn outbound(name: impl Into<String>, frame: &Frame, reason: Reason) -> Self {
        Self::new(name, Direction::Outbound, frame, Expected::Counted(reason))
    }

    /// A frame that goes to a camera.
    pub fn inbound(name: impl Into<String>, frame: &Frame, reason: Reason) -> Self {
        Self::new(name, Direction::Inbound, frame, Expected::Counted(reason))
    }

    /// A frame that is, in a direction, none of a camera's.
    pub fn bystander(name: impl Into<String>, direction: Direction, frame: &Frame) -> Self {
        Self::new(name, direction, frame, Expected::Bystander)
    }

    /// A frame with what has to happen to it.
    pub fn new(
        name: impl Into<String>,
        direction: Direction,
        frame: &Frame,
        expected: Expected,
    ) -> Self {
        let steps = vec![Step { frame: frame.build(), expected }];
        Self { name: name.into(), direction, steps }
    }

    /// Adds a frame that follows, counted for a reason.
    #[must_use]
    pub fn then(self, frame: &Frame, reason: Reason) -> Self {
        self.then_expect(frame, Expected::Counted(reason))
    }

    /// Adds a frame that follows, with what has to happen to it.
    #[must_use]
    pub fn then_expect(mut self, frame: &Frame, expected: Expected) -> Self {
        self.steps.push(Step { frame: frame.build(), expected });
        self
    }

    /// The same with other frames in place of its own, and the same rulings.
    #[must_use]
    pub fn changed(&self, change: impl Fn(&Step) -> Vec<u8>) -> Self {
        let steps = self.steps.iter();
        let steps = steps.map(|step| Step { frame: change(step), expected: step.expected });
        Self { steps: steps.collect(), ..self.clone() }
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Which way its frames go.
    pub const fn direction(&self) -> Direction {
        self.direction
    }

    /// Its frames in their order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }
}

impl Step {
    fn ruling(&self, direction: Direction) -> Ruling {
        let (subject, reason) = match self.expected {
            Expected::Bystander => return Ruling::BYSTANDER,
            Expected::Counted(reason) => (Subject::Camera(self.camera(direction)), reason),
            Expected::Stranger(reason) => (Subject::Strangers(PORT), reason),
        };
        Ruling::counted_for(subject, direction, reason, self.frame.len())
    }

    /// The MAC by which the frame is a camera's.
    ///
    /// # Panics
    /// When the frame is too short to have it.
    pub fn camera(&self, direction: Direction) -> Mac {
        let at = match direction {
            Direction::Outbound => 6..12,
            Direction::Inbound => 0..6,
        };
        Mac(self.frame[at].try_into().expect("a range of six"))
    }
}

/// A bench that the tests of a suite share: loading the programs takes longer than all the verdicts.
#[derive(Debug)]
pub struct SharedBench {
    config: &'static str,
    bench: OnceLock<Mutex<Bench>>,
}

impl SharedBench {
    /// With the policy of a configuration's text; made when the first test wants it.
    pub const fn new(config: &'static str) -> Self {
        Self { config, bench: OnceLock::new() }
    }

    /// Judges fixtures; see [`Bench::check`].
    ///
    /// # Panics
    /// As that does, and when the programs do not load.
    #[track_caller]
    pub fn check(&self, fixtures: &[Fixture]) {
        let make = || Mutex::new(Bench::new(self.config).expect("the programs load"));
        // A test that failed left nothing half done.
        self.bench.get_or_init(make).lock().unwrap_or_else(PoisonError::into_inner).check(fixtures);
    }
}

/// The host and the kernel with the same policy.
#[derive(Debug)]
pub struct Bench {
    host: Host,
    kernel: Kernel,
}

impl Bench {
    /// With the policy of a configuration's text.
    pub fn new(config: &str) -> Result<Self> {
        let policy = policy(config)?;
        Ok(Self { host: Host::new(&policy), kernel: Kernel::new(&policy)? })
    }

    /// The kernel's part.
    pub const fn kernel(&mut self) -> &mut Kernel {
        &mut self.kernel
    }

    /// Judges every frame in every way there is for its direction. A frame that the
    /// kernel does not run (see [`runs`]) is left to the others.
    ///
    /// # Panics
    /// When a ruling is not the expected one, after all frames were judged, or when two frames
    /// have one name.
    #[track_caller]
    pub fn check(&mut self, fixtures: &[Fixture]) {
        let names: BTreeSet<&str> = fixtures.iter().map(|fixture| fixture.name.as_str()).collect();
        assert_eq!(names.len(), fixtures.len(), "every fixture has a name of its own");
        let mut wrong = Vec::new();
        for fixture in fixtures {
            for (number, step) in fixture.steps.iter().enumerate() {
                let expected = step.ruling(fixture.direction);
                for (judge, ruling) in self.rulings(fixture, step) {
                    if ruling != expected {
                        let what = format!("{}, frame {}", fixture.name, number + 1);
                        wrong.push(format!("{what}: {judge}: {ruling:?}; not {expected:?}"));
                    }
                }
            }
        }
        println!("{} fixtures", fixtures.len());
        assert!(wrong.is_empty(), "{} wrong rulings:\n{}", wrong.len(), wrong.join("\n"));
    }

    #[track_caller]
    fn rulings(&mut self, fixture: &Fixture, step: &Step) -> Vec<(String, Ruling)> {
        let (direction, frame) = (fixture.direction, &step.frame);
        let mut rulings = vec![("host".into(), self.host.judge(direction, frame))];
        for &program in programs(direction).iter().filter(|&&program| runs(program, frame)) {
            let ruling = self.kernel.judge(program, frame);
            let ruling = ruling.context(fixture.name.clone()).expect("it runs");
            rulings.push((format!("{program:?}"), ruling));
        }
        rulings
    }
}
