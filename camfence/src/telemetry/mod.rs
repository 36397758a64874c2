//! What the counters say, for people, scripts and dashboards.

pub mod http;
pub mod metrics;
pub mod report;
pub mod unknown;
