//! What `unknown --json` prints.

use std::time::{Duration, SystemTime};

use humantime::format_rfc3339_millis;
use serde::Serialize;

use super::report::Count;
use crate::{fence::Seen, kernel::clock::since_boot};

/// The last moment that has a four-digit year.
const LAST_MOMENT: Duration = Duration::from_secs(253_402_300_799);

/// The same moment on two clocks.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    since_boot: Duration,
    since_epoch: Duration,
}

impl Now {
    /// This moment.
    pub fn read() -> Self {
        let since_epoch = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        Self { since_boot: since_boot(), since_epoch }
    }

    /// How long ago something was that the kernel saw so long after boot.
    pub const fn since(self, moment: Duration) -> Duration {
        self.since_boot.saturating_sub(moment)
    }

    fn timestamp(self, moment: Duration) -> String {
        let moment = self.since_epoch.saturating_sub(self.since(moment)).min(LAST_MOMENT);
        format_rfc3339_millis(SystemTime::UNIX_EPOCH + moment).to_string()
    }
}

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
    use camfence_common::{abi::Tally, mac::Mac};
    use serde_json::json;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn times_are_told_by_the_wall_clock() {
        let now = Now { since_boot: 100 * SECOND, since_epoch: 1_000_000_000 * SECOND };
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

    #[test]
    fn clocks_that_are_wrong_break_nothing() {
        let early = Now { since_boot: 100 * SECOND, since_epoch: Duration::ZERO };
        assert_eq!(early.timestamp(SECOND), "1970-01-01T00:00:00.000Z");
        let late = Now { since_boot: SECOND, since_epoch: Duration::MAX };
        assert_eq!(late.timestamp(2 * SECOND), "9999-12-31T23:59:59.000Z");
        assert_eq!(late.since(2 * SECOND), Duration::ZERO, "seen since the clock was read");
    }
}
