//! From a configuration to what the maps should hold, and to what has to be written.
//!
//! All of it is pure: [`compile`] knows no kernel, [`diff`] compares values, [`topology`] decides
//! from a list of links.

pub mod compile;
pub mod diff;
pub mod topology;
