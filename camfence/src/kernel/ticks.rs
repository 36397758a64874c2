//! Measures how the kernel's ticks become nanoseconds, for programs that read them.

use std::{sync::OnceLock, thread::sleep, time::Duration};

use aya::{
    TestRun as _, include_bytes_aligned,
    maps::{Array, MapData},
    programs::{SchedClassifier, TestRunOptions},
};
use camfence_common::clock::{Clocks, TickRate};

use super::{
    error::{KernelError, Result, Tried as _},
    maps::Shared,
    object::loader,
};

/// The program that reads both clocks, built by the build script.
static OBJECT: &[u8] = include_bytes_aligned!(concat!(env!("OUT_DIR"), "/clocks.bpf.o"));

/// The program in it.
const READ_CLOCKS: &str = "clocks";

/// Its array, one element: [`Clocks`].
const CLOCKS: &str = "CLOCKS";

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
    let mut ebpf = loader().load(OBJECT).tried(what)?;
    let clocks = ebpf.take_map(CLOCKS).ok_or_else(|| missing(CLOCKS))?;
    let clocks: Array<MapData, Shared<Clocks>> = clocks.try_into().tried(what)?;
    let program = ebpf.program_mut(READ_CLOCKS).ok_or_else(|| missing(READ_CLOCKS))?;
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
