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
    maps::slots,
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
const PINNED_MAPS: [&str; 14] = [
    names::STATE,
    names::CAMERAS,
    names::PROFILES,
    names::NAMES,
    names::STRANGERS,
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
    /// Which of the two XDP programs this kernel took.
    xdp: &'static str,
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
    /// Loads the programs.
    pub(crate) fn load(options: &Options<'_>) -> Result<Self> {
        let mut loader = EbpfLoader::new();
        let (log, rate) = (u8::from(options.log), ticks::rate());
        loader
            .verifier_log_level(VerifierLogLevel::STATS)
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
        let mut ebpf = loader.load(OBJECT).tried(|| "making the maps".into())?;
        load_tc(&mut ebpf, names::OUTBOUND_TC)?;
        load_tc(&mut ebpf, names::INBOUND_TC)?;
        let xdp = load_xdp(&mut ebpf)?;
        Ok(Self { ebpf, xdp })
    }

    /// The TC program of a name.
    pub(crate) fn tc(&mut self, name: &str) -> Result<&mut SchedClassifier> {
        tc(&mut self.ebpf, name)
    }

    /// The XDP program that this kernel took.
    pub(crate) fn xdp(&mut self) -> Result<&mut Xdp> {
        xdp(&mut self.ebpf, self.xdp)
    }

    /// Pins a program. The one at XDP is called the same, whichever of the two this kernel took.
    pub(crate) fn pin(&mut self, name: &str, pin: &Path) -> Result<()> {
        // Left by a process that did not live to attach it.
        remove_file(pin)?;
        let pinned = match name {
            names::OUTBOUND_XDP => self.xdp()?.pin(pin),
            _ => self.tc(name)?.pin(pin),
        };
        pinned.tried(|| format!("pinning {}", pin.display()))?;
        root::give_to_owner(pin)
    }

    /// What the kernel says of a program, by the same name.
    pub(crate) fn info(&mut self, name: &str) -> Result<ProgramInfo> {
        let info = match name {
            names::OUTBOUND_XDP => self.xdp()?.info(),
            _ => self.tc(name)?.info(),
        };
        info.tried(|| format!("reading program {name}"))
    }

    /// What the verifier made of each program: its name and how many instructions it followed
    /// (kernel 5.16; none before).
    pub(crate) fn verified(&mut self) -> Result<Vec<(&'static str, Option<u32>)>> {
        let what = || "reading what the verifier did".into();
        let mut verified = Vec::new();
        for name in [names::OUTBOUND_TC, names::INBOUND_TC] {
            let info = self.tc(name)?.info().tried(what)?;
            verified.push((name, info.verified_instruction_count()));
        }
        let info = self.xdp()?.info().tried(what)?;
        verified.push((self.xdp, info.verified_instruction_count()));
        Ok(verified)
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

fn load_tc(ebpf: &mut Ebpf, name: &str) -> Result<()> {
    tc(ebpf, name)?.load().map_err(|error| refused(name, &error))
}

/// Loads the XDP program for several buffers, or on a kernel before 5.18, which refuses it with a
/// bare EINVAL, the one for a single buffer.
fn load_xdp(ebpf: &mut Ebpf) -> Result<&'static str> {
    let several = names::OUTBOUND_XDP_FRAGS;
    let loaded = xdp(ebpf, several)?.load();
    if let Err(ProgramError::LoadError { io_error, .. }) = &loaded
        && io_error.raw_os_error() == Some(Errno::INVAL.raw_os_error())
    {
        let one = names::OUTBOUND_XDP;
        xdp(ebpf, one)?.load().map_err(|error| refused(one, &error))?;
        return Ok(one);
    }
    loaded.map_err(|error| refused(several, &error))?;
    Ok(several)
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
