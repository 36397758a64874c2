//! The object file: loading its programs into the kernel, with its maps made or found pinned.

use std::path::Path;

use aya::{
    Ebpf, EbpfLoader, VerifierLogLevel, include_bytes_aligned,
    programs::{Program, ProgramError, ProgramInfo, SchedClassifier, Xdp},
};
use camfence_common::{abi::names, capture::Wish};
use rustix::io::Errno;

use super::{
    error::{KernelError, Result, Tried as _},
    links::NAMES,
    live::{rows, slots},
    root::{self, Generation, remove_file},
    ticks,
};

/// The kernel programs, built by the build script.
static OBJECT: &[u8] = include_bytes_aligned!(concat!(env!("OUT_DIR"), "/camfence.bpf.o"));

/// The object file, as it is embedded.
pub fn bytes() -> &'static [u8] {
    OBJECT
}

/// The maps that the programs name and that outlive the process.
const PINNED_MAPS: [&str; 15] = [
    names::STATE,
    names::CAMERAS,
    names::ROWS,
    names::PROFILES,
    names::NAMES,
    names::AHEAD,
    names::DEADLINES,
    names::COUNTERS,
    names::SIGHTINGS,
    names::LEDGER,
    names::RECENT,
    names::FLUSHED,
    names::EVENTS,
    names::TOLD,
    names::LAST_SEEN,
];

/// The programs, loaded.
pub(crate) struct Object {
    ebpf: Ebpf,
    /// The names of those that are.
    loaded: Vec<&'static str>,
}

/// How much the maps hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Cameras.
    pub cameras: u32,
    /// Entries of the ledger.
    pub flows: u32,
}

/// What an object is loaded for.
pub(crate) struct Options<'a> {
    /// Room in the maps.
    pub(crate) room: Room,
    /// Where maps are pinned, or found pinned. None: they end with the process.
    pub(crate) generation: Option<&'a Generation>,
    /// Whether the programs log each verdict.
    pub(crate) log: bool,
    /// Which frames they capture.
    pub(crate) capture: Wish,
}

impl<'a> Options<'a> {
    /// Programs that only judge.
    pub(crate) const fn new(room: Room, generation: Option<&'a Generation>) -> Self {
        Self { room, generation, log: false, capture: Wish::NONE }
    }
}

impl Object {
    /// Loads the programs, but for [`OUTBOUND_XDP_FRAGS`](names::OUTBOUND_XDP_FRAGS), which few ports want: to
    /// verify it takes as long as the others take on average.
    pub(crate) fn load(options: &Options<'_>) -> Result<Self> {
        let mut object = Self::make(options)?;
        for name in NAMES.into_iter().filter(|name| *name != names::OUTBOUND_XDP_FRAGS) {
            load(&mut object.ebpf, name).map_err(|error| refused(name, &error))?;
            object.loaded.push(name);
        }
        Ok(object)
    }

    /// Makes the maps, and loads no program yet.
    pub(super) fn make(options: &Options<'_>) -> Result<Self> {
        let mut loader = loader();
        let (log, rate) = (u8::from(options.log), ticks::rate());
        loader
            .verifier_log_level(VerifierLogLevel::STATS)
            .map_max_entries(names::ROWS, rows(options.room.cameras))
            .map_max_entries(names::COUNTERS, slots(options.room.cameras))
            .map_max_entries(names::DEADLINES, slots(options.room.cameras))
            .map_max_entries(names::LAST_SEEN, slots(options.room.cameras))
            .map_max_entries(names::LEDGER, options.room.flows)
            .override_global(names::LOG_VERDICTS, &log, true)
            .override_global(names::CAPTURE, bytemuck::bytes_of(&options.capture), true)
            .override_global(names::TICK_RATE, bytemuck::bytes_of(&rate), true);
        if let Some(generation) = options.generation {
            for name in PINNED_MAPS {
                loader.map_pin_path(name, generation.map(name));
            }
        }
        let ebpf = loader.load(OBJECT).tried(|| "making the maps".into())?;
        Ok(Self { ebpf, loaded: Vec::new() })
    }

    /// Loads [`OUTBOUND_XDP_FRAGS`](names::OUTBOUND_XDP_FRAGS) too, unless it is. False on a kernel that has no
    /// such programs (before 5.18). Only while the maps are open.
    pub(crate) fn load_frags(&mut self) -> Result<bool> {
        const NAME: &str = names::OUTBOUND_XDP_FRAGS;
        if self.loaded.contains(&NAME) {
            return Ok(true);
        }
        match load(&mut self.ebpf, NAME) {
            Err(error) if is_einval(&error) => return Ok(false),
            loaded => loaded.map_err(|error| refused(NAME, &error))?,
        }
        self.loaded.push(NAME);
        Ok(true)
    }

    /// The names of the programs that are loaded, in the order of [`NAMES`].
    pub(crate) fn names(&self) -> Vec<&'static str> {
        NAMES.into_iter().filter(|name| self.loaded.contains(name)).collect()
    }

    /// The TC program of a name.
    pub(crate) fn tc(&mut self, name: &str) -> Result<&mut SchedClassifier> {
        tc(&mut self.ebpf, name)
    }

    /// The XDP program of a name.
    pub(crate) fn xdp(&mut self, name: &str) -> Result<&mut Xdp> {
        xdp(&mut self.ebpf, name)
    }

    /// Pins a program.
    pub(crate) fn pin(&mut self, name: &str, pin: &Path) -> Result<()> {
        // Left by a process that did not live to attach it.
        remove_file(pin)?;
        let pinned = if is_xdp(name) { self.xdp(name)?.pin(pin) } else { self.tc(name)?.pin(pin) };
        pinned.tried(|| format!("pinning {}", pin.display()))?;
        root::give_to_owner(pin)
    }

    /// What the kernel says of a program.
    pub(crate) fn info(&mut self, name: &str) -> Result<ProgramInfo> {
        let info = if is_xdp(name) { self.xdp(name)?.info() } else { self.tc(name)?.info() };
        info.tried(|| format!("reading program {name}"))
    }

    /// What the verifier made of each program: its name and how many instructions it followed
    /// (kernel 5.16; none before).
    pub(crate) fn verified(&mut self) -> Result<Vec<(&'static str, Option<u32>)>> {
        self.load_frags()?;
        let verified = self.names().into_iter().map(|name| {
            let info = self.info(name)?;
            Ok((name, info.verified_instruction_count()))
        });
        verified.collect()
    }

    /// Whether the kernel made machine code of the programs.
    pub(crate) fn is_machine_code(&mut self) -> Result<bool> {
        let what = || "reading what the kernel made of the programs".into();
        Ok(self.tc(names::OUTBOUND_TC)?.info().tried(what)?.size_jitted() > 0)
    }

    /// The loaded file, for its maps.
    pub(crate) fn ebpf(&mut self) -> &mut Ebpf {
        &mut self.ebpf
    }
}

/// Loads objects as they are. None of them is fitted to the kernel's own types, the reading of which takes tens of
/// MiB.
pub(super) fn loader() -> EbpfLoader<'static> {
    let mut loader = EbpfLoader::new();
    loader.btf(None);
    loader
}

fn load(ebpf: &mut Ebpf, name: &str) -> std::result::Result<(), ProgramError> {
    match ebpf.program_mut(name) {
        Some(Program::Xdp(program)) => program.load(),
        Some(Program::SchedClassifier(program)) => program.load(),
        _ => Err(ProgramError::UnexpectedProgramType),
    }
}

/// Whether a kernel refused a program without saying more: one before 5.18 that for frames in several
/// buffers.
fn is_einval(error: &ProgramError) -> bool {
    matches!(error, ProgramError::LoadError { io_error, .. }
        if io_error.raw_os_error() == Some(Errno::INVAL.raw_os_error()))
}

/// Whether a program is one for XDP, by its name.
pub(super) fn is_xdp(name: &str) -> bool {
    matches!(name, names::OUTBOUND_XDP | names::OUTBOUND_XDP_FRAGS)
}

fn tc<'a>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut SchedClassifier> {
    program(ebpf, name)?.try_into().tried(|| format!("taking program {name}"))
}

fn xdp<'a>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut Xdp> {
    program(ebpf, name)?.try_into().tried(|| format!("taking program {name}"))
}

fn program<'a>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut Program> {
    ebpf.program_mut(name).ok_or_else(|| KernelError::Failed {
        what: format!("looking for program {name}"),
        reason: "the object file has none of that name".into(),
        errno: None,
    })
}

fn refused(program: &str, error: &ProgramError) -> KernelError {
    let reason = match error {
        // EPERM; the verifier's own refusal is EACCES.
        ProgramError::LoadError { io_error, .. }
            if io_error.raw_os_error() == Some(Errno::PERM.raw_os_error()) =>
        {
            return KernelError::NotPermitted { what: format!("loading program {program}") };
        }
        ProgramError::LoadError { io_error, verifier_log } => {
            let log = verifier_log.to_string();
            let said = log.lines().rev().find(|line| !is_statistic(line));
            said.map_or_else(|| io_error.to_string(), |line| format!("{io_error}: {line}"))
        }
        other => other.to_string(),
    };
    KernelError::Refused { program: program.into(), reason }
}

/// Whether a line of the verifier's log says how hard it worked, rather than what it found.
fn is_statistic(line: &str) -> bool {
    const STATISTICS: [&str; 5] =
        ["processed ", "insns processed ", "stack depth ", "subprog ", "verification time "];
    line.trim().is_empty() || STATISTICS.iter().any(|start| line.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_told_from_findings() {
        assert!(is_statistic("processed 0 insns (limit 1000000) max_states_per_insn 0"));
        assert!(is_statistic("  "));
        assert!(!is_statistic("back-edge from insn 590 to 591"));
    }
}
