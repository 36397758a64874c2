//! The one exit of a camera's frame: it is counted, and logged if somebody debugs.

use aya_log_ebpf::info;
use camfence_common::{
    abi::{Camera, Tally},
    flow::FlowKey,
    packet::Bytes,
    reason::{Direction, Effect},
    verdict::Verdict,
    wire::ethernet,
};

use crate::{
    capture::{self, Source},
    clock, ledger, maps, tell,
};

/// Whether each verdict is logged. Userspace sets it before loading; the map behind it is
/// read-only, so that the verifier removes the branch when it is zero.
#[unsafe(no_mangle)]
static LOG_VERDICTS: u8 = 0;

/// A camera's frame that was judged.
pub(crate) struct Case<'a> {
    pub(crate) direction: Direction,
    pub(crate) camera: &'a Camera,
    pub(crate) verdict: Verdict,
    pub(crate) tally: Tally,
}

/// Counts a frame under its reason and for its flow, and returns what happens to it. The source of a
/// stranger's is noted, with its port.
#[inline(always)]
pub(crate) fn record<C: Source, B: Bytes>(
    ctx: &C,
    bytes: &B,
    port: impl Fn() -> u32,
    case: &Case<'_>,
) -> Effect {
    let Case { direction, camera, verdict, tally } = *case;
    maps::count(camera, direction, verdict.reason_index(), tally);
    let now = clock::now();
    if direction == Direction::Outbound {
        maps::see(camera, now);
    }
    if let Some(key) = FlowKey::of(direction, bytes, verdict) {
        ledger::note(&key, tally, now, &port);
    }
    if camera.is(Camera::STRANGERS)
        && direction == Direction::Outbound
        && let Some(mac) = ethernet::camera_mac(bytes, direction)
    {
        let ifindex = port();
        if maps::sight(mac, ifindex, tally) {
            tell::stranger(ifindex, now, mac);
        }
    }
    // SAFETY: reads a byte of a static; volatile because userspace may have changed it.
    if unsafe { core::ptr::read_volatile(&raw const LOG_VERDICTS) } != 0 {
        info!(
            ctx,
            "slot {} {} {}: {} bytes",
            camera.slot,
            direction.name(),
            verdict.reason().name(),
            tally.bytes,
        );
    }
    let effect = if camera.is(Camera::AUDIT) { Effect::Pass } else { verdict.effect() };
    if capture::is_on() {
        // A copy: what it is given is put in memory, which the others need not wait for.
        capture::tell(ctx, bytes, port(), &Case { direction, camera, verdict, tally }, effect);
    }
    effect
}
