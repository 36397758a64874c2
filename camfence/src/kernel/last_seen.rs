//! When cameras last sent something: by slot, on each CPU, and before these maps were made.

use aya::maps::MapError;
use camfence_common::abi::names;

use super::{
    batch::{
        self, SharedMap,
        array::{self, PerCpu},
    },
    error::{Result, Tried as _},
    maps::{NO_PREALLOC, Shared, open, pinned, take},
    object::Object,
    root::Generation,
    slots::remove,
};

/// The maps. Times are nanoseconds since boot, suspension left out.
pub(super) struct LastSeen {
    now: PerCpu<u64>,
    carried: SharedMap<u32, u64>,
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
        let carried = SharedMap::create(slots, NO_PREALLOC);
        let carried = carried.tried(|| "making a map of times".into())?;
        Ok(Self {
            now: take(object, names::LAST_SEEN)?,
            carried: pinned(carried, generation, names::LAST_CARRIED)?,
        })
    }

    /// When the camera of a slot was last seen; 0 if it never was.
    pub(super) fn get(&self, slot: u32) -> Result<u64> {
        let what = || format!("reading when slot {slot} was seen");
        let carried = match self.carried.get(&Shared(slot), 0) {
            Err(MapError::KeyNotFound) => 0,
            carried => carried.tried(what)?.0,
        };
        let now = self.now.get(&slot, 0).tried(what)?;
        Ok(now.iter().map(|Shared(time)| *time).fold(carried, u64::max))
    }

    /// The same of the first slots.
    pub(super) fn all(&self, slots: u32) -> Result<Vec<u64>> {
        let what = "when cameras were seen";
        let mut times = Vec::with_capacity(slots as usize);
        array::read_per_cpu(&self.now, slots, what, |_, on_cpus| {
            times.push(on_cpus.iter().copied().fold(0, u64::max));
        })?;
        batch::for_each(&self.carried, what, |slot, carried| {
            if let Some(time) = times.get_mut(*slot as usize) {
                *time = (*time).max(*carried);
            }
        })?;
        Ok(times)
    }

    /// Sets when the cameras of slots were seen before these maps were made.
    pub(super) fn carry(&mut self, times: &[(u32, u64)]) -> Result<()> {
        batch::insert(&self.carried, times, |slot| {
            format!("carrying over when slot {slot} was seen")
        })
    }

    /// Makes slots ready for other cameras.
    pub(super) fn clear(&mut self, slots: &[u32]) -> Result<()> {
        array::clear_per_cpu(&self.now, slots, "when cameras were seen")?;
        remove(&mut self.carried, slots, "when a camera was seen")
    }
}
