//! camfence's userspace.
//!
//! Data flows one way: [`config`] → [`policy`] → [`kernel`] (maps and links) → the programs'
//! verdicts → counters → [`telemetry`]. [`fence`] puts the steps together, [`operations`] adds the
//! configuration file.

pub mod capture;
pub mod config;
pub mod fence;
pub mod kernel;
pub mod operations;
pub mod policy;
pub mod replay;
pub mod telemetry;
