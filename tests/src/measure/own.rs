//! The benchmark's own programs, `camfence-ebpf/bench`.

use std::fmt;
use std::time::Duration;

use anyhow::{Context as _, Result};
use aya::maps::{Array, HashMap, MapData};
use aya::programs::Xdp;
use aya::{Ebpf, EbpfLoader, include_bytes_aligned};

use super::Program;
use crate::addr::Mac;

static OBJECT: &[u8] = include_bytes_aligned!(concat!(env!("OUT_DIR"), "/bench.bpf.o"));

/// Drops each frame: what no filter can be faster than.
pub fn drop() -> Result<Program> {
    load(&mut EbpfLoader::new().load(OBJECT)?, "drop")
}

/// Passes each frame.
pub fn pass() -> Result<Program> {
    load(&mut EbpfLoader::new().load(OBJECT)?, "pass")
}

/// Sends each frame out of the interface of an index.
pub fn redirect(port: u32) -> Result<Program> {
    load(&mut EbpfLoader::new().override_global("PORT", &port, true).load(OBJECT)?, "redirect")
}

/// Drops each frame, and notes when those of IPv4 came.
pub fn arrivals() -> Result<(Program, Arrivals)> {
    let mut ebpf = EbpfLoader::new().load(OBJECT)?;
    let program = load(&mut ebpf, "arrivals")?;
    let times = ebpf.take_map("ARRIVED").context("the object has no map ARRIVED")?;
    Ok((program, Arrivals { times: times.try_into()? }))
}

/// When frames came to the program of [`arrivals`]. Times are of the monotonic clock.
pub struct Arrivals {
    times: Array<MapData, [u64; 2]>,
}

impl fmt::Debug for Arrivals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arrivals").finish_non_exhaustive()
    }
}

impl Arrivals {
    /// The first and the last since [`Arrivals::forget`]; none if none came.
    pub fn first_and_last(&self) -> Result<Option<[Duration; 2]>> {
        let times = self.times.get(&0, 0)?;
        Ok((times[0] != 0).then(|| times.map(Duration::from_nanos)))
    }

    /// Begins anew. Frames that come at this moment are lost or found again.
    pub fn forget(&mut self) -> Result<()> {
        Ok(self.times.set(0, [0; 2], 0)?)
    }
}

/// Drops frames of the sources, passes others, and counts them: one look-up and one counter.
pub fn look_up(sources: &[Mac]) -> Result<Program> {
    let mut ebpf = EbpfLoader::new().load(OBJECT)?;
    let map = ebpf.map_mut("SOURCES").context("the object has no map SOURCES")?;
    let mut map: HashMap<_, [u8; 6], u32> = map.try_into()?;
    for source in sources {
        map.insert(source.0, 0, 0)?;
    }
    load(&mut ebpf, "look_up")
}

/// A program keeps the maps that it uses.
fn load(ebpf: &mut Ebpf, name: &str) -> Result<Program> {
    let program = ebpf.program_mut(name).context("the object has no such program")?;
    let program: &mut Xdp = program.try_into()?;
    program.load().with_context(|| format!("loading {name}"))?;
    Program::of(program.info()?)
}
