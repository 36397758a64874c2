//! What the counters say, for people, scripts and dashboards.

pub mod destinations;
pub mod history;
pub mod http;
pub mod ledger;
pub mod metrics;
pub mod now;
pub mod report;
pub mod unknown;
