//! The maps: what the kernel holds, and the writes that change it.

use std::{collections::BTreeMap, ops::ControlFlow, time::Duration};

use aya::{
    Pod,
    maps::{Array, HashMap, Map, MapData, MapError},
};
use camfence_common::{
    abi::{
        ABI, Camera, CameraCounters, PROFILE_SLOTS, Profile, Sighting, SightingKey, State, Subject,
        names,
    },
    limits::MAX_SIGHTINGS,
};

use super::{
    batch::{self, SharedMap, array},
    clock::since_boot,
    error::{KernelError, Result, Tried as _},
    ledger::{Contents, Flows, Ledger},
    live::{self, Live},
    names::{Entries, Names},
    object::{Object, Room},
    root::{Generation, Root},
    slots::{Slots, SlotsInUse},
};
use crate::policy::{
    compile::CompiledProfile,
    diff::{Changes, Observed},
};

/// A shared type as aya takes it.
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
pub(super) struct Shared<T>(pub(super) T);

// SAFETY: aya's `Pod` asks that any bytes are a value and that a value can be read as bytes, which
// is what bytemuck's asks too; the wrapper is transparent.
unsafe impl<T: bytemuck::Pod> Pod for Shared<T> {}

pub(super) type SightingMap = SharedMap<SightingKey, Sighting>;

/// How many times it is begun again to open maps that were replaced meanwhile.
const OPENED_AGAIN: usize = 4;

/// `BPF_F_NO_PREALLOC` of `linux/bpf.h`: memory is taken when an entry comes.
pub(super) const NO_PREALLOC: u32 = 1;

/// The maps of a fence.
pub struct Maps {
    state: Array<MapData, Shared<State>>,
    live: Live,
    profiles: Array<MapData, Shared<Profile>>,
    names: Names,
    slots: Slots,
    sightings: SightingMap,
    /// Those that were seen before these maps were made.
    seen: SightingMap,
    ledger: Ledger,
    /// Whether nothing was ever in them, so that all slots are zero.
    untouched: bool,
    /// Where they are pinned; none for maps that end with the process.
    generation: Option<Generation>,
}

impl std::fmt::Debug for Maps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Maps").field("generation", &self.generation).finish_non_exhaustive()
    }
}

impl Maps {
    /// Opens the pinned maps of a fence that stands, to read them.
    pub fn open(root: &Root) -> Result<Self> {
        for _ in 0..OPENED_AGAIN {
            let generation = root.in_use()?;
            let opened = Self::open_generation(root, &generation);
            // Others may have been put in their place, and these have gone, before all were open.
            if opened.is_ok() || root.in_use()? == generation {
                return opened;
            }
        }
        Self::open_generation(root, &root.in_use()?)
    }

    /// Opens the pinned maps of a fence that stands, to change them. Only with the lock held: a
    /// replacement that is found half done is one that a process did not live to finish, and not
    /// one that another is about to finish.
    pub fn open_to_change(root: &Root) -> Result<Self> {
        let mut maps = Self::open(root)?;
        maps.live.finish_replacement()?;
        Ok(maps)
    }

    /// Opens the maps of a generation.
    pub(crate) fn open_generation(root: &Root, generation: &Generation) -> Result<Self> {
        match abi(generation)? {
            Some(ABI) => {}
            Some(found) => return Err(KernelError::OtherAbi { path: root.path().into(), found }),
            None => return Err(KernelError::Down { path: root.path().into() }),
        }
        Ok(Self {
            state: open(generation, names::STATE)?,
            live: Live::open(generation)?,
            profiles: open(generation, names::PROFILES)?,
            names: Names(open(generation, names::NAMES)?),
            slots: Slots::open(generation)?,
            sightings: open(generation, names::SIGHTINGS)?,
            seen: open(generation, names::SEEN)?,
            ledger: Ledger::open(generation)?,
            untouched: false,
            generation: Some(generation.clone()),
        })
    }

    /// Makes the maps of an object ready for use: an empty live camera map. Those of a generation
    /// are pinned there.
    pub(crate) fn make(
        object: &mut Object,
        max_cameras: u32,
        generation: Option<&Generation>,
    ) -> Result<Self> {
        let seen = SightingMap::create(MAX_SIGHTINGS, NO_PREALLOC);
        let seen = seen.tried(|| "making a map of unknown sources".into())?;
        let mut maps = Self {
            state: take(object, names::STATE)?,
            live: Live::take(object, max_cameras, generation)?,
            profiles: take(object, names::PROFILES)?,
            names: Names(take(object, names::NAMES)?),
            slots: Slots::take(object, live::slots(max_cameras), generation)?,
            sightings: take(object, names::SIGHTINGS)?,
            seen: pinned(seen, generation, names::SEEN)?,
            ledger: Ledger::take(object, generation)?,
            untouched: true,
            generation: generation.cloned(),
        };
        maps.write_state(State { abi: 0, max_cameras })?;
        Ok(maps)
    }

    /// Marks the maps as a fence's: whoever finds them puts them in use.
    pub(crate) fn mark_ready(&mut self) -> Result<()> {
        self.write_state(State { abi: ABI, max_cameras: self.max_cameras()? })
    }

    fn write_state(&mut self, state: State) -> Result<()> {
        self.state.set(0, Shared(state), 0).tried(|| "writing the state".into())
    }

    /// Whether there are maps in use, of whatever version.
    pub(crate) fn are_ready(root: &Root) -> Result<bool> {
        match root.current()? {
            Some(generation) => Ok(abi(&generation)?.is_some()),
            None => Ok(false),
        }
    }

    /// Cameras there is room for.
    pub fn max_cameras(&self) -> Result<u32> {
        let Shared(state) = self.state.get(&0, 0).tried(|| "reading the state".into())?;
        Ok(state.max_cameras)
    }

    /// What there is room for.
    pub fn room(&self) -> Result<Room> {
        Ok(Room { cameras: self.max_cameras()?, flows: self.ledger.room()? })
    }

    /// What the maps hold.
    pub fn observe(&self) -> Result<Observed> {
        let mut names = self.names.observe()?;
        let mut profiles = BTreeMap::new();
        array::read(&self.profiles, PROFILE_SLOTS, "the profiles", |index, table| {
            // The lowest that is free is written: behind one that never was, there is none.
            if table.written != Profile::WRITTEN {
                return ControlFlow::Break(());
            }
            let names = names.remove(&index).unwrap_or_default();
            profiles.insert(index, CompiledProfile { table: *table, names });
            ControlFlow::Continue(())
        })?;
        let (cameras, has_hints) = self.live.observe()?;
        Ok(Observed {
            astray: !has_hints,
            strangers: self.live.looks_for_strangers()?,
            cameras,
            profiles,
        })
    }

    /// The cameras in the live map, and what stands there for unknown sources.
    pub fn cameras(&self) -> Result<BTreeMap<Subject, Camera>> {
        self.live.cameras()
    }

    /// An entry of the live map.
    pub fn camera(&self, subject: Subject) -> Result<Option<Camera>> {
        self.live.camera(subject)
    }

    /// Has the programs look at the live map, whatever they were made to look at.
    pub fn restore(&mut self) -> Result<()> {
        self.live.restore()
    }

    /// How long the camera of a slot stays opened; none if it is not.
    pub fn opened(&self, slot: u32) -> Result<Option<Duration>> {
        Ok(left(self.slots.deadline(slot)?, since_boot()))
    }

    /// Whose the slots are.
    pub fn slots_in_use(&self) -> Result<SlotsInUse> {
        self.live.slots_in_use()
    }

    /// How long the cameras stay opened that are.
    pub fn all_opened(&self, slots: &SlotsInUse) -> Result<BTreeMap<Subject, Duration>> {
        let (deadlines, now) = (self.slots.deadlines(slots.len())?, since_boot());
        let all = slots.with(&deadlines);
        Ok(all.filter_map(|(subject, deadline)| Some((subject, left(deadline, now)?))).collect())
    }

    /// Opens the camera of a slot for a time from now, or closes it.
    pub fn open_slot(&mut self, slot: u32, time: Option<Duration>) -> Result<()> {
        let deadline = time.map_or(0, |time| (since_boot() + time).as_nanos());
        self.set_deadline(slot, u64::try_from(deadline).unwrap_or(u64::MAX))
    }

    /// What there is by slot.
    pub(super) const fn slots(&mut self) -> &mut Slots {
        &mut self.slots
    }

    /// Sets until when the camera of a slot is opened, in nanoseconds since boot.
    pub(super) fn set_deadline(&mut self, slot: u32, deadline: u64) -> Result<()> {
        self.slots.set_deadline(slot, deadline)
    }

    /// The unknown sources that were seen last.
    pub fn sightings(&self) -> Result<BTreeMap<SightingKey, Sighting>> {
        let mut sightings = sightings_in(&self.sightings)?;
        join(&mut sightings, sightings_in(&self.seen)?);
        Ok(sightings)
    }

    /// Whom cameras talked to, this and earlier maps counted together.
    pub fn ledger(&self) -> Result<Contents> {
        self.ledger.read()
    }

    /// The flows that are dropped and had a frame since a time of the ledger's clock, and some others, as far
    /// as these maps know them; of very many, so many that were seen last.
    pub fn dropped_flows(&self, since: u64, most: usize) -> Result<Flows> {
        self.ledger.dropped(since, most)
    }

    /// The generation that they are of; none if they end with the process.
    pub const fn generation(&self) -> Option<&Generation> {
        self.generation.as_ref()
    }

    /// Sets what the ledger held before these maps were made.
    pub(super) fn keep_ledger(&mut self, contents: Contents) -> Result<()> {
        self.ledger.keep(contents)
    }

    /// A camera's counters: those of all CPUs, and what was carried over.
    pub fn counters(&self, slot: u32) -> Result<CameraCounters> {
        self.slots.counters().of(slot)
    }

    /// Hands over what has to be added up for the counters of each camera, and of what stands for unknown
    /// sources; of those that have counted nothing, nothing.
    pub fn count(
        &self,
        slots: &SlotsInUse,
        each: impl FnMut(Subject, &CameraCounters),
    ) -> Result<()> {
        self.slots.counters().for_each(slots, each)
    }

    /// When the camera of a slot last sent something, as time since boot without suspension; none if it
    /// never did.
    pub fn last_seen(&self, slot: u32) -> Result<Option<Duration>> {
        Ok(moment(self.slots.last_seen().get(slot)?))
    }

    /// The same of all cameras that did.
    pub fn all_last_seen(&self, slots: &SlotsInUse) -> Result<BTreeMap<Subject, Duration>> {
        let times = self.slots.last_seen().all(slots.len())?;
        let all = slots.with(&times);
        Ok(all.filter_map(|(subject, time)| Some((subject, moment(time)?))).collect())
    }

    /// Sets what was seen of an unknown source before these maps were made.
    pub(super) fn set_seen(&mut self, key: SightingKey, sighting: Sighting) -> Result<()> {
        let set = self.seen.insert(Shared(key), Shared(sighting), 0);
        set.tried(|| "carrying over the unknown sources".into())
    }

    /// Waits until no program runs that began before this was called, whatever maps it works on.
    pub(crate) fn await_programs(&mut self) -> Result<()> {
        self.live.await_programs()
    }

    /// Writes what has to be written. See [`Changes`] for the order and what it is worth.
    pub fn apply(&mut self, changes: &Changes) -> Result<()> {
        self.write_profiles(&changes.profiles)?;
        if changes.hint {
            self.live.restore()?;
        }
        if changes.look_for_strangers {
            self.live.look_for_strangers(true)?;
        }
        if let Some(cameras) = &changes.replace {
            self.live.replace(cameras)?;
        }
        if !std::mem::take(&mut self.untouched) {
            let slots: Vec<u32> = changes.insert.iter().map(|(_, camera)| camera.slot).collect();
            self.slots.clear(&slots)?;
        }
        self.live.insert(&changes.insert)?;
        if changes.ignore_strangers {
            self.live.look_for_strangers(false)?;
        }
        Ok(())
    }

    fn write_profiles(&mut self, profiles: &[(u32, CompiledProfile)]) -> Result<()> {
        if profiles.is_empty() {
            return Ok(());
        }
        let old = self.names.observe()?;
        for (index, profile) in profiles {
            let old = old.get(index);
            self.names.replace(*index, old.unwrap_or(&Entries::new()), &profile.names)?;
            self.profiles
                .set(*index, Shared(profile.table), 0)
                .tried(|| format!("writing profile {index}"))?;
        }
        Ok(())
    }
}

/// The ABI number of a generation's maps; none if they were never made ready.
pub(crate) fn abi(generation: &Generation) -> Result<Option<u32>> {
    let path = generation.map(names::STATE);
    if !path.try_exists().tried(|| format!("looking at {}", path.display()))? {
        return Ok(None);
    }
    let state: Array<MapData, Shared<State>> = open(generation, names::STATE)?;
    let Shared(state) = state.get(&0, 0).tried(|| "reading the state".into())?;
    Ok((state.abi != 0).then_some(state.abi))
}

/// The entries of a map of unknown sources.
pub(super) fn sightings_in(map: &SightingMap) -> Result<BTreeMap<SightingKey, Sighting>> {
    Ok(batch::entries(map, "the unknown sources")?.into_iter().collect())
}

/// Adds what was seen of the same or of other sources.
pub(super) fn join(
    sightings: &mut BTreeMap<SightingKey, Sighting>,
    others: BTreeMap<SightingKey, Sighting>,
) {
    for (key, other) in others {
        sightings.entry(key).and_modify(|sighting| sighting.join(&other)).or_insert(other);
    }
}

/// Pins a map, if there is a generation to pin it in.
pub(super) fn pinned<K: Pod, V: Pod>(
    map: HashMap<MapData, K, V>,
    generation: Option<&Generation>,
    name: &str,
) -> Result<HashMap<MapData, K, V>> {
    let Some(generation) = generation else { return Ok(map) };
    map.pin(generation.map(name)).tried(|| format!("pinning map {name}"))?;
    open(generation, name)
}

/// Opens a pinned map.
pub(super) fn open<M: TryFrom<Map, Error = MapError>>(
    generation: &Generation,
    name: &str,
) -> Result<M> {
    let path = generation.map(name);
    let opened = MapData::from_pin(&path).and_then(Map::from_map_data).and_then(M::try_from);
    opened.tried(|| format!("opening {}", path.display())).map_err(|error| error.of_pin(&path))
}

/// Takes a map out of a loaded object.
pub(super) fn take<M: TryFrom<Map, Error = MapError>>(
    object: &mut Object,
    name: &str,
) -> Result<M> {
    object
        .ebpf()
        .take_map(name)
        .ok_or(MapError::KeyNotFound)
        .and_then(M::try_from)
        .tried(|| format!("looking for map {name}"))
}

/// The time until a deadline; none if it is over.
fn left(deadline: u64, now: Duration) -> Option<Duration> {
    let left = Duration::from_nanos(deadline).saturating_sub(now);
    (!left.is_zero()).then_some(left)
}

/// A time in nanoseconds; none if it was never set.
fn moment(time: u64) -> Option<Duration> {
    (time != 0).then_some(Duration::from_nanos(time))
}
