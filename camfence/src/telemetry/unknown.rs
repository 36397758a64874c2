//! What `unknown --json` prints.

use serde::Serialize;

use super::{now::Now, report::Count};
use crate::fence::Seen;

/// What `unknown --json` prints. Others' scripts parse it; its keys do not change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnknownReport {
    /// The sources, those seen last first.
    pub unknown: Vec<SeenReport>,
}

/// An unknown source on a port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SeenReport {
    /// Its MAC.
    pub mac: String,
    /// The port; null if it is gone.
    pub interface: Option<String>,
    /// Its frames.
    #[serde(flatten)]
    pub count: Count,
    /// When it was first seen: RFC 3339, UTC.
    pub first_seen: String,
    /// When it was last seen.
    pub last_seen: String,
}

impl UnknownReport {
    /// What was seen, as told now.
    pub fn new(seen: &[Seen], now: Now) -> Self {
        let source = |seen: &Seen| SeenReport {
            mac: seen.mac.to_string(),
            interface: seen.interface.clone(),
            count: seen.tally.into(),
            first_seen: now.timestamp(seen.first),
            last_seen: now.timestamp(seen.last),
        };
        Self { unknown: seen.iter().map(source).collect() }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use camfence_common::{abi::Tally, mac::Mac};
    use serde_json::json;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn times_are_told_by_the_wall_clock() {
        let now = Now { kernel: 100 * SECOND, since_epoch: 1_000_000_000 * SECOND };
        let seen = Seen {
            mac: Mac([2, 0, 0, 0, 0, 1]),
            interface: None,
            first: 40 * SECOND,
            last: Duration::from_millis(99_500),
            tally: Tally { packets: 2, bytes: 120 },
        };
        let report = serde_json::to_value(UnknownReport::new(&[seen], now));
        let expected = json!({"unknown": [{
            "mac": "02:00:00:00:00:01",
            "interface": null,
            "packets": 2,
            "bytes": 120,
            "first_seen": "2001-09-09T01:45:40.000Z",
            "last_seen": "2001-09-09T01:46:39.500Z",
        }]});
        assert_eq!(report.ok(), Some(expected));
    }
}
