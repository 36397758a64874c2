//! What the counters say, for people, scripts and dashboards.

pub mod report;
