//! The maps: what the kernel holds, and the writes that change it.

use std::collections::BTreeMap;

use aya::{
    Pod,
    maps::{Array, ArrayOfMaps, HashMap, Map, MapData, MapError, PerCpuArray, PerCpuValues},
    util::nr_cpus,
};
use bytemuck::Zeroable as _;
use camfence_common::{
    abi::{ABI, Camera, CameraCounters, MacKey, PROFILE_SLOTS, Profile, State, names},
    mac::Mac,
};

use super::{
    error::{KernelError, Result, Tried as _},
    object::{Object, PINNED_MAPS},
    root::{Root, remove_file},
};
use crate::policy::diff::{Changes, Observed};

/// A shared type as aya takes it.
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
struct Shared<T>(T);

// SAFETY: aya's `Pod` asks that any bytes are a value and that a value can be read as bytes, which
// is what bytemuck's asks too; the wrapper is transparent.
unsafe impl<T: bytemuck::Pod> Pod for Shared<T> {}

type CameraMap = HashMap<MapData, Shared<MacKey>, Shared<Camera>>;

/// Pin of the live camera map.
const LIVE: &str = "live";
/// Pin of the camera map that is about to be the live one. If it is found, a process ended
/// between making it and putting it in place.
const NEXT: &str = "next";

/// The maps of a fence.
pub struct Maps {
    state: Array<MapData, Shared<State>>,
    cameras: ArrayOfMaps<MapData, CameraMap>,
    live: CameraMap,
    profiles: Array<MapData, Shared<Profile>>,
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
        let mut profiles = BTreeMap::new();
        for index in 0..PROFILE_SLOTS {
            let Shared(profile) =
                self.profiles.get(&index, 0).tried(|| "reading the profiles".into())?;
            if profile.written == Profile::WRITTEN {
                profiles.insert(index, profile);
            }
        }
        Ok(Observed { cameras: self.cameras()?, profiles })
    }

    /// The cameras in the live map.
    pub fn cameras(&self) -> Result<BTreeMap<Mac, Camera>> {
        let entries = self
            .live
            .iter()
            .map(|entry| entry.map(|(Shared(key), Shared(camera))| (key.mac(), camera)));
        entries.collect::<std::result::Result<_, MapError>>().tried(|| "reading the cameras".into())
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
        for (index, profile) in &changes.profiles {
            self.profiles
                .set(*index, Shared(*profile), 0)
                .tried(|| format!("writing profile {index}"))?;
        }
        if let Some(cameras) = &changes.replace {
            self.replace(cameras)?;
        }
        for (mac, camera) in &changes.insert {
            self.zero_counters(camera.slot)?;
            insert(&mut self.live, *mac, *camera)?;
        }
        Ok(())
    }

    /// Puts a new camera map in place of the live one.
    ///
    /// Changing the pointer waits until no program runs that may have read the old one (kernel
    /// commit 1ae80cf31938, "bpf: wait for running BPF programs when updating map-in-map"), so
    /// that afterwards the slots and profiles only the old one named can be used again.
    fn replace(&mut self, cameras: &[(Mac, Camera)]) -> Result<()> {
        let mut next = new_camera_map(self.max_cameras()?)?;
        for (mac, camera) in cameras {
            insert(&mut next, *mac, *camera)?;
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

    fn zero_counters(&mut self, slot: u32) -> Result<()> {
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
    CameraMap::create(max_cameras, 0).tried(|| "making a camera map".into())
}

fn insert(map: &mut CameraMap, mac: Mac, camera: Camera) -> Result<()> {
    map.insert(Shared(MacKey::new(mac)), Shared(camera), 0).tried(|| format!("adding camera {mac}"))
}
