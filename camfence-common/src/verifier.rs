//! What the BPF verifier has to be helped with. Outside BPF these are the identity.
//!
//! The verifier follows every path through a program with what it knows of each value, and leaves
//! a path when it meets a point with no more than it knew before. Both functions change what it
//! (or LLVM) knows of a number, never the number.

/// Makes the verifier forget what it knows of a number. `unknown` is any number that it knows
/// nothing of, such as one read from a packet; as many low bits are forgotten as that may have.
///
/// Paths that differ only in an offset (two tags or none, this extension header or that) are
/// one path afterwards; without it they multiply until the verifier gives up.
#[cfg(target_arch = "bpf")]
#[inline(always)]
pub fn forget(number: usize, unknown: u64) -> usize {
    let mut number = number;
    // SAFETY: applies XOR with the same value twice, in registers.
    unsafe {
        core::arch::asm!(
            "{number} ^= {unknown}",
            "{number} ^= {unknown}",
            number = inout(reg) number,
            unknown = in(reg) unknown,
            options(pure, nomem, nostack),
        );
    }
    number
}

/// Makes the verifier forget what it knows of a number.
#[cfg(not(target_arch = "bpf"))]
#[inline(always)]
pub const fn forget(number: usize, _unknown: u64) -> usize {
    number
}

/// Has an answer settled before the program goes on. Paths that found it in different ways, such
/// as at different places of a list, are one path afterwards.
#[inline(always)]
pub fn settle(answer: bool, unknown: u64) -> bool {
    forget(usize::from(answer), unknown) & 1 != 0
}

/// Keeps LLVM from seeing that two addresses are the same, so that it reads through the very
/// register that was compared with the packet's end: the one the verifier knows to be in bounds.
#[cfg(target_arch = "bpf")]
#[inline(always)]
pub fn opaque(address: usize) -> usize {
    let mut address = address;
    // SAFETY: moves a register to itself.
    unsafe {
        core::arch::asm!("{0} = {0}", inout(reg) address, options(pure, nomem, nostack));
    }
    address
}

/// Keeps LLVM from seeing that two addresses are the same.
#[cfg(not(target_arch = "bpf"))]
#[inline(always)]
pub const fn opaque(address: usize) -> usize {
    address
}
