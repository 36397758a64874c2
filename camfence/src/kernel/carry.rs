//! State of maps that others take the place of: read, whatever version made them, and written to the
//! new ones.
//!
//! What programs only read, the deadlines, is copied before the switch. What they write is complete
//! when no program works on the old maps any more: it is read then, and set beside what the new maps
//! count from zero. Setting it twice is the same as once, so that whoever finds a switch half done
//! does it again.

use std::{cmp::Reverse, collections::BTreeMap};

use bytemuck::{Pod, Zeroable};
use camfence_common::{
    abi::{
        ABI, Camera, CameraCounters, Entry, Key, Prefix4, Prefix6, Sighting, SightingKey, Subject,
        names,
    },
    limits::{MAX_BOUND, MAX_SIGHTINGS},
};

use super::{
    batch::{self, SharedMap},
    error::{KernelError, Result},
    last_seen::LastSeen,
    ledger::Ledger,
    live::LIVE,
    maps::{Maps, SightingMap, abi, join, open, sightings_in},
    root::{Generation, Root},
    slots::{Counters, Deadlines, SlotsInUse, deadlines_in},
};

/// The maps of ABI 2 are those of ABI 3, but for what was carried over to them, those are the maps of ABI 4,
/// but for the ledger, those are the maps of ABI 5, but for when cameras were seen and for what is told, those are
/// the maps of ABI 6, but for the shape of a camera, and those are the maps of ABI 7, but for the rows.
///
/// A change of a shape that is read here keeps the old one here, for the numbers that had it.
const WITHOUT_CARRIED: u32 = 2;
const WITHOUT_LEDGER: u32 = 3;
const WITHOUT_LAST_SEEN: u32 = 4;
const WITHOUT_ZERO: u32 = 5;
const WITHOUT_ROWS: u32 = 6;
const _: () = assert!(ABI == WITHOUT_ROWS + 1);

/// A camera up to [`WITHOUT_ZERO`]: its slot, and what is not read here.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct EarlierCamera {
    slot: u32,
    rest: [u32; 3],
    bound4: [Prefix4; MAX_BOUND],
    bound6: [Prefix6; MAX_BOUND],
}

/// Maps that others take the place of.
pub(crate) struct Old {
    /// The slots of cameras, and of what stood for unknown sources.
    slots: BTreeMap<Subject, u32>,
    deadlines: Deadlines,
    counters: Counters,
    sightings: SightingMap,
    /// Those that they took over themselves.
    seen: Option<SightingMap>,
    ledger: Option<Ledger>,
    last_seen: Option<LastSeen>,
}

/// What there is to carry over.
pub(crate) enum Before {
    /// No fence stood.
    Nothing,
    /// All of these maps.
    Known(Box<Old>),
    /// There were maps, but nothing can be read from them, for this reason.
    Lost(KernelError),
}

impl Before {
    /// Opens the maps of the generation in use, if there is one.
    pub(crate) fn open(root: &Root) -> Result<Self> {
        let Some(generation) = root.current()? else { return Ok(Self::Nothing) };
        let found = match abi(&generation)? {
            Some(abi) => abi,
            // One with a number was ready when it was put in use.
            None if generation.number() > 0 => {
                let path = generation.map(names::STATE);
                return Ok(Self::Lost(KernelError::Damaged { path }));
            }
            None => return Ok(Self::Nothing),
        };
        match Old::open(&generation, found) {
            Ok(Some(old)) => Ok(Self::Known(Box::new(old))),
            Ok(None) => Ok(Self::Lost(KernelError::OtherAbi { path: root.path().into(), found })),
            Err(error @ KernelError::Damaged { .. }) => Ok(Self::Lost(error)),
            Err(error) => Err(error),
        }
    }

    /// The cameras that there were, and what stood for unknown sources, as far as it is known.
    pub(crate) fn subjects(&self) -> impl Iterator<Item = Subject> {
        let old = if let Self::Known(old) = self { Some(old) } else { None };
        old.into_iter().flat_map(|old| old.slots.keys().copied())
    }
}

impl Old {
    /// The maps of a generation; none if this version does not know their shapes.
    fn open(generation: &Generation, abi: u32) -> Result<Option<Self>> {
        let (counters, seen) = match abi {
            WITHOUT_CARRIED => (Counters::open_alone(generation)?, None),
            WITHOUT_LEDGER | WITHOUT_LAST_SEEN | WITHOUT_ZERO | WITHOUT_ROWS | ABI => {
                (Counters::open(generation)?, Some(open(generation, names::SEEN)?))
            }
            _ => return Ok(None),
        };
        let ledger = if abi > WITHOUT_LEDGER { Some(Ledger::open(generation)?) } else { None };
        let last_seen =
            if abi > WITHOUT_LAST_SEEN { Some(LastSeen::open(generation)?) } else { None };
        Ok(Some(Self {
            slots: slots(generation, abi)?,
            deadlines: open(generation, names::DEADLINES)?,
            counters,
            sightings: open(generation, names::SIGHTINGS)?,
            seen,
            ledger,
            last_seen,
        }))
    }

    /// Copies until when cameras are opened.
    pub(crate) fn copy_deadlines(&self, to: &mut Maps) -> Result<()> {
        let deadlines = deadlines_in(&self.deadlines, self.slots_in_use().len())?;
        for (subject, camera) in to.cameras()? {
            let deadline = self.slot(subject).and_then(|slot| deadlines.get(slot as usize));
            if let Some(deadline) = deadline.filter(|deadline| **deadline != 0) {
                to.set_deadline(camera.slot, *deadline)?;
            }
        }
        Ok(())
    }

    /// Sets what was counted and seen. Only when no program works on the old maps any more, and
    /// none of the cameras has changed in the new ones.
    pub(crate) fn carry_counts(&self, to: &mut Maps) -> Result<()> {
        let cameras = to.cameras()?;
        to.slots().carry_counters(&self.counters(&cameras)?)?;
        to.slots().carry_last_seen(&self.last_seen(&cameras)?)?;
        for (key, sighting) in self.sightings()? {
            to.set_seen(key, sighting)?;
        }
        self.ledger.as_ref().map_or(Ok(()), |ledger| to.keep_ledger(ledger.read()?))
    }

    fn slots_in_use(&self) -> SlotsInUse {
        SlotsInUse::of(self.slots.iter().map(|(subject, slot)| (*subject, *slot)))
    }

    fn slot(&self, subject: Subject) -> Option<u32> {
        self.slots.get(&subject).copied()
    }

    /// The counters, by the slots that cameras have in new maps.
    fn counters(&self, new: &BTreeMap<Subject, Camera>) -> Result<Vec<(u32, CameraCounters)>> {
        let mut sums = BTreeMap::<u32, CameraCounters>::new();
        self.counters.for_each(&self.slots_in_use(), |subject, counters| {
            if let Some(camera) = new.get(&subject) {
                sums.entry(camera.slot).and_modify(|sum| sum.add(counters)).or_insert(*counters);
            }
        })?;
        Ok(sums.into_iter().collect())
    }

    /// When cameras were last seen, by the slots that they have in new maps.
    fn last_seen(&self, new: &BTreeMap<Subject, Camera>) -> Result<Vec<(u32, u64)>> {
        let Some(last_seen) = &self.last_seen else { return Ok(Vec::new()) };
        let times = last_seen.all(self.slots_in_use().len())?;
        let carried = new.iter().filter_map(|(subject, camera)| {
            let time = times.get(self.slot(*subject)? as usize)?;
            (*time != 0).then_some((camera.slot, *time))
        });
        Ok(carried.collect())
    }

    /// The unknown sources that were seen last, as many as are remembered.
    fn sightings(&self) -> Result<Vec<(SightingKey, Sighting)>> {
        let mut sightings = sightings_in(&self.sightings)?;
        if let Some(seen) = &self.seen {
            join(&mut sightings, sightings_in(seen)?);
        }
        let mut sightings: Vec<_> = sightings.into_iter().collect();
        sightings.sort_by_key(|(_, sighting)| Reverse(sighting.last));
        sightings.truncate(MAX_SIGHTINGS as usize);
        Ok(sightings)
    }
}

/// The slots of a generation's cameras, and of what stands for unknown sources.
///
/// If a replacement of the live map was not finished, the next has no slot that this has not.
fn slots(generation: &Generation, abi: u32) -> Result<BTreeMap<Subject, u32>> {
    match abi {
        ..=WITHOUT_ZERO => slots_in(generation, |camera: &EarlierCamera| camera.slot),
        WITHOUT_ROWS => slots_in(generation, |camera: &Camera| camera.slot),
        _ => slots_in(generation, |entry: &Entry| entry.slot()),
    }
}

/// The same from a live map with other values.
fn slots_in<V: Pod>(
    generation: &Generation,
    slot: impl Fn(&V) -> u32,
) -> Result<BTreeMap<Subject, u32>> {
    let live: SharedMap<Key, V> = open(generation, LIVE)?;
    let mut slots = BTreeMap::new();
    batch::for_each(&live, "the cameras", |key, value| {
        slots.extend(key.subject().map(|subject| (subject, slot(value))));
    })?;
    Ok(slots)
}
