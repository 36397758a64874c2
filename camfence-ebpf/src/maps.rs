//! The maps. Each is private to this file and reached through a function that says what absent
//! means.

use aya_ebpf::{
    btf_maps::{ArrayOfMaps, HashMap},
    macros::{btf_map, map},
    maps::{Array, PerCpuArray},
};
use camfence_common::{
    abi::{Camera, CameraCounters, MacKey, PROFILE_SLOTS, Profile, State, Tally},
    limits::DEFAULT_MAX_CAMERAS,
    mac::Mac,
    reason::{Direction, Reason},
    tables::Tables,
};

/// What the maps were made for. Written and read by userspace only: it is here so that it is
/// made, pinned and dropped with the others.
#[map]
static STATE: Array<State> = Array::with_max_entries(1, 0);

/// The live camera map, by way of one pointer: userspace replaces a policy by filling another map
/// and changing the pointer. Written by userspace. No map, or no entry: a bystander.
#[btf_map]
static CAMERAS: ArrayOfMaps<HashMap<MacKey, Camera, 1>, 1> = ArrayOfMaps::new();

/// The policies that cameras point to. Written by userspace. An element that was never written
/// is no policy.
#[map]
static PROFILES: Array<Profile> = Array::with_max_entries(PROFILE_SLOTS, 0);

/// What happened, by a camera's slot. Written here, read by userspace, which also zeroes a slot
/// before it gives it to another camera.
#[map]
static COUNTERS: PerCpuArray<CameraCounters> =
    PerCpuArray::with_max_entries(DEFAULT_MAX_CAMERAS, 0);

/// The maps as the verdict's tables.
pub(crate) struct Maps;

impl Tables for Maps {
    #[inline(always)]
    fn camera(&self, mac: Mac) -> Option<Camera> {
        let camera = CAMERAS.get_value_ptr_mut(0, &MacKey::new(mac))?;
        // SAFETY: the kernel returned a pointer to a value of the map, and no value of a live
        // camera map is ever changed or reused (see `Camera`).
        Some(unsafe { *camera })
    }

    #[inline(always)]
    fn profile(&self, index: u32) -> Option<&Profile> {
        PROFILES.get(index).filter(|profile| profile.written == Profile::WRITTEN)
    }
}

/// Adds to a camera's counter.
///
/// Programs of one CPU do not interrupt each other here (XDP and TC run with softirqs off), so
/// that adding needs no lock.
#[inline(always)]
pub(crate) fn count(camera: Camera, direction: Direction, reason: Reason, tally: Tally) {
    let Some(counters) = COUNTERS.get_ptr_mut(camera.slot) else { return };
    // SAFETY: the kernel returned a pointer to this CPU's element, and nothing else on this CPU
    // uses it while the program runs.
    let counters = unsafe { &mut *counters };
    if let Some(counter) = counters.by[direction.index()].get_mut(reason.index()) {
        counter.add(tally);
    }
}
