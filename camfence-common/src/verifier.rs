//! What the BPF verifier has to be helped with. Outside BPF these are the identity.
//!
//! The verifier follows every path through a program with what it knows of each value, and leaves
//! a path when it meets a point with no more than it knew before. Both functions change what it
//! (or LLVM) knows of a number, never the number.

/// Zero, which the verifier does not know: a number read from a map that nothing is ever compared
/// with, since a comparison tells.
#[derive(Debug, Clone, Copy)]
pub struct Unknown(
    #[cfg_attr(not(target_arch = "bpf"), expect(dead_code, reason = "only BPF needs it"))] u64,
);

impl Unknown {
    /// From such a number: all of its 64 bits must be zero, and read.
    pub const fn new(zero: u64) -> Self {
        Self(zero)
    }
}

/// Makes the verifier forget what it knows of a number.
///
/// Paths that differ only in an offset (two tags or none, this extension header or that) are
/// one path afterwards; without it they multiply until the verifier gives up.
#[expect(clippy::cast_possible_truncation, reason = "a machine of BPF has words of 64 bits")]
#[inline(always)]
pub fn forget(number: usize, unknown: Unknown) -> usize {
    forget64(number as u64, unknown) as usize
}

/// The same for a number of 64 bits.
#[cfg(target_arch = "bpf")]
#[inline(always)]
pub fn forget64(number: u64, Unknown(unknown): Unknown) -> u64 {
    let mut number = number;
    // SAFETY: adds two registers.
    unsafe {
        core::arch::asm!(
            "{number} += {unknown}",
            number = inout(reg) number,
            unknown = in(reg) unknown,
            // Not `pure`: LLVM would move it behind what has to come after.
            options(nomem, nostack),
        );
    }
    number
}

/// The same for a number of 64 bits.
#[cfg(not(target_arch = "bpf"))]
#[inline(always)]
pub const fn forget64(number: u64, _unknown: Unknown) -> u64 {
    number
}

/// Has an answer settled before the program goes on. Paths that found it in different ways, such
/// as at different places of a list, are one path afterwards.
#[inline(always)]
pub fn settle(answer: bool, unknown: Unknown) -> bool {
    forget(usize::from(answer), unknown) & 1 != 0
}

/// The low 8 bits of a number that several were packed into.
#[expect(clippy::cast_possible_truncation, reason = "it is what this is for")]
#[inline(always)]
pub const fn low8(packed: usize) -> u8 {
    (packed & 0xff) as u8
}

/// The low 16 bits of a number that several were packed into.
#[expect(clippy::cast_possible_truncation, reason = "it is what this is for")]
#[inline(always)]
pub const fn low16(packed: usize) -> u16 {
    (packed & 0xffff) as u16
}

/// Keeps LLVM from seeing where a number comes from: an address, so that it reads through the very
/// register that was compared with the packet's end, the one the verifier knows to be in bounds; an
/// index, so that it is computed before an address is moved by it.
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

/// Keeps LLVM from seeing where a number comes from.
#[cfg(not(target_arch = "bpf"))]
#[inline(always)]
pub const fn opaque(address: usize) -> usize {
    address
}
