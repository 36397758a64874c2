//! Replaying captures: every frame through the real programs and the real policy, no interface
//! touched.
//!
//! The core on the host judges every frame too. It has to say the same: [`Replay::check`].

mod disagreement;

use std::{collections::BTreeMap, io, path::Path};

use bytemuck::Zeroable as _;
use camfence_common::{
    abi::{CameraCounters, Subject, Tally},
    packet::{Bytes, Packet},
    reason::Direction,
    wire::ethernet,
};
use rustix::io::Errno;
use serde::Serialize;
use thiserror::Error;

pub use self::disagreement::{Difference, Disagreement};
use crate::{
    capture::{self, CaptureError, Frame},
    config::{Config, Unknown},
    explain::{Explainer, Explanation, Ruling},
    kernel::{
        KernelError,
        runner::{Outcome, PORT, Program, Runner},
    },
    policy::compile::{CompileError, CompiledPolicy, Surroundings, compile},
    telemetry::report::{CameraReport, Count, StrangersReport},
};

/// A capture cannot be replayed.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// The capture.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// The kernel.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// The policy.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// What was found about a frame cannot be told.
    #[error("writing the output")]
    Output(#[source] io::Error),
    /// Kernel and host do not say the same.
    #[error(transparent)]
    Disagreement(#[from] Disagreement),
}

impl ReplayError {
    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Capture(error) => Some(error.hint()),
            Self::Kernel(error) => error.hint(),
            Self::Compile(error) => Some(error.hint()),
            Self::Output(_) => None,
            Self::Disagreement(_) => Some(Disagreement::HINT.into()),
        }
    }
}

/// A frame of a capture that was judged, in one direction.
#[derive(Debug)]
pub struct Judged<'a> {
    /// Its number in the capture, from 1.
    pub number: u64,
    direction: Direction,
    frame: Frame<'a>,
    explainer: Explainer<'a>,
    ruling: Ruling<'a>,
}

impl Judged<'_> {
    /// Why it passes or is dropped.
    pub fn explain(&self) -> Explanation {
        self.explainer.explain(self.direction, &self.frame, self.ruling)
    }
}

/// What `replay --json` prints. Others' scripts parse it; its keys do not change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReplayReport {
    /// Every frame of the captures.
    pub frames: u64,
    /// Frames from sources that are not registered.
    pub bystanders: Count,
    /// What happened to frames of unknown sources; not there if they are let through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown: Option<StrangersReport>,
    /// The cameras, in the configuration's order.
    pub cameras: Vec<CameraReport>,
}

/// Replays captures one after the other.
pub struct Replay<'a> {
    config: &'a Config,
    policy: CompiledPolicy,
    runner: Runner,
    /// Counters of the frames that the kernel takes from a wire but not for a test run.
    judged_here: BTreeMap<Subject, CameraCounters>,
    /// What the host would have counted of the frames that the kernel ran.
    expected: BTreeMap<Subject, CameraCounters>,
    /// The first frame, of all, that the kernel let pass and the host did not, or the reverse.
    first_difference: Option<u64>,
    frames: u64,
    bystanders: Count,
}

impl std::fmt::Debug for Replay<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replay").field("frames", &self.frames).finish_non_exhaustive()
    }
}

impl<'a> Replay<'a> {
    /// Loads the programs with a configuration's policy. With `log`, they log each verdict.
    pub fn new(config: &'a Config, log: bool) -> Result<Self, ReplayError> {
        // Frames of a test run arrive on one port, which is as `[fence]` says.
        let ports = vec![(PORT, config.fence.unknown)];
        let policy = compile(config, &Surroundings { ports, ..Surroundings::default() })?;
        Ok(Self {
            runner: Runner::new(&policy, log)?,
            config,
            policy,
            judged_here: BTreeMap::new(),
            expected: BTreeMap::new(),
            first_difference: None,
            frames: 0,
            bystanders: Count::default(),
        })
    }

    /// Runs every frame of a capture. `progress` is told how many frames were run so far.
    pub fn run(&mut self, path: &Path, progress: impl FnMut(u64)) -> Result<(), ReplayError> {
        self.run_each(path, |_| Ok(()), progress)
    }

    /// The same; `each` is told of every frame of a device that is judged, in each direction, and ends
    /// the run by failing.
    pub fn run_each(
        &mut self,
        path: &Path,
        mut each: impl FnMut(&Judged<'_>) -> io::Result<()>,
        mut progress: impl FnMut(u64),
    ) -> Result<(), ReplayError> {
        let mut number = 0;
        capture::for_each_frame(path, |frame| {
            number += 1;
            self.run_frame(frame, number, &mut each)?;
            progress(self.frames);
            Ok(())
        })
    }

    /// Compares what the kernel counted with what the host would have.
    pub fn check(&self) -> Result<(), ReplayError> {
        let counted = self.runner.all_counters()?;
        let found = Disagreement::between(&counted, &self.expected, self.first_difference);
        found.map_or(Ok(()), |disagreement| Err(disagreement.into()))
    }

    /// What was counted.
    pub fn report(&self) -> Result<ReplayReport, ReplayError> {
        let counters = self.runner.all_counters()?;
        let sum = |subject| {
            let mut sum = CameraCounters::zeroed();
            for counters in [counters.get(&subject), self.judged_here.get(&subject)] {
                sum.add(counters.unwrap_or(&CameraCounters::zeroed()));
            }
            sum
        };
        let cameras = self.config.cameras.iter().map(|camera| {
            CameraReport::new(self.config, camera, &sum(Subject::Camera(camera.mac)))
        });
        Ok(ReplayReport {
            frames: self.frames,
            bystanders: self.bystanders,
            unknown: self.strangers_report(&sum(Subject::Strangers(PORT))),
            cameras: cameras.collect(),
        })
    }

    fn strangers_report(&self, counters: &CameraCounters) -> Option<StrangersReport> {
        let fence = &self.config.fence;
        let sealed = match fence.unknown {
            Unknown::Pass => return None,
            Unknown::Drop => true,
            Unknown::Profile(_) => false,
        };
        Some(StrangersReport::counted(sealed, fence.mode, counters))
    }

    fn run_frame(
        &mut self,
        frame: Frame<'_>,
        number: u64,
        each: &mut impl FnMut(&Judged<'_>) -> io::Result<()>,
    ) -> Result<(), ReplayError> {
        self.frames += 1;
        let source = ethernet::camera_mac(frame.bytes, Direction::Outbound);
        if source.is_none_or(|mac| !self.policy.cameras.contains_key(&Subject::Camera(mac))) {
            self.bystanders.packets += 1;
            self.bystanders.bytes += frame.wire_len as u64;
        }
        for direction in Direction::ALL {
            let outcome = self.run_in_kernel(direction, frame)?;
            let explainer = Explainer { config: self.config, policy: &self.policy, port: PORT };
            let ruling = explainer.judge(direction, &frame);
            let drops = ruling.is_some_and(|ruling| ruling.drops());
            if outcome.is_some_and(|outcome| (outcome == Outcome::Dropped) != drops) {
                self.first_difference.get_or_insert(self.frames);
            }
            let Some(ruling) = ruling else { continue };
            let counters = match outcome {
                Some(_) => &mut self.expected,
                None => &mut self.judged_here,
            };
            count(counters, direction, &frame, &ruling);
            each(&Judged { number, direction, frame, explainer, ruling })
                .map_err(ReplayError::Output)?;
        }
        Ok(())
    }

    /// What the kernel did with a frame; none if it does not run such a one.
    fn run_in_kernel(
        &mut self,
        direction: Direction,
        frame: Frame<'_>,
    ) -> Result<Option<Outcome>, ReplayError> {
        match self.runner.run(Program::tc(direction), frame.bytes, frame.wire_len) {
            // A test run wants a whole Ethernet header, on newer kernels a whole IP header
            // behind it, and no more than 64 KiB.
            Err(error) if error.errno() == Some(Errno::INVAL) => Ok(None),
            outcome => Ok(Some(outcome?)),
        }
    }
}

fn count(
    counters: &mut BTreeMap<Subject, CameraCounters>,
    direction: Direction,
    frame: &Frame<'_>,
    ruling: &Ruling<'_>,
) {
    let counters = counters.entry(ruling.subject(PORT)).or_insert_with(CameraCounters::zeroed);
    counters.by[direction.index()][ruling.reason.index()]
        .add(Tally { packets: 1, bytes: frame.wire_len as u64 });
}

impl Bytes for Frame<'_> {
    fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.byte(at)
    }

    fn words<const N: usize>(&self, at: usize) -> Option<[u16; N]> {
        self.bytes.words(at)
    }
}

impl Packet for Frame<'_> {
    fn wire_len(&self) -> usize {
        self.wire_len
    }
}
