//! What is fuzzed: each function takes any bytes, and panics when something that has to hold does
//! not.
//!
//! `cargo xtask fuzz` makes the bytes up; every test run repeats those in `corpus`.

mod capture;
mod discover;
mod names;
mod policy;
mod text;
mod verdict;

pub use self::{
    capture::capture,
    discover::discover,
    names::names,
    text::{configuration, language},
    verdict::verdict,
};

/// A function that takes any bytes.
pub type Target = fn(&[u8]);

/// Every target, by the name of its directory in `corpus`.
pub const TARGETS: [(&str, Target); 6] = [
    ("capture", capture),
    ("configuration", configuration),
    ("discover", discover),
    ("language", language),
    ("names", names),
    ("verdict", verdict),
];
