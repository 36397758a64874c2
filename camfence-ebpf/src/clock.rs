//! The kernel's clock that the ledger and what is told have their times of.

use aya_ebpf::helpers::generated::{bpf_ktime_get_coarse_ns, bpf_ktime_get_ns};

/// Whether the kernel has a coarse clock, which costs a tenth. Userspace sets it before loading; the
/// map behind it is read-only, so that the verifier removes the other branch, and with it a helper
/// that kernels before 5.11 do not know.
#[unsafe(no_mangle)]
static COARSE_CLOCK: u8 = 0;

/// Nanoseconds since boot, suspension left out.
#[inline(always)]
pub(crate) fn now() -> u64 {
    // SAFETY: reads a byte of a static; volatile because userspace may have changed it.
    if unsafe { core::ptr::read_volatile(&raw const COARSE_CLOCK) } != 0 {
        // SAFETY: the helper takes nothing and returns a number.
        unsafe { bpf_ktime_get_coarse_ns() }
    } else {
        // SAFETY: as above.
        unsafe { bpf_ktime_get_ns() }
    }
}
