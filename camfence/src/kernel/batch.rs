//! Reads and writes maps whole, many entries a system call (kernel 5.6): hash maps here, arrays in
//! [`mod@array`].
//!
//! To read one entry after the other would begin again wherever the last one read has gone, and never
//! come to the end of a map that programs fill. The kernel goes through a batch by places of its table.

pub(super) mod array;

use std::os::fd::{AsFd as _, AsRawFd as _};

use aya::maps::{HashMap, IterableMap as _, MapData};
use aya_obj::generated::bpf_cmd;
use bytemuck::{Pod, Zeroable};
use rustix::io::Errno;

use super::{
    error::{Result, Tried as _},
    maps::Shared,
    query::bpf,
};

/// A hash map of shared types.
pub(super) type SharedMap<K, V> = HashMap<MapData, Shared<K>, Shared<V>>;

/// Bytes of entries that are read or written at once, about.
const BYTES: usize = 256 * 1024;

/// Most entries that are read or written at once.
const MOST: usize = 4_096;

/// Entries that are read at once at the least: those of one place of the table have to fit.
const LEAST: usize = 256;

/// `union bpf_attr` as `BPF_MAP_LOOKUP_BATCH` and `BPF_MAP_UPDATE_BATCH` have it (`linux/bpf.h`).
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Attributes {
    in_batch: u64,
    out_batch: u64,
    keys: u64,
    values: u64,
    count: u32,
    map_fd: u32,
    elem_flags: u64,
    flags: u64,
}

/// How many entries a map has room for.
pub(super) fn room<K: Pod, V: Pod>(map: &SharedMap<K, V>) -> Result<u32> {
    let info = map.map().info().tried(|| "reading how large a map is".into())?;
    Ok(info.max_entries())
}

/// The entries of a hash map.
pub(super) fn entries<K: Pod, V: Pod>(map: &SharedMap<K, V>, what: &str) -> Result<Vec<(K, V)>> {
    // What is not filled of it is not there.
    let mut entries = Vec::with_capacity(room(map)? as usize);
    for_each(map, what, |key, value| entries.push((*key, *value)))?;
    Ok(entries)
}

/// Hands the entries of a hash map over, without keeping them.
pub(super) fn for_each<K: Pod, V: Pod>(
    map: &SharedMap<K, V>,
    what: &str,
    mut each: impl FnMut(&K, &V),
) -> Result<()> {
    // The kernel fills values to whole words.
    const { assert!(size_of::<V>().is_multiple_of(size_of::<u64>())) };
    let what = || format!("reading {what}");
    let map_fd = descriptor(map.map()).tried(what)?;
    let room = room(map)?;
    let at_once = at_once::<(K, V)>().max(LEAST).min(LEAST.max(room as usize));
    let mut keys = vec![K::zeroed(); at_once];
    let mut values = vec![V::zeroed(); at_once];
    let mut place = 0_u32;
    // The table has less than twice as many places as there is room, and each turn goes on.
    for turn in 0..=2 * u64::from(room) {
        let mut attr = Attributes {
            in_batch: if turn == 0 { 0 } else { (&raw const place) as u64 },
            out_batch: (&raw mut place) as u64,
            keys: keys.as_mut_ptr() as u64,
            values: values.as_mut_ptr() as u64,
            count: count(at_once),
            map_fd,
            ..Attributes::zeroed()
        };
        // SAFETY: `keys` and `values` have room for `count` entries of the map, which has keys and
        // values of these types; a place in a hash map's table is a number of 32 bits.
        let read = unsafe { bpf(bpf_cmd::BPF_MAP_LOOKUP_BATCH, &mut attr) };
        if !matches!(read, Ok(_) | Err(Errno::NOENT)) {
            read.tried(what)?;
        }
        for (key, value) in keys.iter().zip(&values).take(attr.count as usize) {
            each(key, value);
        }
        if read.is_err() {
            break;
        }
    }
    Ok(())
}

/// Puts entries in a hash map; `what` says what failed by the key that could not be written.
pub(super) fn insert<K: Pod, V: Pod>(
    map: &SharedMap<K, V>,
    entries: &[(K, V)],
    what: impl Fn(&K) -> String,
) -> Result<()> {
    let map_fd = descriptor(map.map()).tried(|| "writing a map".into())?;
    for entries in entries.chunks(at_once::<(K, V)>()) {
        let (keys, values): (Vec<K>, Vec<V>) = entries.iter().copied().unzip();
        let mut attr = Attributes {
            keys: keys.as_ptr() as u64,
            values: values.as_ptr() as u64,
            count: count(keys.len()),
            map_fd,
            ..Attributes::zeroed()
        };
        // SAFETY: `keys` and `values` are `count` entries of the map, which has keys and values of these
        // types.
        let written = unsafe { bpf(bpf_cmd::BPF_MAP_UPDATE_BATCH, &mut attr) };
        // On failure the kernel says how many it has written before.
        written.tried(|| keys.get(attr.count as usize).map_or_else(String::new, &what))?;
    }
    Ok(())
}

/// How many entries of a size to read or write at once.
fn at_once<T>() -> usize {
    (BYTES / size_of::<T>()).clamp(1, MOST)
}

/// A count that [`MOST`] bounds, as the kernel takes it.
fn count(entries: usize) -> u32 {
    u32::try_from(entries).unwrap_or(u32::MAX)
}

/// A map's file descriptor, as the kernel takes it.
fn descriptor(map: &MapData) -> std::result::Result<u32, Errno> {
    u32::try_from(map.fd().as_fd().as_raw_fd()).map_err(|_| Errno::BADF)
}
