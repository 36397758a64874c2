//! What each object file has, whichever programs are in it.

#[cfg(not(test))]
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: nothing in the programs can panic; the verifier would reject a reachable loop.
    unsafe { core::hint::unreachable_unchecked() }
}

/// The licence the kernel is told; it decides which helpers a program may call.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
