//! The maps: what the kernel holds, and the writes that change it.

use std::{collections::BTreeMap, time::Duration};

use aya::{
    Pod,
    maps::{Array, ArrayOfMaps, HashMap, Map, MapData, MapError, PerCpuArray, PerCpuValues},
    util::nr_cpus,
};
use bytemuck::Zeroable as _;
use camfence_common::{
    abi::{
        ABI, Camera, CameraCounters, Key, PROFILE_SLOTS, Profile, Sighting, SightingKey, State,
        Subject, names,
    },
    limits::{MAX_SIGHTINGS, MAX_STRANGER_PORTS},
};

use super::{
    clock::since_boot,
    error::{KernelError, Result, Tried as _},
    names::{Entries, Names},
    object::{Object, PINNED_MAPS},
    root::{Root, remove_file},
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

type CameraMap = HashMap<MapData, Shared<Key>, Shared<Camera>>;

/// Pin of the live camera map.
const LIVE: &str = "live";
/// Pin of the camera map that is about to be the live one. If it is found, a process ended
/// between making it and putting it in place.
const NEXT: &str = "next";

/// Entries of the map of unknown sources that one reading looks at.
const SIGHTINGS_READ: usize = 4 * MAX_SIGHTINGS as usize;

/// The maps of a fence.
pub struct Maps {
    state: Array<MapData, Shared<State>>,
    cameras: ArrayOfMaps<MapData, CameraMap>,
    live: CameraMap,
    profiles: Array<MapData, Shared<Profile>>,
    names: Names,
    strangers: Array<MapData, u32>,
    deadlines: Array<MapData, u64>,
    sightings: HashMap<MapData, Shared<SightingKey>, Shared<Sighting>>,
    counters: PerCpuArray<MapData, Shared<CameraCounters>>,
    /// Where the live camera map is pinned; none for maps that end with the process.
    root: Option<Root>,
}

impl std::fmt::Debug for Maps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Maps").field("root", &self.root).finish_non_exhaustive()
    }
}

impl Maps {
    /// Opens the pinned maps of a fence that stands, to read them.
    pub fn open(root: &Root) -> Result<Self> {
        match state_of(root)? {
            Some(State { abi: ABI, .. }) => {}
            Some(State { abi, .. }) if abi != 0 => {
                return Err(KernelError::OtherAbi { path: root.path().into(), found: abi });
            }
            _ => return Err(KernelError::Down { path: root.path().into() }),
        }
        Ok(Self {
            state: open(root, names::STATE)?,
            cameras: open(root, names::CAMERAS)?,
            live: open(root, LIVE)?,
            profiles: open(root, names::PROFILES)?,
            names: Names(open(root, names::NAMES)?),
            strangers: open(root, names::STRANGERS)?,
            deadlines: open(root, names::DEADLINES)?,
            sightings: open(root, names::SIGHTINGS)?,
            counters: open(root, names::COUNTERS)?,
            root: Some(root.clone()),
        })
    }

    /// Opens the pinned maps of a fence that stands, to change them. Only with the lock held: a
    /// replacement that is found half done is one that a process did not live to finish, and not
    /// one that another is about to finish.
    pub fn open_to_change(root: &Root) -> Result<Self> {
        let mut maps = Self::open(root)?;
        maps.finish_replacement(root)?;
        Ok(maps)
    }

    /// Makes the maps of an object ready for use: an empty live camera map. With a root, pins it,
    /// and only then marks the maps as a fence's.
    pub(crate) fn make(object: &mut Object, max_cameras: u32, root: Option<&Root>) -> Result<Self> {
        let mut maps = Self {
            state: take(object, names::STATE)?,
            cameras: take(object, names::CAMERAS)?,
            live: pinned(new_camera_map(max_cameras)?, root, LIVE)?,
            profiles: take(object, names::PROFILES)?,
            names: Names(take(object, names::NAMES)?),
            strangers: take(object, names::STRANGERS)?,
            deadlines: take(object, names::DEADLINES)?,
            sightings: take(object, names::SIGHTINGS)?,
            counters: take(object, names::COUNTERS)?,
            root: root.cloned(),
        };
        maps.point_to_live()?;
        let state = State { abi: ABI, max_cameras };
        maps.state.set(0, Shared(state), 0).tried(|| "writing the state".into())?;
        Ok(maps)
    }

    /// Removes pins that a process left which ended before the fence stood. False if a fence
    /// stands, or one of another version.
    pub(crate) fn clear_unfinished(root: &Root) -> Result<bool> {
        if state_of(root)?.is_some_and(|state| state.abi != 0) {
            return Ok(false);
        }
        for name in PINNED_MAPS.into_iter().chain([LIVE, NEXT]) {
            remove_file(&root.map(name))?;
        }
        Ok(true)
    }

    /// Cameras there is room for.
    pub fn max_cameras(&self) -> Result<u32> {
        let Shared(state) = self.state.get(&0, 0).tried(|| "reading the state".into())?;
        Ok(state.max_cameras)
    }

    /// What the maps hold.
    pub fn observe(&self) -> Result<Observed> {
        let mut names = self.names.observe()?;
        let mut profiles = BTreeMap::new();
        for index in 0..PROFILE_SLOTS {
            let Shared(table) =
                self.profiles.get(&index, 0).tried(|| "reading the profiles".into())?;
            if table.written == Profile::WRITTEN {
                let names = names.remove(&index).unwrap_or_default();
                profiles.insert(index, CompiledProfile { table, names });
            }
        }
        let strangers = self.strangers.get(&0, 0).tried(|| "reading what is looked for".into())?;
        Ok(Observed { cameras: self.cameras()?, strangers: strangers != 0, profiles })
    }

    /// The cameras in the live map, and what stands there for unknown sources.
    pub fn cameras(&self) -> Result<BTreeMap<Subject, Camera>> {
        let mut cameras = BTreeMap::new();
        for entry in &self.live {
            let (Shared(key), Shared(camera)) = entry.tried(|| "reading the cameras".into())?;
            if let Some(subject) = key.subject() {
                cameras.insert(subject, camera);
            }
        }
        Ok(cameras)
    }

    /// An entry of the live map.
    pub fn camera(&self, subject: Subject) -> Result<Option<Camera>> {
        match self.live.get(&Shared(subject.key()), 0) {
            Ok(Shared(camera)) => Ok(Some(camera)),
            Err(MapError::KeyNotFound) => Ok(None),
            Err(error) => Err(error).tried(|| "reading a camera".into()),
        }
    }

    /// Has the programs look at the live map, whatever they were made to look at.
    pub fn restore(&mut self) -> Result<()> {
        self.point_to_live()
    }

    /// How long the camera of a slot stays opened; none if it is not.
    pub fn opened(&self, slot: u32) -> Result<Option<Duration>> {
        let deadline = self.deadlines.get(&slot, 0);
        let deadline = deadline.tried(|| format!("reading the deadline of slot {slot}"))?;
        let left = Duration::from_nanos(deadline).saturating_sub(since_boot());
        Ok((!left.is_zero()).then_some(left))
    }

    /// Opens the camera of a slot for a time from now, or closes it.
    pub fn open_slot(&mut self, slot: u32, time: Option<Duration>) -> Result<()> {
        let deadline = time.map_or(0, |time| (since_boot() + time).as_nanos());
        let deadline = u64::try_from(deadline).unwrap_or(u64::MAX);
        self.deadlines
            .set(slot, deadline, 0)
            .tried(|| format!("setting the deadline of slot {slot}"))
    }

    /// The unknown sources that were seen last.
    pub fn sightings(&self) -> Result<BTreeMap<SightingKey, Sighting>> {
        let mut sightings = BTreeMap::new();
        // Where an entry goes while it is read, the kernel begins again: some come twice, and
        // while very many come, there would be no end.
        for entry in self.sightings.iter().take(SIGHTINGS_READ) {
            match entry {
                Ok((Shared(key), Shared(sighting))) => {
                    sightings.insert(key, sighting);
                }
                // One that goes while others are read is one less, and no failure.
                Err(MapError::KeyNotFound) => {}
                Err(error) => return Err(error).tried(|| "reading the unknown sources".into()),
            }
        }
        Ok(sightings)
    }

    /// A camera's counters, summed over the CPUs.
    pub fn counters(&self, slot: u32) -> Result<CameraCounters> {
        let per_cpu =
            self.counters.get(&slot, 0).tried(|| format!("reading the counters of slot {slot}"))?;
        let mut sum = CameraCounters::zeroed();
        for Shared(counters) in per_cpu.iter() {
            sum.add(counters);
        }
        Ok(sum)
    }

    /// Writes what has to be written. See [`Changes`] for the order and what it is worth.
    pub fn apply(&mut self, changes: &Changes) -> Result<()> {
        self.write_profiles(&changes.profiles)?;
        if changes.look_for_strangers {
            self.look_for_strangers(true)?;
        }
        if let Some(cameras) = &changes.replace {
            self.replace(cameras)?;
        }
        for (subject, camera) in &changes.insert {
            self.clear_slot(camera.slot)?;
            insert(&mut self.live, *subject, *camera)?;
        }
        if changes.ignore_strangers {
            self.look_for_strangers(false)?;
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

    /// Has programs look for entries of unknown sources, or not. Putting the live map in its own
    /// place waits until no program runs that may not have seen the change.
    fn look_for_strangers(&mut self, look: bool) -> Result<()> {
        self.strangers.set(0, u32::from(look), 0).tried(|| "writing what is looked for".into())?;
        self.point_to_live()
    }

    /// Puts a new camera map in place of the live one.
    ///
    /// Changing the pointer waits until no program runs that may have read the old one (kernel
    /// commit 1ae80cf31938, "bpf: wait for running BPF programs when updating map-in-map"), so
    /// that afterwards the slots and profiles only the old one named can be used again.
    fn replace(&mut self, cameras: &[(Subject, Camera)]) -> Result<()> {
        let mut next = new_camera_map(self.max_cameras()?)?;
        for (subject, camera) in cameras {
            insert(&mut next, *subject, *camera)?;
        }
        self.live = pinned(next, self.root.as_ref(), NEXT)?;
        self.point_to_live()?;
        self.root.as_ref().map_or(Ok(()), rename_next)
    }

    /// Finishes a replacement that a process did not live to finish.
    fn finish_replacement(&mut self, root: &Root) -> Result<()> {
        if root.map(NEXT).exists() {
            self.live = open(root, NEXT)?;
            self.point_to_live()?;
            rename_next(root)?;
        }
        Ok(())
    }

    fn point_to_live(&mut self) -> Result<()> {
        self.cameras.set(0, &self.live, 0).tried(|| "putting the camera map in place".into())
    }

    /// Makes a slot ready for a camera: nothing counted, not opened.
    fn clear_slot(&mut self, slot: u32) -> Result<()> {
        self.open_slot(slot, None)?;
        let cpus = nr_cpus().map_err(|(_, error)| error).tried(|| "counting CPUs".into())?;
        let zeroes = PerCpuValues::try_from(vec![Shared(CameraCounters::zeroed()); cpus])
            .tried(|| "preparing counters".into())?;
        self.counters.set(slot, zeroes, 0).tried(|| format!("zeroing the counters of slot {slot}"))
    }
}

/// What the pinned state says; none if nothing is pinned.
fn state_of(root: &Root) -> Result<Option<State>> {
    let path = root.map(names::STATE);
    if !path.try_exists().tried(|| format!("looking at {}", path.display()))? {
        return Ok(None);
    }
    let state: Array<MapData, Shared<State>> = open(root, names::STATE)?;
    let Shared(state) = state.get(&0, 0).tried(|| "reading the state".into())?;
    Ok(Some(state))
}

fn rename_next(root: &Root) -> Result<()> {
    std::fs::rename(root.map(NEXT), root.map(LIVE)).tried(|| "renaming the camera map".into())
}

/// Pins a camera map, if there is a root to pin it under.
fn pinned(map: CameraMap, root: Option<&Root>, name: &str) -> Result<CameraMap> {
    let Some(root) = root else { return Ok(map) };
    map.pin(root.map(name)).tried(|| format!("pinning map {name}"))?;
    open(root, name)
}

/// Opens a pinned map.
fn open<M: TryFrom<Map, Error = MapError>>(root: &Root, name: &str) -> Result<M> {
    let path = root.map(name);
    MapData::from_pin(&path)
        .and_then(Map::from_map_data)
        .and_then(M::try_from)
        .tried(|| format!("opening {}", path.display()))
}

/// Takes a map out of a loaded object.
fn take<M: TryFrom<Map, Error = MapError>>(object: &mut Object, name: &str) -> Result<M> {
    object
        .ebpf()
        .take_map(name)
        .ok_or(MapError::KeyNotFound)
        .and_then(M::try_from)
        .tried(|| format!("looking for map {name}"))
}

fn new_camera_map(max_cameras: u32) -> Result<CameraMap> {
    CameraMap::create(slots(max_cameras), 0).tried(|| "making a camera map".into())
}

/// How many slots there are: for the cameras, and for the unknown sources of ports.
pub(super) const fn slots(max_cameras: u32) -> u32 {
    max_cameras + MAX_STRANGER_PORTS
}

fn insert(map: &mut CameraMap, subject: Subject, camera: Camera) -> Result<()> {
    let inserted = map.insert(Shared(subject.key()), Shared(camera), 0);
    inserted.tried(|| match subject {
        Subject::Camera(mac) => format!("adding camera {mac}"),
        Subject::Strangers(ifindex) => format!("adding the unknown sources of interface {ifindex}"),
    })
}
