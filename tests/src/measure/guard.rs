//! What the guard in CI looks at: a few frames' times, and how long and how hard to verify the
//! programs are.
//!
//! Times are multiples of the benchmark's own look-up, which is always here, and costs what the
//! kernel's helpers cost on a machine.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context as _, Result, ensure};
use aya_obj::Object;
use camfence::kernel::object;
use nix::sys::utsname::uname;

use super::baseline::{Baseline, Made};
use super::fence::{Fence, Name, Policy};
use super::frames::{self, Peer, Shape};
use super::{Measurement, Program, Series, Unit, measure, own};
use crate::kernel;

/// How often a sample runs its frame.
const REPEATS: u32 = 200_000;
/// What everything is a multiple of.
const LOOK_UP: &str = "look-up";

/// Fences to look at.
#[derive(Debug)]
pub struct Guard {
    /// As it is by default, with one camera.
    plain: Fence,
    /// With as many allowances as there may be, which lead elsewhere than the frames.
    allowing: Fence,
    look_up: Program,
}

/// A program, a frame, and whether it is dropped.
struct Case {
    name: &'static str,
    program: Program,
    frame: Vec<u8>,
    dropped: bool,
}

impl Guard {
    /// Puts them up.
    pub fn new() -> Result<Self> {
        let allowances = (0..64).map(|n| format!("\"udp/10240 to 198.51.100.{n}\""));
        let allowances = allowances.collect::<Vec<_>>().join(", ");
        let policy = Policy { profile: format!("allow = [{allowances}]"), ..Policy::default() };
        Ok(Self {
            plain: Fence::new(&Policy::default())?,
            allowing: Fence::new(&policy)?,
            look_up: own::look_up(&[frames::camera(0)])?,
        })
    }

    /// Everything that is recorded, of this machine and kernel.
    pub fn record(&self, rounds: usize) -> Result<Baseline> {
        let mut record = Baseline::recorded()?;
        record.times.insert(machine()?, self.times(rounds)?);
        record.instructions = instructions()?;
        record.kernels.insert(version()?, self.made()?);
        Ok(record)
    }

    /// How long frames take. The smallest of the samples count: whatever else the machine does makes
    /// some of them longer, and none shorter.
    pub fn times(&self, rounds: usize) -> Result<BTreeMap<String, f64>> {
        let mut cases = self.cases()?;
        let frame = frames::outbound(frames::camera(0), Shape::V4, Peer::Outside);
        let look_up = Measurement::new(LOOK_UP, Unit::NANOSECONDS, || {
            Ok(self.look_up.run(&frame, REPEATS)?.nanoseconds)
        });
        let all = cases.iter_mut().map(|case| case.measurement());
        let series = measure([look_up].into_iter().chain(all).collect(), rounds, |_| ())?;
        let (look_up, others) = series.split_first().context("nothing was measured")?;
        let ratio = |series: &Series| (series.name.clone(), series.best_ratio(look_up));
        Ok(others.iter().map(ratio).collect())
    }

    fn cases(&self) -> Result<Vec<Case>> {
        let camera = frames::camera(0);
        let outside = |shape| frames::outbound(camera, shape, Peer::Outside);
        let stranger = frames::outbound(frames::bystander(0), Shape::V4, Peer::Outside);
        let local = frames::outbound(camera, Shape::V4, Peer::Home);
        let inbound = frames::inbound(camera, Peer::Outside);
        let case = |name, fence: &Fence, program, frame, dropped| -> Result<_> {
            Ok(Case { name, program: fence.program(program)?, frame, dropped })
        };
        let plain =
            |name, program, frame, dropped| case(name, &self.plain, program, frame, dropped);
        let (xdp, tc) = (Name::OutboundXdp, Name::OutboundTc);
        Ok(vec![
            plain("XDP bystander", xdp, stranger.clone(), false)?,
            plain("XDP local IPv4", xdp, local, false)?,
            plain("XDP dropped IPv4", xdp, outside(Shape::V4), true)?,
            plain("XDP dropped IPv6", xdp, outside(Shape::V6), true)?,
            plain("XDP dropped tagged", xdp, outside(Shape::Tagged), true)?,
            case("XDP dropped, 64 allowances", &self.allowing, xdp, outside(Shape::V4), true)?,
            plain("TC bystander", tc, stranger, false)?,
            plain("TC dropped IPv4", tc, outside(Shape::V4), true)?,
            plain("TC inbound dropped", Name::InboundTc, inbound, true)?,
        ])
    }

    /// What the kernel made of the programs. Nothing of a kernel before 5.16, which does not tell.
    pub fn made(&self) -> Result<BTreeMap<String, Made>> {
        let mut made = BTreeMap::new();
        for name in [Name::OutboundXdp, Name::OutboundTc, Name::InboundTc] {
            let info = self.plain.program(name)?.info()?;
            let Some(verified) = info.verified_instruction_count() else { continue };
            // A size in bytes, of 8 each.
            let translated = info.size_translated().context("the kernel hides programs")? / 8;
            made.insert(name.as_str().to_owned(), Made { translated, verified });
        }
        Ok(made)
    }
}

impl Case {
    fn measurement(&mut self) -> Measurement<'_> {
        Measurement::new(self.name, Unit::NANOSECONDS, || {
            let run = self.program.run(&self.frame, REPEATS)?;
            ensure!(run.dropped == self.dropped, "dropped: {}", run.dropped);
            Ok(run.nanoseconds)
        })
    }
}

/// Instructions of the programs in the object file, functions that they call included.
pub fn instructions() -> Result<BTreeMap<String, u32>> {
    let mut object = Object::parse(object::bytes())?;
    let sections = object.functions.keys().map(|&(section, _)| section).collect();
    object.relocate_calls(&sections)?;
    let count = |(name, program): (&String, &aya_obj::Program)| {
        let instructions = &object.functions[&program.function_key()].instructions;
        Ok((name.clone(), u32::try_from(instructions.len())?))
    };
    object.programs.iter().map(count).collect()
}

/// The processor, what the kernel does against its weaknesses, and which kernel it is: calls and returns
/// cost by all of them.
pub fn machine() -> Result<String> {
    let weaknesses = ["retbleed", "spec_rstack_overflow", "spectre_v2"].map(|weakness| {
        let file = format!("/sys/devices/system/cpu/vulnerabilities/{weakness}");
        let said = fs::read_to_string(file).unwrap_or_default();
        format!("{weakness}: {}", said.trim())
    });
    let kernel = format!("Linux {}", uname()?.release().display());
    Ok([model()?].into_iter().chain(weaknesses).chain([kernel]).collect::<Vec<_>>().join("; "))
}

/// Which processor it is. A virtual one often has a name that many have in common.
pub fn model() -> Result<String> {
    let cpu = fs::read_to_string("/proc/cpuinfo")?;
    let fields: Vec<_> = cpu.lines().filter_map(|line| line.split_once(':')).collect();
    let field = |name: &str| fields.iter().find(|(field, _)| field.trim() == name);
    let value = |name| field(name).map_or("unknown", |(_, value)| value.trim());
    let [family, model, stepping] = ["cpu family", "model", "stepping"].map(value);
    Ok(format!("{} (family {family}, model {model}, stepping {stepping})", value("model name")))
}

/// The running kernel, as records have it.
pub fn version() -> Result<String> {
    let (major, minor) = kernel::version()?;
    Ok(format!("{major}.{minor}"))
}
