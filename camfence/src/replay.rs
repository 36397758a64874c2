//! Replaying captures: every frame through the real programs and the real policy, no interface
//! touched.

use std::{collections::HashSet, path::Path};

use bytemuck::Zeroable as _;
use camfence_common::{abi::CameraCounters, mac::Mac, reason::Direction, wire::ethernet};
use serde::Serialize;
use thiserror::Error;

use crate::{
    capture::{self, CaptureError, Frame},
    config::Config,
    kernel::{
        KernelError,
        runner::{MAX_FRAME, MIN_FRAME, Program, Runner},
    },
    policy::compile::{CompileError, compile},
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
            Self::Capture(error) => error.hint(),
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
    cameras: HashSet<Mac>,
    runner: Runner,
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
        let runner = Runner::new(&compile(config, &[])?, log)?;
        let cameras = config.cameras.iter().map(|camera| camera.mac).collect();
        Ok(Self { config, cameras, runner, frames: 0, bystanders: Count::default() })
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
            let none = CameraCounters::zeroed();
            let counters = counters.get(&camera.mac).unwrap_or(&none);
            CameraReport::new(self.config, camera, counters)
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
        if !source.is_some_and(|mac| self.cameras.contains(&mac)) {
            self.bystanders.packets += 1;
            self.bystanders.bytes += frame.wire_len as u64;
        }
        // What is shorter than an Ethernet header the kernel would not take from a NIC either.
        if frame.bytes.len() < MIN_FRAME {
            return Ok(());
        }
        let wire_len = frame.wire_len.min(MAX_FRAME);
        for direction in Direction::ALL {
            self.runner.run(Program::tc(direction), frame.bytes, wire_len)?;
        }
        Ok(())
    }
}
