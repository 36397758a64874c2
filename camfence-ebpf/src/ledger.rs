//! The ledger: whom cameras talk to. Each flow is counted in a place of its CPU's own first, and put
//! in a map that all CPUs share when another flow takes the place.
//!
//! All of this runs with softirqs off, and programs of one CPU do not interrupt each other.

use aya_ebpf::{
    bindings::BPF_NOEXIST,
    helpers::generated::bpf_map_update_elem,
    macros::map,
    maps::{LruHashMap, PerCpuArray},
};
use camfence_common::{
    abi::Tally,
    flow::{Flow, FlowKey, Flushed, RECENT_FLOWS, Recent},
    limits::DEFAULT_LEDGER_ENTRIES,
};

use crate::{maps::add, tell};

/// The flows. Written here, read by userspace. No entry: nothing but what [`RECENT`] has, or evicted.
#[map]
static LEDGER: LruHashMap<FlowKey, Flow> = LruHashMap::with_max_entries(DEFAULT_LEDGER_ENTRIES, 0);

/// Flows of a moment ago, by place, with what is not in [`LEDGER`] yet. Written here, read by
/// userspace. A place that was never taken is zero.
#[map]
static RECENT: PerCpuArray<Recent> = PerCpuArray::with_max_entries(RECENT_FLOWS, 0);

/// What was put in [`LEDGER`]. Written here, read by userspace.
#[map]
static FLUSHED: PerCpuArray<Flushed> = PerCpuArray::with_max_entries(1, 0);

/// Counts for a flow. One that is not known is told, with its port.
#[inline(always)]
pub(crate) fn note(key: &FlowKey, tally: Tally, now: u64, port: impl FnOnce() -> u32) {
    let Some(place) = RECENT.get_ptr_mut(key.place()) else { return };
    // SAFETY: the kernel returned a pointer to this CPU's element, and nothing else on this CPU
    // uses it while the program runs. Others only copy it.
    unsafe {
        if !(*place).key.is(key) {
            replace(place, key, now);
            let key = &(*place).key;
            if LEDGER.get_ptr(key).is_none() {
                tell::contact(port(), now, key);
            }
        }
        let flow = &mut (*place).flow;
        flow.last = now;
        flow.tally.add(tally);
    }
}

/// Gives a place to another flow. See [`Recent`] for the order.
///
/// # Safety
/// `place` is an element of [`RECENT`] on this CPU.
#[inline(always)]
unsafe fn replace(place: *mut Recent, key: &FlowKey, now: u64) {
    // SAFETY: the caller's; all fields are aligned, and any bytes are values of them.
    unsafe {
        let number = (*place).begun.wrapping_add(1);
        (&raw mut (*place).begun).write_volatile(number);
        if (*place).flow.tally.packets != 0 {
            flush(place);
        }
        (&raw mut (*place).key).write_volatile(*key);
        let flow = Flow { first: now, last: now, tally: Tally { packets: 0, bytes: 0 } };
        (&raw mut (*place).flow).write_volatile(flow);
        (&raw mut (*place).finished).write_volatile(number);
    }
}

/// Puts what was counted at a place in the map.
///
/// # Safety
/// `place` is an element of [`RECENT`] on this CPU.
#[inline(always)]
unsafe fn flush(place: *const Recent) {
    let Some(flushed) = FLUSHED.get_ptr_mut(0) else { return };
    // SAFETY: the kernel returned a pointer to this CPU's element, and nothing else on this CPU
    // uses it while the program runs; `place` is the caller's.
    unsafe {
        let (flushed, tally) = (&mut *flushed, (*place).flow.tally);
        let mut there = join(place);
        if !there && insert(place) {
            flushed.entries = flushed.entries.wrapping_add(1);
            there = true;
        }
        // Another CPU may have been first.
        if there || join(place) {
            flushed.tally.add(tally);
        } else {
            flushed.lost.add(tally);
        }
    }
}

/// Makes an entry for a flow. False if there is one, or can be none.
///
/// # Safety
/// `place` can be read.
#[inline(always)]
unsafe fn insert(place: *const Recent) -> bool {
    // SAFETY: `LEDGER` is the map to the kernel, and its keys and values are of these types. They
    // are given where they are: there is no need for another copy on the stack.
    let inserted = unsafe {
        bpf_map_update_elem(
            (&raw const LEDGER).cast_mut().cast(),
            (&raw const (*place).key).cast(),
            (&raw const (*place).flow).cast(),
            u64::from(BPF_NOEXIST),
        )
    };
    inserted == 0
}

/// Adds to a flow's entry. False if it has none.
///
/// # Safety
/// `place` can be read.
#[inline(always)]
unsafe fn join(place: *const Recent) -> bool {
    // SAFETY: the caller's.
    let (key, flow) = unsafe { (&(*place).key, (*place).flow) };
    let Some(entry) = LEDGER.get_ptr_mut(key) else { return false };
    // SAFETY: the kernel returned a pointer to a value, whose fields are aligned, and nothing reads
    // or writes them but like this. Where two CPUs set a time at once, one of the two stays.
    unsafe {
        if flow.first < (*entry).first {
            (&raw mut (*entry).first).write_volatile(flow.first);
        }
        if flow.last > (*entry).last {
            (&raw mut (*entry).last).write_volatile(flow.last);
        }
        add(&raw mut (*entry).tally.packets, flow.tally.packets);
        add(&raw mut (*entry).tally.bytes, flow.tally.bytes);
    }
    true
}
