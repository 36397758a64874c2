//! The benchmark's own programs: what camfence and its peers are held against.
#![no_std]
#![no_main]
#![expect(clippy::needless_pass_by_value, reason = "the entry macros want the context so")]

#[path = "../src/object.rs"]
mod object;

use aya_ebpf::{
    bindings::xdp_action,
    helpers::{bpf_ktime_get_ns, generated::bpf_redirect},
    macros::{map, xdp},
    maps::{Array, HashMap, PerCpuArray},
    programs::XdpContext,
};

/// Bytes of an Ethernet address.
const MAC: usize = 6;
/// Where the source stands in an Ethernet header.
const SOURCE: usize = 6;
/// Where the type does.
const ETHERTYPE: usize = 12;
/// Bytes of the header.
const HEADER: usize = 14;
/// The type of IPv4, as it is on the wire.
const IPV4: [u8; 2] = [0x08, 0x00];

/// The interface that [`redirect`] sends to. Set before the program is loaded.
#[unsafe(no_mangle)]
static PORT: u32 = 0;

/// The sources that [`look_up`] drops.
#[map]
static SOURCES: HashMap<[u8; MAC], u32> = HashMap::with_max_entries(1024, 0);

/// When [`arrivals`] saw the first and the last frame, in nanoseconds of the monotonic clock. Zero:
/// none since userspace wrote that.
#[map]
static ARRIVED: Array<[u64; 2]> = Array::with_max_entries(1, 0);

/// How many frames [`look_up`] passed and dropped.
#[map]
static COUNTED: PerCpuArray<u64> = PerCpuArray::with_max_entries(2, 0);

/// Drops each frame: what no filter can be faster than.
#[xdp]
fn drop(_ctx: XdpContext) -> u32 {
    xdp_action::XDP_DROP
}

/// Passes each frame: what is given to it is received.
#[xdp]
fn pass(_ctx: XdpContext) -> u32 {
    xdp_action::XDP_PASS
}

/// Sends each frame out of an interface.
#[xdp]
fn redirect(_ctx: XdpContext) -> u32 {
    // SAFETY: the loader puts the value there before the program runs; nobody writes it later.
    let port = unsafe { (&raw const PORT).read_volatile() };
    // SAFETY: the helper takes two numbers.
    let action = unsafe { bpf_redirect(port, 0) };
    u32::try_from(action).unwrap_or(xdp_action::XDP_ABORTED)
}

/// Notes when frames of IPv4 come, and drops them.
#[xdp]
fn arrivals(ctx: XdpContext) -> u32 {
    let start = ctx.data();
    if start + HEADER > ctx.data_end() {
        return xdp_action::XDP_DROP;
    }
    // SAFETY: the frame is that long.
    let ethertype = unsafe { ((start + ETHERTYPE) as *const [u8; 2]).read_unaligned() };
    let Some(times) = ARRIVED.get_ptr_mut(0) else { return xdp_action::XDP_DROP };
    if ethertype == IPV4 {
        // SAFETY: the helper takes nothing.
        let now = unsafe { bpf_ktime_get_ns() };
        // SAFETY: frames come on one CPU; userspace writes only zeros, while none come.
        let [first, last] = unsafe { &mut *times };
        if *first == 0 {
            *first = now;
        }
        *last = now;
    }
    xdp_action::XDP_DROP
}

/// A filter with nothing to spare: one look-up of the source and one counter. It costs what the
/// kernel's helpers cost on a machine, and so is what the guard in CI compares with.
#[xdp]
fn look_up(ctx: XdpContext) -> u32 {
    let start = ctx.data();
    if start + SOURCE + MAC > ctx.data_end() {
        return xdp_action::XDP_ABORTED;
    }
    // SAFETY: the frame is that long.
    let source = unsafe { ((start + SOURCE) as *const [u8; MAC]).read_unaligned() };
    // SAFETY: the value is not used.
    let known = unsafe { SOURCES.get(source) }.is_some();
    if let Some(count) = COUNTED.get_ptr_mut(u32::from(known)) {
        // SAFETY: each CPU has its own.
        unsafe { *count += 1 };
    }
    if known { xdp_action::XDP_DROP } else { xdp_action::XDP_PASS }
}
