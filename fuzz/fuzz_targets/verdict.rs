//! Fuzzes the core.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| camfence_fuzz::verdict(data));
