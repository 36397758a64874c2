//! camfence's userspace.
//!
//! Data flows one way: [`config`] → [`policy`] → [`kernel`] (maps and links) → the programs'
//! verdicts → counters → [`telemetry`]. [`fence`] puts the steps together, [`operations`] adds the
//! configuration file, [`daemon`] carries them out for as long as it runs.

mod admission;
pub mod capture;
pub mod config;
pub mod daemon;
pub mod discover;
#[cfg(test)]
mod docs;
pub mod doctor;
pub mod events;
pub mod explain;
pub mod fence;
pub mod http;
pub mod init;
pub mod kernel;
pub mod names;
pub mod opening;
pub mod operations;
pub mod page;
pub mod policy;
pub mod printable;
pub mod replay;
pub mod telemetry;
pub mod top;
pub mod units;
