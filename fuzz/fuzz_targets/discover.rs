//! Fuzzes the reading of what devices say of themselves.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| camfence_fuzz::discover(data));
