//! Programs in the kernel, run for their time (`BPF_PROG_TEST_RUN`).

use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use aya::programs::{ProgramInfo, ProgramType, SchedClassifier, Xdp, loaded_programs};
use aya::{TestRun as _, TestRunOptions};
use aya_obj::programs::XdpAttachType;
use rustix::time::{ClockId, clock_gettime};

/// `XDP_DROP` and `XDP_PASS`.
const XDP_ACTIONS: [u32; 2] = [1, 2];
/// `TC_ACT_SHOT` and `TC_ACT_UNSPEC`.
const TC_ACTIONS: [u32; 2] = [2, u32::MAX];

/// A program in the kernel.
#[derive(Debug)]
pub enum Program {
    /// At XDP.
    Xdp(Xdp),
    /// At TC.
    Tc(SchedClassifier),
}

/// What came of running a frame over and over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Run {
    /// Whether the program dropped the frame.
    pub dropped: bool,
    /// Time of one frame, in nanoseconds, by the clock of this thread's CPU time: it leaves out
    /// what other processes took meanwhile, and has parts of a nanosecond.
    pub nanoseconds: f64,
    /// The kernel's own measure of it, cut to whole nanoseconds; what `bpftool prog run` shows.
    pub kernel: Duration,
}

impl Program {
    /// One that is pinned.
    pub fn pinned(pin: &Path) -> Result<Self> {
        ProgramInfo::from_pin(pin)
            .map_err(Into::into)
            .and_then(Self::of)
            .with_context(|| format!("opening {}", pin.display()))
    }

    /// The program of an id.
    pub fn numbered(id: u32) -> Result<Self> {
        // One that ended meanwhile is none of interest.
        let mut all = loaded_programs().filter_map(Result::ok);
        let info = all.find(|info| info.id() == id);
        Self::of(info.with_context(|| format!("the kernel has no program {id}"))?)
    }

    /// The one that the kernel says this of.
    pub(crate) fn of(info: ProgramInfo) -> Result<Self> {
        let name = Cow::from("");
        Ok(if info.program_type() == ProgramType::Xdp.into() {
            Self::Xdp(Xdp::from_program_info(info, name, XdpAttachType::Interface)?)
        } else {
            Self::Tc(SchedClassifier::from_program_info(info, name)?)
        })
    }

    /// What the kernel says of it.
    pub fn info(&self) -> Result<ProgramInfo> {
        Ok(match self {
            Self::Xdp(program) => program.info()?,
            Self::Tc(program) => program.info()?,
        })
    }

    /// Runs a frame so many times.
    pub fn run(&self, frame: &[u8], repeat: u32) -> Result<Run> {
        let options = TestRunOptions { data_in: Some(frame), repeat, ..TestRunOptions::new() };
        let before = cpu_time();
        let (result, [drop, pass]) = match self {
            Self::Xdp(program) => (program.test_run(options), XDP_ACTIONS),
            Self::Tc(program) => (program.test_run(options), TC_ACTIONS),
        };
        let result = result.context("running a frame")?;
        let nanoseconds = (cpu_time() - before) * 1e9 / f64::from(repeat);
        let action = result.return_value;
        ensure!(action == drop || action == pass, "the program answered {action}");
        Ok(Run { dropped: action == drop, nanoseconds, kernel: result.duration })
    }
}

/// The CPU time of this thread, in seconds.
fn cpu_time() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    #[expect(clippy::cast_precision_loss, reason = "a double is exact up to 2⁵³, 104 days of ns")]
    let seconds = time.tv_sec as f64 + time.tv_nsec as f64 / 1e9;
    seconds
}
