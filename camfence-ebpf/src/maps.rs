//! The maps. Each is private to this file and reached through a function that says what absent
//! means.

use core::{
    ffi::c_void,
    ptr::{self, NonNull},
};

use aya_ebpf::{
    bindings::{
        BPF_F_NO_PREALLOC, BPF_NOEXIST,
        bpf_map_type::{BPF_MAP_TYPE_ARRAY_OF_MAPS, BPF_MAP_TYPE_HASH},
    },
    helpers::generated::{bpf_ktime_get_boot_ns, bpf_map_lookup_elem},
    macros::{btf_map, map},
    maps::{Array, LpmTrie, LruHashMap, PerCpuArray},
};
use camfence_common::{
    abi::{
        AHEAD_PARTS, Ahead, Camera, CameraCounters, Entry, Hint, HintPlace, Key, NAME_SLOTS,
        NameKey, NameRule, PROFILE_SLOTS, Profile, Row, SPARE_SLOTS, Sighting, SightingKey, State,
        Tally,
    },
    limits::{DEFAULT_MAX_CAMERAS, MAX_SIGHTINGS},
    mac::Mac,
    reason::Direction,
    tables::Tables,
    verifier::opaque,
    wire::{Parsed, dns::Name},
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
    key_size: *const [i32; size_of::<Key>()],
    value_size: *const [i32; size_of::<Entry>()],
    max_entries: *const [i32; 1],
    map_flags: *const [i32; 0],
}

// SAFETY: the pointers are null and stand for types; nothing is read through them.
unsafe impl Sync for LiveCameras {}

impl LiveCameras {
    /// The live map.
    #[inline(always)]
    fn live(&self) -> Option<LiveMap> {
        let first = 0_u32;
        // SAFETY: `self` is the map to the kernel, and `first` a key of it.
        let live = unsafe {
            bpf_map_lookup_elem(ptr::from_ref(self).cast_mut().cast(), (&raw const first).cast())
        };
        NonNull::new(live).map(LiveMap)
    }
}

/// A camera map that was the live one when the program looked.
#[derive(Clone, Copy)]
struct LiveMap(NonNull<c_void>);

impl LiveMap {
    /// An entry.
    #[inline(always)]
    fn get(self, key: Key) -> Option<&'static Camera> {
        // SAFETY: the kernel returned this map, whose keys are `Key`s.
        let entry = unsafe { bpf_map_lookup_elem(self.0.as_ptr(), (&raw const key).cast()) };
        // SAFETY: the kernel returned no or a pointer to a value of the map. The entries of a live camera map are
        // never changed, and neither they nor the map are reused while a program runs that may have found them.
        let entry = unsafe { entry.cast::<Entry>().as_ref() }?;
        row(entry.row).map(|row| &row.camera)
    }
}

/// The rows that entries of camera maps are for. Written by userspace.
#[map]
static ROWS: Array<Row> =
    Array::with_max_entries(Entry::SIDES * (DEFAULT_MAX_CAMERAS + SPARE_SLOTS), 0);

/// A row, which does not change while the program runs that has found it in a map or by a hint.
#[inline(always)]
fn row(index: u32) -> Option<&'static Row> {
    ROWS.get(index)
}

/// The policies that cameras point to. Written by userspace. An element that was never written
/// is no policy.
#[map]
static PROFILES: Array<Profile> = Array::with_max_entries(PROFILE_SLOTS, 0);

/// The names that profiles let DNS queries ask for. Written by userspace, before a camera points to
/// the profile. No entry: not listed.
#[map]
static NAMES: LpmTrie<NameKey, NameRule> = LpmTrie::with_max_entries(NAME_SLOTS, BPF_F_NO_PREALLOC);

/// Where a name is put down for a look-up: it is longer than a program's stack has room for. Only
/// used here.
#[map]
static NAME: PerCpuArray<Name> = PerCpuArray::with_max_entries(1, 0);

/// What programs look at before they look for a camera. Written by userspace.
#[map]
static AHEAD: Array<Ahead> = Array::with_max_entries(AHEAD_PARTS, 0);

/// Until when cameras are opened, by slot, in nanoseconds since boot. Written by userspace. Zero:
/// not opened.
#[map]
static DEADLINES: Array<u64> = Array::with_max_entries(DEFAULT_MAX_CAMERAS + SPARE_SLOTS, 0);

/// What happened, by a camera's slot. Written here, read by userspace, which also zeroes a slot
/// before it gives it to another camera.
#[map]
static COUNTERS: PerCpuArray<CameraCounters> =
    PerCpuArray::with_max_entries(DEFAULT_MAX_CAMERAS + SPARE_SLOTS, 0);

/// When cameras last sent something, by slot, in nanoseconds since boot, suspension left out. Written here,
/// read by userspace, which also zeroes a slot before it gives it to another camera. Zero: never.
#[map]
static LAST_SEEN: PerCpuArray<u64> =
    PerCpuArray::with_max_entries(DEFAULT_MAX_CAMERAS + SPARE_SLOTS, 0);

/// The unknown sources seen last. Written here, read by userspace.
#[map]
static SIGHTINGS: LruHashMap<SightingKey, Sighting> =
    LruHashMap::with_max_entries(MAX_SIGHTINGS, 0);

/// The maps as the verdict's tables.
pub(crate) struct Maps;

impl Tables for Maps {
    #[inline(always)]
    fn camera(&self, mac: Mac, port: impl FnOnce() -> u32) -> Option<&Camera> {
        let (hint, strangers) = ahead(mac);
        let key = Key::of_mac(mac);
        if let Some(row) = hint.candidate().and_then(row)
            && row.key == key
        {
            return Some(&row.camera);
        }
        if !hint.asks() && !strangers {
            return None;
        }
        let live = CAMERAS.live()?;
        let camera = live.get(key);
        if camera.is_some() || !strangers {
            return camera;
        }
        live.get(Key::of_port(port()))
    }

    #[inline(always)]
    fn profile(&self, index: u32) -> Option<&Profile> {
        PROFILES.get(index).filter(|profile| profile.written == Profile::WRITTEN)
    }

    #[inline(always)]
    fn lists_name(&self, profile: u32, read: impl FnOnce(&mut Name) -> Parsed<usize>) -> bool {
        let Some(name) = NAME.get_ptr_mut(0) else { return false };
        // SAFETY: the kernel returned a pointer to this CPU's element, and nothing else on this CPU
        // uses it while the program runs.
        let name = unsafe { &mut *name };
        let Ok(len) = read(name) else { return false };
        let Some(key) = name.trie_key(profile, len) else { return false };
        // SAFETY: `NAMES` is the map to the kernel, and `key` as long as its keys.
        let rule = unsafe {
            bpf_map_lookup_elem((&raw const NAMES).cast_mut().cast(), key.as_ptr().cast())
        };
        // SAFETY: the kernel returned no or a pointer to a value of the map, which userspace does
        // not change while a camera points to the profile.
        unsafe { rule.cast::<NameRule>().as_ref() }.is_some_and(|rule| rule.lists(len))
    }

    #[inline(always)]
    fn deadline(&self, slot: u32) -> u64 {
        DEADLINES.get(slot).copied().unwrap_or(0)
    }

    #[inline(always)]
    fn now(&self) -> u64 {
        now()
    }
}

/// Where to look on account of a MAC, and whether for what stands for unknown sources.
#[inline(always)]
fn ahead(mac: Mac) -> (Hint, bool) {
    let place = HintPlace::of(mac);
    let Some(ahead) = AHEAD.get_ptr(place.part) else { return (Hint::UNKNOWN, true) };
    // SAFETY: the kernel returned a pointer to the element, which the hint is in; volatile because
    // userspace may change it at any time.
    unsafe {
        let hints = (&raw const (*ahead).hints).cast::<Hint>();
        let strangers = (&raw const (*ahead).strangers).read_volatile();
        (hints.add(place.index).read_volatile(), strangers != 0)
    }
}

#[inline(always)]
fn now() -> u64 {
    // SAFETY: the helper takes nothing and returns a number.
    unsafe { bpf_ktime_get_boot_ns() }
}

/// Adds to a camera's counter.
///
/// Programs of one CPU do not interrupt each other here (XDP and TC run with softirqs off), so
/// that adding needs no lock.
#[inline(always)]
pub(crate) fn count(camera: &Camera, direction: Direction, reason_index: u8, tally: Tally) {
    let Some(counters) = COUNTERS.get_ptr_mut(camera.slot) else { return };
    // SAFETY: the kernel returned a pointer to this CPU's element, and nothing else on this CPU
    // uses it while the program runs.
    let counters = unsafe { &mut *counters };
    // Or else LLVM compares one number and takes another of the same value, which the verifier does
    // not know to be in bounds.
    let index = opaque(usize::from(reason_index));
    if let Some(counter) = counters.by[direction.index()].get_mut(index) {
        counter.add(tally);
    }
}

/// Notes when a camera sent something.
#[inline(always)]
pub(crate) fn see(camera: &Camera, now: u64) {
    let Some(last) = LAST_SEEN.get_ptr_mut(camera.slot) else { return };
    // SAFETY: the kernel returned a pointer to this CPU's element, and nothing else on this CPU
    // uses it while the program runs. Others only copy it.
    unsafe { last.write_volatile(now) };
}

/// Notes an unknown source, and says whether it is a new one. Its frames can arrive on several CPUs at
/// once.
#[inline(always)]
pub(crate) fn sight(mac: Mac, ifindex: u32, tally: Tally) -> bool {
    let (key, now) = (SightingKey { ifindex, mac, zero: [0; 2] }, now());
    if sight_again(&key, now, tally) {
        return false;
    }
    let sighting = Sighting { first: now, last: now, tally };
    let is_new = SIGHTINGS.insert(key, sighting, u64::from(BPF_NOEXIST)).is_ok();
    if !is_new {
        // Another CPU was first. If it is gone again, so many come that it is not remembered.
        sight_again(&key, now, tally);
    }
    is_new
}

/// Adds to what was seen of a source. False if it was not seen before.
#[inline(always)]
fn sight_again(key: &SightingKey, now: u64, tally: Tally) -> bool {
    let Some(sighting) = SIGHTINGS.get_ptr_mut(key) else { return false };
    // SAFETY: the kernel returned a pointer to a value, whose fields are aligned, and nothing reads
    // or writes them but like this.
    unsafe {
        (&raw mut (*sighting).last).write_volatile(now);
        add(&raw mut (*sighting).tally.packets, tally.packets);
        add(&raw mut (*sighting).tally.bytes, tally.bytes);
    }
    true
}

/// Adds to a number that other CPUs add to as well. Rust has no atomic addition for this target.
///
/// # Safety
/// `number` is aligned and can be written to.
#[inline(always)]
pub(crate) unsafe fn add(number: *mut u64, more: u64) {
    // SAFETY: the caller's; the instruction changes nothing else.
    unsafe {
        core::arch::asm!(
            "lock *(u64 *)({number} + 0) += {more}",
            number = in(reg) number,
            more = in(reg) more,
            options(nostack),
        );
    }
}
