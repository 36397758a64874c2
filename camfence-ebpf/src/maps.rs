//! The maps. Each is private to this file and reached through a function that says what absent
//! means.

use core::ptr;

use aya_ebpf::{
    bindings::bpf_map_type::{BPF_MAP_TYPE_ARRAY_OF_MAPS, BPF_MAP_TYPE_HASH},
    helpers::generated::bpf_map_lookup_elem,
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
static CAMERAS: LiveCameras = LiveCameras {
    r#type: ptr::null(),
    key: ptr::null(),
    value: ptr::null(),
    max_entries: ptr::null(),
    map_flags: ptr::null(),
    values: [],
};

/// Definition of an array of maps. The loader reads the fields' types; nobody reads the fields.
#[repr(C)]
struct LiveCameras {
    r#type: *const [i32; BPF_MAP_TYPE_ARRAY_OF_MAPS as usize],
    key: *const u32,
    value: *const u32,
    max_entries: *const [i32; 1],
    map_flags: *const [i32; 0],
    values: [*const CameraMap; 0],
}

/// Definition of a camera map, with the sizes of key and value instead of their types (as aya's
/// own has them): kernels 5.15 to 6.1 take a map in place of this one only if both or neither
/// have type information, and userspace makes its maps without.
#[repr(C)]
struct CameraMap {
    r#type: *const [i32; BPF_MAP_TYPE_HASH as usize],
    key_size: *const [i32; size_of::<MacKey>()],
    value_size: *const [i32; size_of::<Camera>()],
    max_entries: *const [i32; 1],
    map_flags: *const [i32; 0],
}

// SAFETY: the pointers are null and stand for types; nothing is read through them.
unsafe impl Sync for LiveCameras {}

impl LiveCameras {
    /// A camera's entry in the live map.
    #[inline(always)]
    fn get(&self, mac: Mac) -> Option<Camera> {
        let (first, key) = (0_u32, MacKey::new(mac));
        // SAFETY: `self` is the map to the kernel, and `first` a key of it.
        let live = unsafe {
            bpf_map_lookup_elem(ptr::from_ref(self).cast_mut().cast(), (&raw const first).cast())
        };
        if live.is_null() {
            return None;
        }
        // SAFETY: the kernel returned a map whose keys are `MacKey`s.
        let camera = unsafe { bpf_map_lookup_elem(live, (&raw const key).cast()) };
        // SAFETY: the kernel returned no or a pointer to a value of the map, and no value of a
        // live camera map is ever changed or reused (see `Camera`).
        unsafe { camera.cast::<Camera>().as_ref() }.copied()
    }
}

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
        CAMERAS.get(mac)
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
