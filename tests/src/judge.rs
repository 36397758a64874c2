//! One frame, judged in several ways: by the core on this host, and by the programs in the kernel
//! (XDP and TC), without an interface.
//!
//! Every way answers with a [`Ruling`]: whether the frame goes on, and exactly which counters
//! moved and by how much. [`Fixture`] is a frame with the ruling it has to get; [`Bench`] sees
//! that it gets it everywhere.

mod fixture;

use std::{collections::BTreeMap, fmt, path::Path, time::Duration};

use anyhow::{Result, ensure};
use camfence::{
    config::Config,
    kernel::{
        events::Record,
        ledger::Contents,
        runner::{MIN_FRAME, Outcome, PORT, Program, Runner},
    },
    policy::compile::{CompiledPolicy, Surroundings, compile},
};
use camfence_common::{
    abi::{Camera, CameraCounters, Subject, Tally},
    event::Told,
    flow::FlowKey,
    limits::DEFAULT_LEDGER_ENTRIES,
    mac::Mac,
    packet::Bytes as _,
    reason::{Direction, Effect, Reason},
    verdict::{find, judge},
    wire::ethernet::camera_mac,
};

pub use self::fixture::{Bench, Expected, Fixture, SharedBench, Step};

/// What became of a frame.
#[derive(Clone, PartialEq, Eq)]
pub struct Ruling {
    /// Whether it goes on.
    pub outcome: Outcome,
    /// The counters that moved: one for a camera's frame, none for a bystander's.
    pub moved: Vec<Moved>,
}

/// A counter that moved.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// Whose it is.
    pub subject: Subject,
    /// For which direction.
    pub direction: Direction,
    /// For which reason.
    pub reason: Reason,
    /// By how much.
    pub by: Tally,
}

impl Ruling {
    /// A bystander's frame: it passes and nothing is counted.
    pub const BYSTANDER: Self = Self { outcome: Outcome::Passed, moved: vec![] };

    /// A camera's frame of so many bytes, counted once for a reason.
    pub fn counted(camera: Mac, direction: Direction, reason: Reason, bytes: usize) -> Self {
        Self::counted_for(Subject::Camera(camera), direction, reason, bytes)
    }

    /// A frame of so many bytes, counted once for a reason, of a camera or of an unknown source.
    pub fn counted_for(
        subject: Subject,
        direction: Direction,
        reason: Reason,
        bytes: usize,
    ) -> Self {
        let outcome = match reason.effect() {
            Effect::Pass => Outcome::Passed,
            Effect::Drop => Outcome::Dropped,
        };
        let by = Tally { packets: 1, bytes: bytes as u64 };
        Self { outcome, moved: vec![Moved { subject, direction, reason, by }] }
    }

    /// The same, of a camera in audit: what is counted does not change.
    #[must_use]
    pub fn audited(self) -> Self {
        Self { outcome: Outcome::Passed, ..self }
    }

    /// The reason, if one counter moved.
    pub fn reason(&self) -> Option<Reason> {
        match self.moved.as_slice() {
            [moved] => Some(moved.reason),
            _ => None,
        }
    }
}

impl fmt::Debug for Ruling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.outcome)?;
        if self.moved.is_empty() {
            f.write_str(", nothing counted")?;
        }
        self.moved.iter().try_for_each(|moved| write!(f, ", {moved:?}"))
    }
}

impl fmt::Debug for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subject, direction, reason, by: Tally { packets, bytes } } = self;
        let (direction, reason) = (direction.name(), reason.name());
        match subject {
            Subject::Camera(mac) => write!(f, "{mac}")?,
            Subject::Strangers(_) => write!(f, "a stranger")?,
        }
        write!(f, " {direction} {reason} +{packets} (+{bytes} bytes)")
    }
}

/// The policy of a configuration's text.
pub fn policy(text: &str) -> Result<CompiledPolicy> {
    compiled(&Config::parse(Path::new("test.toml"), text)?)
}

/// The policy of a configuration, whose unknown sources arrive where frames of test runs do.
pub fn compiled(config: &Config) -> Result<CompiledPolicy> {
    let ports = vec![(PORT, config.fence.unknown)];
    Ok(compile(config, &Surroundings { ports, ..Surroundings::default() })?)
}

/// The core on this host, the policy as its tables.
#[derive(Debug)]
pub struct Host(CompiledPolicy);

impl Host {
    /// With a policy.
    pub fn new(policy: &CompiledPolicy) -> Self {
        Self(policy.clone())
    }

    /// Judges a frame of any length.
    pub fn judge(&self, direction: Direction, frame: &[u8]) -> Ruling {
        let Some(camera) = find(direction, frame, &self.0, || PORT) else {
            return Ruling::BYSTANDER;
        };
        let subject = match camera_mac(frame, direction) {
            Some(mac) if !camera.is(Camera::STRANGERS) => Subject::Camera(mac),
            _ => Subject::Strangers(PORT),
        };
        let verdict = judge(direction, frame, &self.0, camera);
        let ruling = Ruling::counted_for(subject, direction, verdict.reason(), frame.len());
        if camera.is(Camera::AUDIT) { ruling.audited() } else { ruling }
    }

    /// The flow that a frame is counted for; none of a bystander's, and of one that is not read so far.
    pub fn flow(&self, direction: Direction, frame: &[u8]) -> Option<FlowKey> {
        let camera = find(direction, frame, &self.0, || PORT)?;
        FlowKey::of(direction, frame, judge(direction, frame, &self.0, camera))
    }
}

/// The programs in the kernel, with maps of their own.
#[derive(Debug)]
pub struct Kernel {
    runner: Runner,
    counters: BTreeMap<Subject, CameraCounters>,
}

impl Kernel {
    /// Loads the programs and the policy.
    pub fn new(policy: &CompiledPolicy) -> Result<Self> {
        Self::with_ledger(policy, DEFAULT_LEDGER_ENTRIES)
    }

    /// The same, with room for so many flows in the ledger.
    pub fn with_ledger(policy: &CompiledPolicy, flows: u32) -> Result<Self> {
        let runner = Runner::with_ledger(policy, false, flows)?;
        let counters = runner.all_counters()?;
        Ok(Self { runner, counters })
    }

    /// Puts another policy in place.
    pub fn set_policy(&mut self, policy: &CompiledPolicy) -> Result<()> {
        self.runner.set_policy(policy)?;
        self.counters = self.runner.all_counters()?;
        Ok(())
    }

    /// Judges a frame that [`runs`] accepts. The reason is told by the counters: all of all cameras
    /// are compared with what they were.
    pub fn judge(&mut self, program: Program, frame: &[u8]) -> Result<Ruling> {
        let outcome = self.runner.run(program, frame, frame.len())?;
        let counters = self.runner.all_counters()?;
        let before = std::mem::replace(&mut self.counters, counters);
        ensure!(before.keys().eq(self.counters.keys()), "the cameras changed");
        Ok(Ruling { outcome, moved: self.moved_since(&before) })
    }

    /// Runs a frame that [`runs`] accepts, and does not ask what came of it.
    pub fn run(&mut self, program: Program, frame: &[u8]) -> Result<()> {
        self.runner.run(program, frame, frame.len())?;
        Ok(())
    }

    /// What the ledger holds.
    pub fn ledger(&self) -> Result<Contents> {
        Ok(self.runner.ledger()?)
    }

    /// What the programs told since this was asked last, so many records at the most.
    pub fn records(&mut self, most: usize) -> Vec<Record> {
        self.runner.records(most)
    }

    /// How much was told, and how much was not.
    pub fn told(&self) -> Result<Told> {
        Ok(self.runner.told()?)
    }

    /// When a camera last sent something, as time since boot without suspension.
    pub fn last_seen(&self, camera: Mac) -> Result<Option<Duration>> {
        Ok(self.runner.last_seen(Subject::Camera(camera))?)
    }

    /// How many instructions the verifier followed through each program.
    pub fn verified(&mut self) -> Result<Vec<(&'static str, Option<u32>)>> {
        Ok(self.runner.verified()?)
    }

    /// A camera's counter.
    pub fn tally(&self, camera: Mac, direction: Direction, reason: Reason) -> Tally {
        self.tally_of(Subject::Camera(camera), direction, reason)
    }

    fn tally_of(&self, subject: Subject, direction: Direction, reason: Reason) -> Tally {
        let counters = self.counters.get(&subject);
        counters.map_or(Tally::default(), |c| c.by[direction.index()][reason.index()])
    }

    fn moved_since(&self, before: &BTreeMap<Subject, CameraCounters>) -> Vec<Moved> {
        let mut moved = Vec::new();
        for (&subject, old) in before {
            for direction in Direction::ALL {
                for reason in Reason::ALL {
                    let old = old.by[direction.index()][reason.index()];
                    let by = less(self.tally_of(subject, direction, reason), old);
                    if !by.is_zero() {
                        moved.push(Moved { subject, direction, reason, by });
                    }
                }
            }
        }
        moved
    }
}

/// A counter that went back shows as an enormous number, and so does not go unnoticed.
fn less(new: Tally, old: Tally) -> Tally {
    Tally {
        packets: new.packets.wrapping_sub(old.packets),
        bytes: new.bytes.wrapping_sub(old.bytes),
    }
}

/// Whether the kernel takes a frame for a test run.
///
/// It takes none shorter than an Ethernet header. TC programs it gives no frame whose EtherType
/// says IPv4 or IPv6 with less behind it than a fixed header; behind a tag it does not look, so
/// that truncated packets are tried there.
pub fn runs(program: Program, frame: &[u8]) -> bool {
    const IPV4: u16 = 0x0800;
    const IPV6: u16 = 0x86dd;
    let header = match frame.be16(12) {
        _ if program == Program::OutboundXdp => 0,
        Some(IPV4) => 20,
        Some(IPV6) => 40,
        _ => 0,
    };
    frame.len() >= MIN_FRAME + header
}

/// The programs that judge frames of a direction.
pub const fn programs(direction: Direction) -> &'static [Program] {
    match direction {
        Direction::Outbound => &[Program::OutboundXdp, Program::OutboundTc],
        Direction::Inbound => &[Program::InboundTc],
    }
}
