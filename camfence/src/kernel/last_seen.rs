//! When cameras last sent something: by slot, on each CPU, and before these maps were made.

use aya::{
    maps::{HashMap, MapData, MapError, PerCpuArray, PerCpuValues},
    util::nr_cpus,
};
use camfence_common::abi::names;
use rustix::io::Errno;

use super::{
    error::{OsCode as _, Result, Tried as _},
    maps::{NO_PREALLOC, open, pinned, take},
    object::Object,
    root::Generation,
};

/// The maps. Times are nanoseconds since boot, suspension left out.
pub(super) struct LastSeen {
    now: PerCpuArray<MapData, u64>,
    carried: HashMap<MapData, u32, u64>,
}

impl LastSeen {
    /// Opens those of a generation.
    pub(super) fn open(generation: &Generation) -> Result<Self> {
        let now = open(generation, names::LAST_SEEN)?;
        Ok(Self { now, carried: open(generation, names::LAST_CARRIED)? })
    }

    /// Takes those of an object, for so many slots. Those of a generation are pinned there.
    pub(super) fn take(
        object: &mut Object,
        slots: u32,
        generation: Option<&Generation>,
    ) -> Result<Self> {
        let carried = HashMap::create(slots, NO_PREALLOC);
        let carried = carried.tried(|| "making a map of times".into())?;
        Ok(Self {
            now: take(object, names::LAST_SEEN)?,
            carried: pinned(carried, generation, names::LAST_CARRIED)?,
        })
    }

    /// When the camera of a slot was last seen; 0 if it never was.
    pub(super) fn get(&self, slot: u32) -> Result<u64> {
        let what = || format!("reading when slot {slot} was seen");
        let carried = match self.carried.get(&slot, 0) {
            Err(MapError::KeyNotFound) => 0,
            carried => carried.tried(what)?,
        };
        let now = self.now.get(&slot, 0).tried(what)?;
        Ok(now.iter().copied().fold(carried, u64::max))
    }

    /// Sets when the camera of a slot was seen before these maps were made.
    pub(super) fn carry(&mut self, slot: u32, time: u64) -> Result<()> {
        let set = self.carried.insert(slot, time, 0);
        set.tried(|| format!("carrying over when slot {slot} was seen"))
    }

    /// Makes a slot ready for another camera.
    pub(super) fn clear(&mut self, slot: u32) -> Result<()> {
        let what = || format!("clearing when slot {slot} was seen");
        let cpus = nr_cpus().map_err(|(_, error)| error).tried(|| "counting CPUs".into())?;
        let zeroes = PerCpuValues::try_from(vec![0; cpus]).tried(what)?;
        self.now.set(slot, zeroes, 0).tried(what)?;
        match self.carried.remove(&slot) {
            Err(error) if error.os_code() == Some(Errno::NOENT.raw_os_error()) => Ok(()),
            removed => removed.tried(what),
        }
    }
}
