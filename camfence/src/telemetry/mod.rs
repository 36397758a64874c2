//! What the counters say, for people, scripts and dashboards.

pub mod history;
pub mod http;
pub mod ledger;
pub mod metrics;
pub mod now;
pub mod report;
pub mod unknown;

use camfence_common::mac::Mac;
use serde::Serializer;

/// A MAC as text, for serde.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
pub(crate) fn as_text<S: Serializer>(mac: &Mac, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(mac)
}
