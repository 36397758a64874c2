//! What is fuzzed: each function takes any bytes, and panics when something that has to hold does
//! not.
//!
//! `cargo xtask fuzz` makes the bytes up; every test run repeats those in `corpus`.

mod capture;
mod names;
mod policy;
mod text;
mod verdict;

pub use self::{
    capture::capture,
    names::names,
    text::{configuration, language},
    verdict::verdict,
};

/// A function that takes any bytes.
pub type Target = fn(&[u8]);

/// Every target, by the name of its directory in `corpus`.
pub const TARGETS: [(&str, Target); 5] = [
    ("capture", capture),
    ("configuration", configuration),
    ("language", language),
    ("names", names),
    ("verdict", verdict),
];
