//! What `history` prints: what cameras counted in each of many times.

use std::{collections::BTreeMap, time::Duration};

use camfence_common::{abi::CameraCounters, mac::Mac, reason::Direction};
use serde::Serialize;

use super::{now::timestamp, report::DirectionReport};
use crate::{config::Config, history::bucket::Width};

/// What `history --json` prints. Others' scripts parse it; its keys do not change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HistoryReport {
    /// How long a bucket is: "5min", "hour" or "day".
    pub by: &'static str,
    /// What was counted, the oldest first. There is none where nothing was.
    pub buckets: Vec<Bucket>,
}

/// What a camera counted in a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bucket {
    /// When it begins: RFC 3339, UTC.
    pub start: String,
    /// The camera's name; the last known one if it is not registered any more, or null.
    pub camera: Option<String>,
    /// Its MAC.
    pub mac: String,
    /// Frames it sent.
    pub outbound: DirectionReport,
    /// Frames sent to it.
    pub inbound: DirectionReport,
    /// When it begins, since 1970.
    #[serde(skip)]
    pub since_epoch: Duration,
}

impl HistoryReport {
    /// What was counted, by the bucket's number and the camera, with the names that the database has.
    pub fn new(
        width: Width,
        counts: &BTreeMap<(u32, Mac), CameraCounters>,
        mut names: BTreeMap<Mac, String>,
        config: &Config,
    ) -> Self {
        names.extend(config.cameras.iter().map(|camera| (camera.mac, camera.name.clone())));
        let bucket = |(&(number, mac), counters): (&(u32, Mac), &CameraCounters)| {
            let since_epoch = width.start(number);
            Bucket {
                start: timestamp(since_epoch),
                camera: names.get(&mac).cloned(),
                mac: mac.to_string(),
                outbound: DirectionReport::new(counters, Direction::Outbound),
                inbound: DirectionReport::new(counters, Direction::Inbound),
                since_epoch,
            }
        };
        Self { by: width.name(), buckets: counts.iter().map(bucket).collect() }
    }
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable as _;
    use camfence_common::{abi::Tally, reason::Reason};
    use serde_json::json;

    use super::*;

    #[test]
    fn the_json_is_what_scripts_parse() {
        let [known, gone] = [14, 15].map(|octet| Mac([0xb0, 0xc5, 0x54, 0x25, 0x5b, octet]));
        let text = "[[camera]]\nmac = \"b0:c5:54:25:5b:0e\"\nname = \"driveway\"\n";
        let config = Config::parse("camfence.toml".as_ref(), text).unwrap();
        let mut counters = CameraCounters::zeroed();
        counters.by[0][Reason::NotLocal.index()] = Tally { packets: 3, bytes: 180 };
        let counts = [(known, counters), (gone, counters)].map(|(mac, it)| ((20_779, mac), it));
        let names = BTreeMap::from([known, gone].map(|mac| (mac, "attic".to_owned())));
        let report = HistoryReport::new(Width::Day, &counts.into(), names, &config);
        let report = serde_json::to_value(report).unwrap();
        assert_eq!(
            report["buckets"][0],
            json!({
                "start": "2026-11-22T00:00:00.000Z",
                "camera": "driveway",
                "mac": "b0:c5:54:25:5b:0e",
                "outbound": {
                    "passed": {"packets": 0, "bytes": 0},
                    "dropped": {"packets": 3, "bytes": 180},
                    "reasons": {"not-local": {"packets": 3, "bytes": 180}},
                },
                "inbound": {
                    "passed": {"packets": 0, "bytes": 0},
                    "dropped": {"packets": 0, "bytes": 0},
                    "reasons": {},
                },
            })
        );
        assert_eq!(report["by"], "day");
        assert_eq!(report["buckets"][1]["camera"], "attic");
    }
}
