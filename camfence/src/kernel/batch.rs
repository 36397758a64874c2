//! Reads hash maps whole, many entries a system call (`BPF_MAP_LOOKUP_BATCH`, kernel 5.6).
//!
//! One entry after the other would begin again wherever the last one read has gone, and never come
//! to the end of a map that programs fill. The kernel goes through a batch by places of its table.

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

/// Entries that are read at once. Those of one place of the table have to fit.
const BATCH: u32 = 4_096;

/// `union bpf_attr` as `BPF_MAP_LOOKUP_BATCH` has it (`linux/bpf.h`).
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Lookup {
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
    entries_where(map, what, |_| true)
}

/// Those entries of a hash map that are wanted.
pub(super) fn entries_where<K: Pod, V: Pod>(
    map: &SharedMap<K, V>,
    what: &str,
    is_wanted: impl Fn(&(K, V)) -> bool,
) -> Result<Vec<(K, V)>> {
    // The kernel fills values to whole words.
    const { assert!(size_of::<V>().is_multiple_of(size_of::<u64>())) };
    let what = || format!("reading {what}");
    let map_fd = u32::try_from(map.map().fd().as_fd().as_raw_fd()).map_err(|_| Errno::BADF);
    let map_fd = map_fd.tried(what)?;
    let mut keys = vec![K::zeroed(); BATCH as usize];
    let mut values = vec![V::zeroed(); BATCH as usize];
    let mut place = 0_u32;
    let mut entries = Vec::new();
    // The table has less than twice as many places as there is room, and each turn goes on.
    for turn in 0..=2 * u64::from(room(map)?) {
        let mut attr = Lookup {
            in_batch: if turn == 0 { 0 } else { (&raw const place) as u64 },
            out_batch: (&raw mut place) as u64,
            keys: keys.as_mut_ptr() as u64,
            values: values.as_mut_ptr() as u64,
            count: BATCH,
            map_fd,
            ..Lookup::zeroed()
        };
        // SAFETY: `keys` and `values` have room for `count` entries of the map, which has keys and
        // values of these types; a place in a hash map's table is a number of 32 bits.
        let read = unsafe { bpf(bpf_cmd::BPF_MAP_LOOKUP_BATCH, &mut attr) };
        if !matches!(read, Ok(_) | Err(Errno::NOENT)) {
            read.tried(what)?;
        }
        let batch = keys.iter().copied().zip(values.iter().copied());
        entries.extend(batch.take(attr.count as usize).filter(&is_wanted));
        if read.is_err() {
            break;
        }
    }
    Ok(entries)
}
