//! Arrays, many elements a system call. Per-CPU arrays have that since kernel 5.13, and are read and
//! written one by one before.

use std::ops::ControlFlow;

use aya::{
    maps::{Array, IterableMap as _, MapData, PerCpuArray},
    util::nr_cpus,
};
use aya_obj::generated::bpf_cmd;
use bytemuck::{Pod, Zeroable};
use rustix::io::Errno;

use super::{Attributes, count, descriptor};
use crate::kernel::{
    error::{Result, Tried as _},
    maps::Shared,
    query::bpf,
};

/// An array of a shared type.
pub(in crate::kernel) type SharedArray<V> = Array<MapData, Shared<V>>;

/// An array of a shared type, with a value for each CPU.
pub(in crate::kernel) type PerCpu<V> = PerCpuArray<MapData, Shared<V>>;

/// Bytes of values that are read or written at once, about. Most is read of short arrays.
const BYTES: usize = 96 * 1024;

/// What the kernel says where a kind of map has no such command (`ENOTSUPP` of its own
/// `linux/errno.h`).
const NOT_SUPPORTED: Errno = Errno::from_raw_os_error(524);

/// `union bpf_attr` as `BPF_MAP_LOOKUP_ELEM` and `BPF_MAP_UPDATE_ELEM` have it (`linux/bpf.h`).
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Element {
    map_fd: u32,
    zero: u32,
    key: u64,
    value: u64,
    flags: u64,
}

/// Elements of an array that are next to each other, or of which all values are the same.
struct Elements<'a, V> {
    map_fd: u32,
    indices: &'a mut [u32],
    /// As many for each index as there are CPUs, or one.
    values: &'a mut [V],
}

/// Hands the first elements of an array over, each with its index, as long as more are wanted.
pub(in crate::kernel) fn read<V: Pod>(
    array: &SharedArray<V>,
    elements: u32,
    what: &str,
    mut each: impl FnMut(u32, &V) -> ControlFlow<()>,
) -> Result<()> {
    let each_one = |index, values: &[V]| values.iter().try_for_each(|value| each(index, value));
    read_all(array.map(), 1, elements, what, each_one)
}

/// Hands the first elements of a per-CPU array over, each with its index and a value for each CPU.
pub(in crate::kernel) fn read_per_cpu<V: Pod>(
    array: &PerCpu<V>,
    elements: u32,
    what: &str,
    mut each: impl FnMut(u32, &[V]),
) -> Result<()> {
    read_all(array.map(), cpus()?, elements, what, |index, values| {
        each(index, values);
        ControlFlow::Continue(())
    })
}

/// Writes elements of an array, each with its index.
pub(in crate::kernel) fn write<V: Pod>(
    array: &SharedArray<V>,
    elements: &[(u32, V)],
    what: &str,
) -> Result<()> {
    let what = || format!("writing {what}");
    let map_fd = descriptor(array.map()).tried(what)?;
    for elements in elements.chunks(at_once::<V>(1)) {
        let (mut indices, mut values): (Vec<u32>, Vec<V>) = elements.iter().copied().unzip();
        Elements { map_fd, indices: &mut indices, values: &mut values }.write().tried(what)?;
    }
    Ok(())
}

/// Sets elements of an array to zero.
pub(in crate::kernel) fn clear<V: Pod>(
    array: &SharedArray<V>,
    indices: &[u32],
    what: &str,
) -> Result<()> {
    clear_all::<V>(array.map(), 1, indices, what)
}

/// Sets elements of a per-CPU array to zero, on all CPUs.
pub(in crate::kernel) fn clear_per_cpu<V: Pod>(
    array: &PerCpu<V>,
    indices: &[u32],
    what: &str,
) -> Result<()> {
    clear_all::<V>(array.map(), cpus()?, indices, what)
}

fn cpus() -> Result<usize> {
    nr_cpus().map_err(|(_, error)| error).tried(|| "counting CPUs".into())
}

fn read_all<V: Pod>(
    map: &MapData,
    copies: usize,
    elements: u32,
    what: &str,
    mut each: impl FnMut(u32, &[V]) -> ControlFlow<()>,
) -> Result<()> {
    let what = || format!("reading {what}");
    let map_fd = descriptor(map).tried(what)?;
    let indices: Vec<u32> = (0..elements).collect();
    let at_once = at_once::<V>(copies).min(indices.len());
    let mut values = vec![V::zeroed(); at_once * copies];
    // The kernel writes the indices it has read there.
    let mut read = vec![0; at_once];
    for indices in indices.chunks(at_once.max(1)) {
        let values = &mut values[..indices.len() * copies];
        let read = &mut read[..indices.len()];
        read.copy_from_slice(indices);
        Elements { map_fd, indices: read, values }.read().tried(what)?;
        for (index, values) in indices.iter().zip(values.chunks_exact(copies)) {
            if each(*index, values).is_break() {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn clear_all<V: Pod>(map: &MapData, copies: usize, indices: &[u32], what: &str) -> Result<()> {
    let what = || format!("clearing {what}");
    let map_fd = descriptor(map).tried(what)?;
    let mut indices = indices.to_vec();
    let at_once = at_once::<V>(copies).min(indices.len()).max(1);
    let mut zeroes = vec![V::zeroed(); at_once * copies];
    for indices in indices.chunks_mut(at_once) {
        let values = &mut zeroes[..indices.len() * copies];
        Elements { map_fd, indices, values }.write().tried(what)?;
    }
    Ok(())
}

fn at_once<V>(copies: usize) -> usize {
    (BYTES / (size_of::<V>() * copies)).max(1)
}

impl<V: Pod> Elements<'_, V> {
    /// Reads them. Their indices follow each other.
    fn read(&mut self) -> std::result::Result<(), Errno> {
        // The kernel begins behind this one.
        let before = self.indices.first().and_then(|first| first.checked_sub(1));
        let mut last = 0_u32;
        let mut attr = Attributes {
            in_batch: before.as_ref().map_or(0, |before| std::ptr::from_ref(before) as u64),
            out_batch: (&raw mut last) as u64,
            ..self.attributes()
        };
        // SAFETY: as `attributes` says; a place in an array is an index.
        let read = unsafe { bpf(bpf_cmd::BPF_MAP_LOOKUP_BATCH, &mut attr) };
        self.or_one_by_one(bpf_cmd::BPF_MAP_LOOKUP_ELEM, read)
    }

    /// Writes them.
    fn write(&mut self) -> std::result::Result<(), Errno> {
        // SAFETY: as `attributes` says.
        let written = unsafe { bpf(bpf_cmd::BPF_MAP_UPDATE_BATCH, &mut self.attributes()) };
        self.or_one_by_one(bpf_cmd::BPF_MAP_UPDATE_ELEM, written)
    }

    /// There are `count` keys, and values of the map for each: on all CPUs, filled to whole words.
    fn attributes(&mut self) -> Attributes {
        const { assert!(size_of::<V>().is_multiple_of(size_of::<u64>())) };
        Attributes {
            keys: self.indices.as_mut_ptr() as u64,
            values: self.values.as_mut_ptr() as u64,
            count: count(self.indices.len()),
            map_fd: self.map_fd,
            ..Attributes::zeroed()
        }
    }

    fn or_one_by_one(
        &mut self,
        command: bpf_cmd,
        result: std::result::Result<i32, Errno>,
    ) -> std::result::Result<(), Errno> {
        match result {
            Err(NOT_SUPPORTED) => self.one_by_one(command),
            result => result.map(drop),
        }
    }

    fn one_by_one(&mut self, command: bpf_cmd) -> std::result::Result<(), Errno> {
        let copies = self.values.len() / self.indices.len();
        for (index, values) in self.indices.iter().zip(self.values.chunks_exact_mut(copies)) {
            let mut attr = Element {
                map_fd: self.map_fd,
                zero: 0,
                key: std::ptr::from_ref(index) as u64,
                value: values.as_mut_ptr() as u64,
                flags: 0,
            };
            // SAFETY: there is a key, and a value of the map on all CPUs.
            unsafe { bpf(command, &mut attr) }?;
        }
        Ok(())
    }
}
