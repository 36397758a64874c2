//! The program that reads the kernel's clocks: how camfence's own programs know what a tick is worth.
//!
//! It is in an object of its own, as it is run before that of the others can be loaded.
#![no_std]
#![no_main]

#[path = "../src/object.rs"]
mod object;

use aya_ebpf::{
    helpers::generated::{bpf_jiffies64, bpf_ktime_get_ns},
    macros::{classifier, map},
    maps::Array,
    programs::TcContext,
};
use camfence_common::clock::Clocks;

/// What [`clocks`] read. Written here, read by userspace.
#[map]
static CLOCKS: Array<Clocks> = Array::with_max_entries(1, 0);

/// Reads both clocks. Userspace runs it, without an interface.
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
