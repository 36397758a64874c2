//! Replaying captures: every frame through the real programs and the real policy, no interface
//! touched.

use std::{collections::BTreeMap, path::Path};

use bytemuck::Zeroable as _;
use camfence_common::{
    abi::{Camera, CameraCounters, Subject, Tally},
    packet::{Bytes, Packet},
    reason::Direction,
    verdict,
    wire::ethernet,
};
use rustix::io::Errno;
use serde::Serialize;
use thiserror::Error;

use crate::{
    capture::{self, CaptureError, Frame},
    config::Config,
    kernel::{
        KernelError,
        runner::{PORT, Program, Runner},
    },
    policy::compile::{CompileError, CompiledPolicy, Surroundings, compile},
    telemetry::report::{CameraReport, Count},
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
}

impl ReplayError {
    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Capture(error) => Some(error.hint()),
            Self::Kernel(error) => error.hint(),
            Self::Compile(error) => Some(error.hint()),
        }
    }
}

/// What `replay --json` prints. Others' scripts parse it; its keys do not change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReplayReport {
    /// Every frame of the captures.
    pub frames: u64,
    /// Frames from sources that are not registered.
    pub bystanders: Count,
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
        let policy = compile(config, &Surroundings { on_link: Vec::new(), ports })?;
        Ok(Self {
            runner: Runner::new(&policy, log)?,
            config,
            policy,
            judged_here: BTreeMap::new(),
            frames: 0,
            bystanders: Count::default(),
        })
    }

    /// Runs every frame of a capture. `progress` is told how many frames were run so far.
    pub fn run(&mut self, path: &Path, mut progress: impl FnMut(u64)) -> Result<(), ReplayError> {
        capture::for_each_frame(path, |frame| {
            self.run_frame(frame)?;
            progress(self.frames);
            Ok(())
        })
    }

    /// What was counted.
    pub fn report(&self) -> Result<ReplayReport, ReplayError> {
        let counters = self.runner.all_counters()?;
        let cameras = self.config.cameras.iter().map(|camera| {
            let mut sum = CameraCounters::zeroed();
            let subject = Subject::Camera(camera.mac);
            for counters in [counters.get(&subject), self.judged_here.get(&subject)] {
                sum.add(counters.unwrap_or(&CameraCounters::zeroed()));
            }
            CameraReport::new(self.config, camera, &sum)
        });
        Ok(ReplayReport {
            frames: self.frames,
            bystanders: self.bystanders,
            cameras: cameras.collect(),
        })
    }

    fn run_frame(&mut self, frame: Frame<'_>) -> Result<(), ReplayError> {
        self.frames += 1;
        let source = ethernet::camera_mac(frame.bytes, Direction::Outbound);
        if source.is_none_or(|mac| !self.policy.cameras.contains_key(&Subject::Camera(mac))) {
            self.bystanders.packets += 1;
            self.bystanders.bytes += frame.wire_len as u64;
        }
        for direction in Direction::ALL {
            match self.runner.run(Program::tc(direction), frame.bytes, frame.wire_len) {
                // A test run wants a whole Ethernet header, on newer kernels a whole IP header
                // behind it, and no more than 64 KiB.
                Err(error) if error.errno() == Some(Errno::INVAL) => {
                    self.judge_here(direction, frame);
                }
                outcome => {
                    outcome?;
                }
            }
        }
        Ok(())
    }

    /// Judges a frame by the same core, without the kernel.
    fn judge_here(&mut self, direction: Direction, frame: Frame<'_>) {
        let Some(camera) = verdict::find(direction, frame.bytes, &self.policy, || PORT) else {
            return;
        };
        let subject = match ethernet::camera_mac(frame.bytes, direction) {
            Some(mac) if !camera.is(Camera::STRANGERS) => Subject::Camera(mac),
            _ => Subject::Strangers(PORT),
        };
        let reason = verdict::judge(direction, &frame, &self.policy, camera).reason;
        let counters = self.judged_here.entry(subject).or_insert_with(CameraCounters::zeroed);
        counters.by[direction.index()][reason.index()]
            .add(Tally { packets: 1, bytes: frame.wire_len as u64 });
    }
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
