//! Fuzzes the configuration.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| camfence_fuzz::configuration(data));
