//! Measures how the kernel's ticks become nanoseconds, for programs that read them.

use std::{sync::OnceLock, thread::sleep, time::Duration};

use aya::{
    EbpfLoader, TestRun as _,
    maps::{Array, MapData},
    programs::{SchedClassifier, TestRunOptions},
};
use camfence_common::{
    abi::names,
    clock::{Clocks, TickRate},
};

use super::{
    error::{KernelError, Result, Tried as _},
    maps::Shared,
    object::bytes,
};

/// The maps that are large, which this takes no part of.
const LARGE: [&str; 5] =
    [names::COUNTERS, names::DEADLINES, names::LAST_SEEN, names::LEDGER, names::PROFILES];

/// How often both clocks are read, and what is between: some are read soon after a tick.
const READINGS: usize = 8;
const BETWEEN: Duration = Duration::from_micros(700);

/// Bytes of a frame that a test run takes.
const FRAME: [u8; 64] = [0; 64];

/// How they do on this kernel. Measured once; where that cannot be, it is not known.
pub(super) fn rate() -> TickRate {
    static RATE: OnceLock<TickRate> = OnceLock::new();
    *RATE.get_or_init(|| match measure() {
        Ok(Some(rate)) => rate,
        Ok(None) => TickRate::UNKNOWN,
        Err(error) => {
            tracing::debug!("the kernel's ticks cannot be measured: {error}");
            TickRate::UNKNOWN
        }
    })
}

fn measure() -> Result<Option<TickRate>> {
    let what = || "measuring the kernel's ticks".to_owned();
    let mut loader = EbpfLoader::new();
    for name in LARGE {
        loader.map_max_entries(name, 1);
    }
    let mut ebpf = loader.load(bytes()).tried(what)?;
    let clocks = ebpf.take_map(names::CLOCKS).ok_or_else(|| missing(names::CLOCKS))?;
    let clocks: Array<MapData, Shared<Clocks>> = clocks.try_into().tried(what)?;
    let program =
        ebpf.program_mut(names::READ_CLOCKS).ok_or_else(|| missing(names::READ_CLOCKS))?;
    let program: &mut SchedClassifier = program.try_into().tried(what)?;
    program.load().tried(what)?;
    let read = || -> Result<Clocks> {
        let options = TestRunOptions { data_in: Some(&FRAME), ..TestRunOptions::new() };
        program.test_run(options).tried(what)?;
        let Shared(clocks) = clocks.get(&0, 0).tried(what)?;
        Ok(clocks)
    };
    let mut readings = Vec::new();
    for _ in 0..READINGS {
        readings.push(read()?);
        sleep(BETWEEN);
    }
    Ok(TickRate::of(&readings))
}

fn missing(name: &str) -> KernelError {
    KernelError::Failed {
        what: format!("looking for {name}"),
        reason: "the object file has none of that name".into(),
        errno: None,
    }
}
