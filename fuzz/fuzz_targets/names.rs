//! Fuzzes the reader of DNS answers.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| camfence_fuzz::names(data));
