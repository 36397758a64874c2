//! The kernel's clock that the ledger and what is told have their times of.

use aya_ebpf::{
    helpers::generated::{bpf_jiffies64, bpf_ktime_get_ns},
    macros::{classifier, map},
    maps::Array,
    programs::TcContext,
};
use camfence_common::clock::{Clocks, TickRate};

/// How ticks become nanoseconds. Userspace measures it, and sets it before loading; the map behind it is
/// read-only, so that the verifier removes the branch that is not taken.
#[unsafe(no_mangle)]
static TICK_RATE: TickRate = TickRate::UNKNOWN;

/// What [`clocks`] read. Written here, read by userspace.
#[map]
static CLOCKS: Array<Clocks> = Array::with_max_entries(1, 0);

/// Nanoseconds since boot, suspension left out.
#[inline(always)]
pub(crate) fn now() -> u64 {
    // SAFETY: reads a static; volatile because userspace may have changed it.
    let rate = unsafe { (&raw const TICK_RATE).read_volatile() };
    if rate.tick == 0 {
        // SAFETY: the helper takes nothing and returns a number.
        unsafe { bpf_ktime_get_ns() }
    } else {
        // SAFETY: as above.
        rate.at(unsafe { bpf_jiffies64() })
    }
}

/// Reads both clocks. Userspace runs it once, without an interface.
#[classifier]
fn clocks(_ctx: TcContext) -> i32 {
    if let Some(clocks) = CLOCKS.get_ptr_mut(0) {
        // SAFETY: the helpers take nothing and return a number; the kernel returned a pointer to the
        // element, and nothing else runs that uses it.
        unsafe {
            clocks.write(Clocks { ticks: bpf_jiffies64(), nanoseconds: bpf_ktime_get_ns() });
        }
    }
    0
}
