//! Tells userspace of frames while somebody captures.
//!
//! Programs that capture are the same programs, loaded with another [`CAPTURE`] and put in the place
//! of the others for that time. The map behind it is read-only, so that the verifier removes all of
//! this from those that do not.

use aya_ebpf::{
    EbpfContext,
    bindings::BPF_F_CURRENT_CPU,
    helpers::generated::{bpf_ktime_get_ns, bpf_perf_event_output},
    macros::map,
    maps::{PerCpuArray, PerfEventByteArray},
    programs::{TcContext, XdpContext},
};
use camfence_common::{
    abi::{CANARY, Tally},
    capture::{Caught, Wish},
    packet::Bytes,
    reason::Effect,
    wire::ethernet,
};

use crate::{record::Case, tc_packet};

/// The frames. Written here, read by whoever captures.
#[map]
static CAUGHT: PerfEventByteArray = PerfEventByteArray::new(0);

/// How many frames there was no room for. Written here, read by whoever captures.
#[map]
static UNCAUGHT: PerCpuArray<u64> = PerCpuArray::with_max_entries(1, 0);

/// Which frames. Userspace sets it before loading.
#[unsafe(no_mangle)]
static CAPTURE: Wish = Wish::NONE;

/// What a frame is captured from.
pub(crate) trait Source: EbpfContext {
    /// As [`Caught`] has it.
    const HOOK: u8;

    /// Bytes that the kernel can copy of the frame.
    fn len(&self, tally: Tally) -> u32;

    /// The VLAN tag beside it, as [`Caught`] has it.
    fn tag(&self) -> u32;
}

impl Source for XdpContext {
    const HOOK: u8 = Caught::AT_XDP;

    #[inline(always)]
    fn len(&self, tally: Tally) -> u32 {
        u32::try_from(tally.bytes).unwrap_or(u32::MAX)
    }

    #[inline(always)]
    fn tag(&self) -> u32 {
        0
    }
}

impl Source for TcContext {
    const HOOK: u8 = Caught::AT_TC;

    #[inline(always)]
    fn len(&self, _: Tally) -> u32 {
        TcContext::len(self)
    }

    #[inline(always)]
    fn tag(&self) -> u32 {
        tc_packet::tag(self)
    }
}

fn wish() -> Wish {
    // SAFETY: reads a static; volatile because userspace may have changed it.
    unsafe { (&raw const CAPTURE).read_volatile() }
}

/// Whether somebody captures.
#[inline(always)]
pub(crate) fn is_on() -> bool {
    // SAFETY: reads a byte of a static; volatile because userspace may have changed it.
    unsafe { (&raw const CAPTURE.on).read_volatile() != 0 }
}

/// Tells of a frame, if it is one of those that are captured. Nobody sent the canary's. What
/// nobody has room for is counted.
#[inline(always)]
pub(crate) fn tell<S: Source, B: Bytes>(
    source: &S,
    bytes: &B,
    port: u32,
    case: &Case<'_>,
    effect: Effect,
) {
    let (wish, mac) = (wish(), ethernet::camera_mac(bytes, case.direction));
    let is_meant = if wish.mac.is_zero() { mac != Some(CANARY) } else { mac == Some(wish.mac) };
    if !is_meant || wish.dropped != 0 && effect == Effect::Pass {
        return;
    }
    let len = source.len(case.tally);
    let caught = Caught {
        // SAFETY: the helper takes nothing and returns a number.
        time: unsafe { bpf_ktime_get_ns() },
        ifindex: port,
        len,
        captured: len.min(wish.snaplen),
        tag: source.tag(),
        reason: case.verdict.reason_index(),
        direction: case.direction as u8,
        hook: S::HOOK,
        passed: u8::from(effect == Effect::Pass),
        zero: 0,
    };
    let told = caught.as_bytes();
    let flags = u64::from(caught.captured) << 32 | BPF_F_CURRENT_CPU;
    // SAFETY: `CAUGHT` is the map to the kernel, `told` as long as it says, and the context the one
    // the program was called with, which has as many bytes as are captured.
    let result = unsafe {
        let map = (&raw const CAUGHT).cast_mut().cast();
        bpf_perf_event_output(
            source.as_ptr(),
            map,
            flags,
            told.as_ptr().cast_mut().cast(),
            told.len() as u64,
        )
    };
    if result != 0
        && let Some(uncaught) = UNCAUGHT.get_ptr_mut(0)
    {
        // SAFETY: the kernel returned a pointer to this CPU's element, and nothing else on this CPU
        // uses it while the program runs.
        unsafe { *uncaught = (*uncaught).wrapping_add(1) };
    }
}
