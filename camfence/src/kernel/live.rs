//! The cameras that programs know, and the writes that change them without a frame being judged by less
//! or more than one whole policy.
//!
//! The live map has for each MAC the index of a row, and the row is the camera. Hints lead most frames
//! to their row without the map. Each slot has two rows: those of the live map are of one side, and a map
//! that is to take its place has its rows on the other.

use std::collections::BTreeMap;

use aya::maps::{ArrayOfMaps, MapData, MapError};
use camfence_common::abi::{Camera, Entry, Key, Row, SPARE_SLOTS, Subject, names};

use super::{
    ahead::AheadMap,
    batch::{
        self, SharedMap,
        array::{self, SharedArray},
    },
    error::{Result, Tried as _},
    maps::{Shared, open, pinned, take},
    object::Object,
    root::Generation,
    slots::SlotsInUse,
};

/// Where the rows are, by key.
pub(super) type CameraMap = SharedMap<Key, Entry>;

/// Pin of the live camera map.
pub(super) const LIVE: &str = "live";
/// Pin of the camera map that is about to be the live one. If it is found, a process ended
/// between making it and putting it in place.
const NEXT: &str = "next";

/// The maps.
pub(super) struct Live {
    /// What programs find the live map by.
    pointer: ArrayOfMaps<MapData, CameraMap>,
    map: CameraMap,
    rows: SharedArray<Row>,
    ahead: AheadMap,
    /// Where they are pinned; none for maps that end with the process.
    generation: Option<Generation>,
}

impl Live {
    /// Opens those of a generation.
    pub(super) fn open(generation: &Generation) -> Result<Self> {
        Ok(Self {
            pointer: open(generation, names::CAMERAS)?,
            map: open(generation, LIVE)?,
            rows: open(generation, names::ROWS)?,
            ahead: AheadMap(open(generation, names::AHEAD)?),
            generation: Some(generation.clone()),
        })
    }

    /// Takes those of an object, with an empty live map. Those of a generation are pinned there.
    pub(super) fn take(
        object: &mut Object,
        max_cameras: u32,
        generation: Option<&Generation>,
    ) -> Result<Self> {
        let mut live = Self {
            pointer: take(object, names::CAMERAS)?,
            map: pinned(new_map(slots(max_cameras))?, generation, LIVE)?,
            rows: take(object, names::ROWS)?,
            ahead: AheadMap(take(object, names::AHEAD)?),
            generation: generation.cloned(),
        };
        live.point_to_map()?;
        Ok(live)
    }

    /// The cameras, and what stands for unknown sources.
    pub(super) fn cameras(&self) -> Result<BTreeMap<Subject, Camera>> {
        self.cameras_of(&self.entries()?)
    }

    /// The same, and whether hints lead to the cameras.
    pub(super) fn observe(&self) -> Result<(BTreeMap<Subject, Camera>, bool)> {
        let entries = self.entries()?;
        Ok((self.cameras_of(&entries)?, self.ahead.lead_to(&entries)?))
    }

    fn cameras_of(&self, entries: &[(Key, Entry)]) -> Result<BTreeMap<Subject, Camera>> {
        let keys: BTreeMap<u32, Key> =
            entries.iter().map(|(key, entry)| (entry.row, *key)).collect();
        let rows = keys.last_key_value().map_or(0, |(row, _)| row + 1);
        let mut cameras = BTreeMap::new();
        array::read(&self.rows, rows, "the cameras", |index, row| {
            // Others may have changed them meanwhile.
            if keys.get(&index) == Some(&row.key) {
                cameras.extend(row.key.subject().map(|subject| (subject, row.camera)));
            }
            std::ops::ControlFlow::Continue(())
        })?;
        Ok(cameras)
    }

    /// One of them.
    pub(super) fn camera(&self, subject: Subject) -> Result<Option<Camera>> {
        let what = || "reading a camera".to_owned();
        let key = subject.key();
        let Shared(entry) = match self.map.get(&Shared(key), 0) {
            Err(MapError::KeyNotFound) => return Ok(None),
            entry => entry.tried(what)?,
        };
        let Shared(row) = self.rows.get(&entry.row, 0).tried(what)?;
        Ok((row.key == key).then_some(row.camera))
    }

    /// Whose the slots are.
    pub(super) fn slots_in_use(&self) -> Result<SlotsInUse> {
        SlotsInUse::in_map(&self.map)
    }

    /// Whether programs look for entries of unknown sources.
    pub(super) fn looks_for_strangers(&self) -> Result<bool> {
        self.ahead.looks_for_strangers()
    }

    /// Has programs look for entries of unknown sources, or not, and waits until all do.
    pub(super) fn look_for_strangers(&mut self, look: bool) -> Result<()> {
        self.ahead.look_for_strangers(look)?;
        self.await_programs()
    }

    /// Has programs find the cameras of the live map, whatever they found before.
    pub(super) fn restore(&mut self) -> Result<()> {
        self.put_in_place(&self.entries()?)
    }

    /// Adds cameras to the live map.
    pub(super) fn insert(&mut self, cameras: &[(Subject, Camera)]) -> Result<()> {
        if cameras.is_empty() {
            return Ok(());
        }
        let side = self.side()?.unwrap_or(0);
        let entries = self.write_rows(cameras, side)?;
        let hints = self.ahead.more_hints(&entries)?;
        self.ahead.announce(&hints)?;
        insert(&self.map, &entries)?;
        self.await_programs()?;
        self.ahead.set(&hints)
    }

    /// Puts a new camera map in place of the live one.
    ///
    /// Changing the pointer waits until no program runs that may have read the old one (kernel
    /// commit 1ae80cf31938, "bpf: wait for running BPF programs when updating map-in-map"), so
    /// that afterwards the slots, profiles and rows only the old one named can be used again.
    pub(super) fn replace(&mut self, cameras: &[(Subject, Camera)]) -> Result<()> {
        let side = self.side()?.map_or(0, |side| 1 - side);
        let entries = self.write_rows(cameras, side)?;
        let next = new_map(batch::room(&self.map)?)?;
        insert(&next, &entries)?;
        self.map = pinned(next, self.generation.as_ref(), NEXT)?;
        self.put_in_place(&entries)?;
        self.generation.as_ref().map_or(Ok(()), rename_next)
    }

    /// Finishes a replacement that a process did not live to finish.
    pub(super) fn finish_replacement(&mut self) -> Result<()> {
        if let Some(generation) = self.generation.clone()
            && generation.map(NEXT).exists()
        {
            self.map = open(&generation, NEXT)?;
            self.restore()?;
            rename_next(&generation)?;
        }
        Ok(())
    }

    /// Waits until no program runs that began before this was called, whatever maps it works on.
    ///
    /// Any change of an element of an array of maps does so: when it is made, the kernel waits for
    /// a grace period of RCU, under which all programs of the network run (see [`replace`]). The
    /// live map is put in its own place.
    ///
    /// [`replace`]: Self::replace
    pub(super) fn await_programs(&mut self) -> Result<()> {
        self.point_to_map()
    }

    /// Has programs look at the map, which has these entries. While it takes the place of another, they have no
    /// other way to a row.
    fn put_in_place(&mut self, entries: &[(Key, Entry)]) -> Result<()> {
        let hints = AheadMap::hints(entries);
        self.ahead.ask_everywhere()?;
        self.ahead.announce(&hints)?;
        self.point_to_map()?;
        self.ahead.set_only(&hints)
    }

    fn point_to_map(&mut self) -> Result<()> {
        self.pointer.set(0, &self.map, 0).tried(|| "putting the camera map in place".into())
    }

    /// The side that the rows of the live map are on; none if it has no entry.
    fn side(&self) -> Result<Option<u32>> {
        let what = || "reading the cameras".to_owned();
        let Some(first) = self.map.keys().next() else { return Ok(None) };
        let Shared(entry) = self.map.get(&first.tried(what)?, 0).tried(what)?;
        Ok(Some(entry.side()))
    }

    /// The entries of the live map.
    fn entries(&self) -> Result<Vec<(Key, Entry)>> {
        batch::entries(&self.map, "the cameras")
    }

    /// Writes the rows of cameras, on a side where no live map has them. Returns the entries to be.
    fn write_rows(&self, cameras: &[(Subject, Camera)], side: u32) -> Result<Vec<(Key, Entry)>> {
        let keys = cameras.iter().map(|(subject, _)| subject.key());
        let entries = cameras.iter().map(|(_, camera)| Entry::new(camera.slot, side));
        let entries: Vec<(Key, Entry)> = keys.zip(entries).collect();
        let rows = entries.iter().zip(cameras);
        let rows =
            rows.map(|((key, entry), (_, camera))| (entry.row, Row { key: *key, camera: *camera }));
        array::write(&self.rows, &rows.collect::<Vec<_>>(), "the cameras")?;
        Ok(entries)
    }
}

/// How many slots there are: for the cameras, for the unknown sources of ports, and one for the
/// canary.
pub(super) const fn slots(max_cameras: u32) -> u32 {
    max_cameras + SPARE_SLOTS
}

/// How many rows there are.
pub(super) const fn rows(max_cameras: u32) -> u32 {
    slots(max_cameras) * Entry::SIDES
}

fn new_map(room: u32) -> Result<CameraMap> {
    CameraMap::create(room, 0).tried(|| "making a camera map".into())
}

fn insert(map: &CameraMap, entries: &[(Key, Entry)]) -> Result<()> {
    batch::insert(map, entries, |key| match key.subject() {
        Some(Subject::Camera(mac)) => format!("adding camera {mac}"),
        Some(Subject::Strangers(ifindex)) => {
            format!("adding the unknown sources of interface {ifindex}")
        }
        None => "adding a camera".into(),
    })
}

fn rename_next(generation: &Generation) -> Result<()> {
    std::fs::rename(generation.map(NEXT), generation.map(LIVE))
        .tried(|| "renaming the camera map".into())
}
