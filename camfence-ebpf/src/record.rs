//! The one exit of a camera's frame: it is counted, and logged if somebody debugs.

use aya_ebpf::EbpfContext;
use aya_log_ebpf::info;
use camfence_common::{
    abi::{Camera, Tally},
    reason::{Direction, Effect, Reason},
};

use crate::maps;

/// Whether each verdict is logged. Userspace sets it before loading; the map behind it is
/// read-only, so that the verifier removes the branch when it is zero.
#[unsafe(no_mangle)]
static LOG_VERDICTS: u8 = 0;

/// Counts a frame under its reason and returns what happens to it.
#[inline(always)]
pub(crate) fn record<C: EbpfContext>(
    ctx: &C,
    direction: Direction,
    camera: Camera,
    reason: Reason,
    tally: Tally,
) -> Effect {
    maps::count(camera, direction, reason, tally);
    // SAFETY: reads a byte of a static; volatile because userspace may have changed it.
    if unsafe { core::ptr::read_volatile(&raw const LOG_VERDICTS) } != 0 {
        info!(
            ctx,
            "slot {} {} {}: {} bytes",
            camera.slot,
            direction.name(),
            reason.name(),
            tally.bytes,
        );
    }
    reason.effect()
}
