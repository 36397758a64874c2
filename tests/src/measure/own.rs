//! The benchmark's own programs, `camfence-ebpf/bench`.

use anyhow::{Context as _, Result};
use aya::maps::HashMap;
use aya::programs::Xdp;
use aya::{Ebpf, EbpfLoader, include_bytes_aligned};

use super::Program;
use crate::addr::Mac;

static OBJECT: &[u8] = include_bytes_aligned!(concat!(env!("OUT_DIR"), "/bench.bpf.o"));

/// Drops each frame: what no filter can be faster than.
pub fn drop() -> Result<Program> {
    load(&mut EbpfLoader::new().load(OBJECT)?, "drop")
}

/// Sends each frame out of the interface of an index.
pub fn redirect(port: u32) -> Result<Program> {
    load(&mut EbpfLoader::new().override_global("PORT", &port, true).load(OBJECT)?, "redirect")
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
