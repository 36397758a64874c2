//! The kernel's clock that the ledger and what is told have their times of.

use aya_ebpf::helpers::generated::{bpf_jiffies64, bpf_ktime_get_ns};
use camfence_common::clock::TickRate;

/// How ticks become nanoseconds. Userspace measures it, and sets it before loading; the map behind it is
/// read-only, so that the verifier removes the branch that is not taken.
#[unsafe(no_mangle)]
static TICK_RATE: TickRate = TickRate::UNKNOWN;

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
