//! `camfence doctor` on machines that are set up wrong: each test begins with a home where all is
//! well, breaks one thing, asks what is wrong, and mends it.
//!
//! What this kernel or any namespace has not (Wi-Fi, switch hardware, bonds, VLANs, flowtables, a
//! clock, a JIT that is off) is tested where the checks are, on made-up data.

mod configuration;
mod coverage;
mod fence;
mod home;
mod hooks;
mod policy;
