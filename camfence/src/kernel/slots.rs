//! What there is by slot: counters, until when the fence is open, and when cameras last sent something.

use std::ops::ControlFlow;

use aya::maps::MapError;
use bytemuck::Zeroable as _;
use camfence_common::{
    abi::{CameraCounters, SPARE_SLOTS, Subject, names},
    limits::MAX_CAMERAS,
};
use rustix::io::Errno;

use super::{
    batch::{
        self, SharedMap,
        array::{self, PerCpu, SharedArray},
    },
    error::{OsCode as _, Result, Tried as _},
    last_seen::LastSeen,
    live::CameraMap,
    maps::{NO_PREALLOC, Shared, open, pinned, take},
    object::Object,
    root::Generation,
};

pub(super) type Deadlines = SharedArray<u64>;
pub(super) type CarriedMap = SharedMap<u32, CameraCounters>;

/// The maps.
pub(super) struct Slots {
    deadlines: Deadlines,
    counters: Counters,
    last_seen: LastSeen,
}

/// What is counted.
pub(super) struct Counters {
    now: PerCpu<CameraCounters>,
    /// What was counted before these maps were made, if they have room for that.
    carried: Option<CarriedMap>,
}

impl Slots {
    /// Opens those of a generation.
    pub(super) fn open(generation: &Generation) -> Result<Self> {
        Ok(Self {
            deadlines: open(generation, names::DEADLINES)?,
            counters: Counters::open(generation)?,
            last_seen: LastSeen::open(generation)?,
        })
    }

    /// Takes those of an object, for so many slots. Those of a generation are pinned there.
    pub(super) fn take(
        object: &mut Object,
        slots: u32,
        generation: Option<&Generation>,
    ) -> Result<Self> {
        let carried = CarriedMap::create(slots, NO_PREALLOC);
        let carried = carried.tried(|| "making a map of counters".into())?;
        Ok(Self {
            deadlines: take(object, names::DEADLINES)?,
            counters: Counters {
                now: take(object, names::COUNTERS)?,
                carried: Some(pinned(carried, generation, names::CARRIED)?),
            },
            last_seen: LastSeen::take(object, slots, generation)?,
        })
    }

    /// What is counted.
    pub(super) const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// When cameras were seen.
    pub(super) const fn last_seen(&self) -> &LastSeen {
        &self.last_seen
    }

    /// Until when the camera of a slot is opened, in nanoseconds since boot.
    pub(super) fn deadline(&self, slot: u32) -> Result<u64> {
        let deadline = self.deadlines.get(&slot, 0);
        let Shared(deadline) = deadline.tried(|| format!("reading the deadline of slot {slot}"))?;
        Ok(deadline)
    }

    /// The same of the first slots.
    pub(super) fn deadlines(&self, slots: u32) -> Result<Vec<u64>> {
        deadlines_in(&self.deadlines, slots)
    }

    /// Sets that.
    pub(super) fn set_deadline(&mut self, slot: u32, deadline: u64) -> Result<()> {
        let set = self.deadlines.set(slot, Shared(deadline), 0);
        set.tried(|| format!("setting the deadline of slot {slot}"))
    }

    /// Sets what was counted for slots before these maps were made.
    pub(super) fn carry_counters(&mut self, counters: &[(u32, CameraCounters)]) -> Result<()> {
        let Some(carried) = &self.counters.carried else { return Ok(()) };
        batch::insert(carried, counters, |slot| {
            format!("carrying over the counters of slot {slot}")
        })
    }

    /// Sets when the cameras of slots were seen before these maps were made.
    pub(super) fn carry_last_seen(&mut self, times: &[(u32, u64)]) -> Result<()> {
        self.last_seen.carry(times)
    }

    /// Makes slots ready for other cameras: nothing counted, never seen, not opened.
    pub(super) fn clear(&mut self, slots: &[u32]) -> Result<()> {
        array::clear(&self.deadlines, slots, "the deadlines")?;
        self.last_seen.clear(slots)?;
        array::clear_per_cpu(&self.counters.now, slots, "the counters")?;
        let Some(carried) = &mut self.counters.carried else { return Ok(()) };
        remove(carried, slots, "the counters")
    }
}

impl Counters {
    /// Opens those of a generation.
    pub(super) fn open(generation: &Generation) -> Result<Self> {
        let carried = Some(open(generation, names::CARRIED)?);
        Ok(Self { carried, ..Self::open_alone(generation)? })
    }

    /// Opens those of a generation that carried none over.
    pub(super) fn open_alone(generation: &Generation) -> Result<Self> {
        Ok(Self { now: open(generation, names::COUNTERS)?, carried: None })
    }

    /// Those of a slot.
    pub(super) fn of(&self, slot: u32) -> Result<CameraCounters> {
        let what = || format!("reading the counters of slot {slot}");
        let mut sum = sum(self.now.get(&slot, 0).tried(what)?.iter().map(|Shared(of)| of));
        if let Some(carried) = &self.carried {
            match carried.get(&Shared(slot), 0) {
                Ok(Shared(carried)) => sum.add(&carried),
                Err(MapError::KeyNotFound) => {}
                Err(error) => return Err(error).tried(what),
            }
        }
        Ok(sum)
    }

    /// Hands over what has to be added up for each of some slots; nothing that is zero.
    pub(super) fn for_each(
        &self,
        slots: &SlotsInUse,
        mut each: impl FnMut(Subject, &CameraCounters),
    ) -> Result<()> {
        array::read_per_cpu(&self.now, slots.len(), "the counters", |slot, per_cpu| {
            let Some(subject) = slots.subject(slot) else { return };
            let sum = sum(per_cpu);
            if !is_zero(&sum) {
                each(subject, &sum);
            }
        })?;
        let Some(carried) = &self.carried else { return Ok(()) };
        batch::for_each(carried, "the counters", |slot, counters| {
            if let Some(subject) = slots.subject(*slot) {
                each(subject, counters);
            }
        })
    }
}

/// Whose the slots are, from the first to the last that is somebody's.
pub struct SlotsInUse(Vec<Option<Subject>>);

impl SlotsInUse {
    /// Those of some cameras, and of what stands for unknown sources.
    pub fn of(used: impl IntoIterator<Item = (Subject, u32)>) -> Self {
        let mut slots = Self(Vec::new());
        for (subject, slot) in used {
            slots.add(subject, slot);
        }
        slots
    }

    /// Those of a camera map.
    pub(super) fn in_map(map: &CameraMap) -> Result<Self> {
        let mut slots = Self(Vec::new());
        batch::for_each(map, "the cameras", |key, entry| {
            if let Some(subject) = key.subject() {
                slots.add(subject, entry.slot());
            }
        })?;
        Ok(slots)
    }

    fn add(&mut self, subject: Subject, slot: u32) {
        // Behind the last one there can be, reading fails: such an entry is none of ours.
        let slot = slot.min(MAX_CAMERAS + SPARE_SLOTS) as usize;
        if self.0.len() <= slot {
            self.0.resize(slot + 1, None);
        }
        self.0[slot] = Some(subject);
    }

    /// Whose they are.
    pub fn subjects(&self) -> impl Iterator<Item = Subject> {
        self.0.iter().flatten().copied()
    }

    /// What there is for each by slot.
    pub(super) fn with<T: Copy>(&self, by_slot: &[T]) -> impl Iterator<Item = (Subject, T)> {
        let pairs = self.0.iter().zip(by_slot);
        pairs.filter_map(|(subject, of_slot)| Some(((*subject)?, *of_slot)))
    }

    /// How many they are, those between that are nobody's included.
    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }

    fn subject(&self, slot: u32) -> Option<Subject> {
        *self.0.get(slot as usize)?
    }
}

/// Until when the cameras of the first slots are opened.
pub(super) fn deadlines_in(deadlines: &Deadlines, slots: u32) -> Result<Vec<u64>> {
    let mut all = Vec::with_capacity(slots as usize);
    array::read(deadlines, slots, "the deadlines", |_, deadline| {
        all.push(*deadline);
        ControlFlow::Continue(())
    })?;
    Ok(all)
}

/// Removes what was carried over for slots.
pub(super) fn remove<V: bytemuck::Pod>(
    carried: &mut SharedMap<u32, V>,
    slots: &[u32],
    what: &str,
) -> Result<()> {
    // Mostly there is nothing.
    if carried.keys().next().is_none() {
        return Ok(());
    }
    for slot in slots {
        match carried.remove(&Shared(*slot)) {
            Err(error) if error.os_code() == Some(Errno::NOENT.raw_os_error()) => {}
            removed => removed.tried(|| format!("clearing {what} of slot {slot}"))?,
        }
    }
    Ok(())
}

fn sum<'a>(counters: impl IntoIterator<Item = &'a CameraCounters>) -> CameraCounters {
    let mut sum = CameraCounters::zeroed();
    counters.into_iter().for_each(|counters| sum.add(counters));
    sum
}

fn is_zero(counters: &CameraCounters) -> bool {
    counters.by.as_flattened().iter().all(|tally| tally.is_zero())
}
