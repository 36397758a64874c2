//! Runs single frames through the programs, without an interface (`BPF_PROG_TEST_RUN`).

use std::{collections::BTreeMap, time::Duration};

use aya::{
    TestRun as _, TestRunOptions,
    programs::{SchedClassifier, Xdp},
};
use aya_log::EbpfLogger;
use bytemuck::{Pod, Zeroable};
use camfence_common::{
    abi::{CameraCounters, Subject, names},
    event::Told,
    limits::{DEFAULT_LEDGER_ENTRIES, DEFAULT_MAX_CAMERAS, MAX_CAMERAS},
    reason::Direction,
};
use log::Log;

use super::{
    error::{KernelError, Result, Tried as _},
    events::{Record, Ring},
    ledger::Contents,
    maps::Maps,
    object::{Object, Options, Room},
};
use crate::policy::{compile::CompiledPolicy, diff::diff};

/// The interface that frames of a test run arrive on: the loopback device, by its index.
pub const PORT: u32 = 1;

/// Frames shorter than an Ethernet header cannot be run.
pub const MIN_FRAME: usize = 14;

/// How much of a frame is handed to a TC program. The kernel takes a page less its own room; the
/// programs look at less.
const MAX_TC_BYTES: usize = 2_048;

/// Frames that fill one buffer at XDP: a page of 4 KiB without what the kernel keeps there (256 bytes ahead,
/// and up to 320 behind).
const MAX_ONE_BUFFER: usize = 4_096 - 256 - 320;

/// Which program runs a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// XDP, outbound.
    OutboundXdp,
    /// TC, outbound.
    OutboundTc,
    /// TC, inbound.
    InboundTc,
}

impl Program {
    /// The TC program of a direction.
    pub const fn tc(direction: Direction) -> Self {
        match direction {
            Direction::Outbound => Self::OutboundTc,
            Direction::Inbound => Self::InboundTc,
        }
    }
}

/// What a program did with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The frame goes on.
    Passed,
    /// The frame ends here.
    Dropped,
}

/// The programs with maps of their own, which end with this value.
pub struct Runner {
    object: Object,
    maps: Maps,
    ring: Ring,
    logger: Option<EbpfLogger<&'static dyn Log>>,
}

impl std::fmt::Debug for Runner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner").finish_non_exhaustive()
    }
}

/// The start of `struct __sk_buff`: what a test run can be told of a frame. All but the length on
/// the wire stay zero.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct SkBuff {
    before: [u32; 40],
    wire_len: u32,
    gso_segs: u32,
    sk: u64,
    gso_size: u32,
    tstamp_type: u32,
    hwtstamp: u64,
}

impl Runner {
    /// Loads the programs and the policy. With `log`, each verdict becomes a record of the `log`
    /// crate.
    pub fn new(policy: &CompiledPolicy, log: bool) -> Result<Self> {
        Self::with_ledger(policy, log, DEFAULT_LEDGER_ENTRIES)
    }

    /// The same, with room for so many flows in the ledger.
    pub fn with_ledger(policy: &CompiledPolicy, log: bool, flows: u32) -> Result<Self> {
        let cameras = u32::try_from(policy.cameras.len()).unwrap_or(MAX_CAMERAS);
        let room = Room { cameras: cameras.clamp(DEFAULT_MAX_CAMERAS, MAX_CAMERAS), flows };
        let mut object = Object::load(&Options { log, ..Options::new(room, None) })?;
        let maps = Maps::make(&mut object, room.cameras, None)?;
        let ring = Ring::take(&mut object)?;
        let logger = if log {
            let logger = EbpfLogger::init(object.ebpf());
            Some(logger.map_err(|error| KernelError::of(&error, "opening the programs' log"))?)
        } else {
            None
        };
        let mut runner = Self { object, maps, ring, logger };
        runner.set_policy(policy)?;
        Ok(runner)
    }

    /// Puts another policy in place. Cameras that stay keep their counters.
    pub fn set_policy(&mut self, policy: &CompiledPolicy) -> Result<()> {
        self.maps.apply(&diff(&self.maps.observe()?, policy))
    }

    /// Runs a frame of which `bytes` were captured and that was `wire_len` long. Only a TC program
    /// can be told a length beyond the bytes.
    pub fn run(&mut self, program: Program, bytes: &[u8], wire_len: usize) -> Result<Outcome> {
        let outcome = match program {
            Program::OutboundXdp => run_xdp(self.xdp_for(bytes)?, bytes)?,
            Program::OutboundTc => run_tc(self.object.tc(names::OUTBOUND_TC)?, bytes, wire_len)?,
            Program::InboundTc => run_tc(self.object.tc(names::INBOUND_TC)?, bytes, wire_len)?,
        };
        if let Some(logger) = &mut self.logger {
            logger.flush();
        }
        Ok(outcome)
    }

    /// The XDP program that takes a frame.
    fn xdp_for(&mut self, bytes: &[u8]) -> Result<&Xdp> {
        if bytes.len() <= MAX_ONE_BUFFER {
            return Ok(self.object.xdp(names::OUTBOUND_XDP)?);
        }
        self.object.load_frags()?;
        Ok(self.object.xdp(names::OUTBOUND_XDP_FRAGS)?)
    }

    /// The programs' names and how many instructions the verifier followed through each (kernel
    /// 5.16; none before).
    pub fn verified(&mut self) -> Result<Vec<(&'static str, Option<u32>)>> {
        self.object.verified()
    }

    /// What the ledger holds.
    pub fn ledger(&self) -> Result<Contents> {
        self.maps.ledger()
    }

    /// What the programs told since this was asked last, so many records at the most.
    pub fn records(&mut self, most: usize) -> Vec<Record> {
        self.ring.read(most)
    }

    /// How much was told, and how much was not.
    pub fn told(&self) -> Result<Told> {
        self.ring.told()
    }

    /// When a camera last sent something, as time since boot without suspension.
    pub fn last_seen(&self, subject: Subject) -> Result<Option<Duration>> {
        let Some(camera) = self.maps.camera(subject)? else { return Ok(None) };
        self.maps.last_seen(camera.slot)
    }

    /// The counters of every camera, and of unknown sources.
    pub fn all_counters(&self) -> Result<BTreeMap<Subject, CameraCounters>> {
        let slots = self.maps.slots_in_use()?;
        let zero = |subject| (subject, CameraCounters::zeroed());
        let mut sums: BTreeMap<Subject, CameraCounters> = slots.subjects().map(zero).collect();
        self.maps.count(&slots, |subject, counters| {
            sums.entry(subject).and_modify(|sum| sum.add(counters));
        })?;
        Ok(sums)
    }
}

pub(super) fn run_xdp(program: &Xdp, bytes: &[u8]) -> Result<Outcome> {
    let options = TestRunOptions { data_in: Some(bytes), ..TestRunOptions::new() };
    let result = program.test_run(options).tried(|| "running a frame through XDP".into())?;
    // XDP_DROP is 1, XDP_PASS 2.
    Ok(if result.return_value == 1 { Outcome::Dropped } else { Outcome::Passed })
}

pub(super) fn run_tc(program: &SchedClassifier, bytes: &[u8], wire_len: usize) -> Result<Outcome> {
    let bytes = bytes.get(..MAX_TC_BYTES).unwrap_or(bytes);
    let mut skb = SkBuff::zeroed();
    skb.wire_len = u32::try_from(wire_len.max(bytes.len())).unwrap_or(u32::MAX);
    let options = TestRunOptions {
        data_in: Some(bytes),
        ctx_in: Some(bytemuck::bytes_of(&skb)),
        ..TestRunOptions::new()
    };
    let result = program.test_run(options).tried(|| "running a frame through TC".into())?;
    // TC_ACT_SHOT is 2, TC_ACT_UNSPEC -1.
    Ok(if result.return_value == 2 { Outcome::Dropped } else { Outcome::Passed })
}
