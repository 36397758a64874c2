//! Named frames with the ruling they have to get.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use camfence_common::{
    mac::Mac,
    reason::{Direction, Reason},
};

use super::{Host, Kernel, Ruling, policy, programs, runs};
use crate::Frame;

/// A named frame with the ruling it has to get.
#[derive(Debug, Clone)]
pub struct Fixture {
    name: String,
    direction: Direction,
    frame: Vec<u8>,
    expected: Expected,
}

/// What has to happen to a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// It passes and nothing is counted.
    Bystander,
    /// It is a camera's, counted once for this reason and treated as the reason says.
    Counted(Reason),
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
        Self { name: name.into(), direction, frame: frame.build(), expected }
    }

    fn ruling(&self) -> Ruling {
        let Expected::Counted(reason) = self.expected else { return Ruling::BYSTANDER };
        let at = match self.direction {
            Direction::Outbound => 6..12,
            Direction::Inbound => 0..6,
        };
        let mac = self.frame[at].try_into().expect("a range of six");
        Ruling::counted(Mac(mac), self.direction, reason, self.frame.len())
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
            for (judge, ruling) in self.rulings(fixture) {
                let expected = fixture.ruling();
                if ruling != expected {
                    wrong.push(format!("{}: {judge}: {ruling:?}; not {expected:?}", fixture.name));
                }
            }
        }
        println!("{} fixtures", fixtures.len());
        assert!(wrong.is_empty(), "{} wrong rulings:\n{}", wrong.len(), wrong.join("\n"));
    }

    #[track_caller]
    fn rulings(&mut self, fixture: &Fixture) -> Vec<(String, Ruling)> {
        let Fixture { name, direction, frame, .. } = fixture;
        let mut rulings = vec![("host".into(), self.host.judge(*direction, frame))];
        for &program in programs(*direction).iter().filter(|&&program| runs(program, frame)) {
            let ruling = self.kernel.judge(program, frame).context(name.clone()).expect("it runs");
            rulings.push((format!("{program:?}"), ruling));
        }
        rulings
    }
}
