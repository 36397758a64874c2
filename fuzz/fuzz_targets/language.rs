//! Fuzzes the entries of a profile.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| camfence_fuzz::language(data));
