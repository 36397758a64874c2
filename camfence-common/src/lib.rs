//! What camfence's kernel programs and its userspace share: the verdict core and the shapes of
//! the BPF maps.
//!
//! Nothing here allocates, panics or does I/O. The same code is compiled for BPF, where the
//! programs call [`verdict::judge`] for each frame, and for the host, where it is tested.
//!
//! A reader who wants the rules starts at [`verdict`]; one who wants the words they are reported
//! in, at [`reason`].
#![no_std]
#![cfg_attr(target_arch = "bpf", feature(asm_experimental_arch))]

#[cfg(test)]
extern crate std;

pub mod abi;
pub mod capture;
pub mod clock;
pub mod event;
pub mod flow;
pub mod limits;
pub mod mac;
pub mod packet;
pub mod reason;
pub mod tables;
pub mod verdict;
pub mod verifier;
pub mod wire;
