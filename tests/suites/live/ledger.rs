//! What the counters have to be.

use std::collections::BTreeMap;

use anyhow::Result;
use camfence_tests::Mac;
use serde_json::{Map, Value, json};

use crate::fixture::Fence;

/// Reasons for which frames pass.
const PASS: [&str; 5] = ["opened", "link", "on-link", "local", "allowed"];

/// Packets and bytes by camera, direction and reason.
#[derive(Debug, Default)]
pub(crate) struct Ledger(BTreeMap<(Mac, &'static str, &'static str), (u64, u64)>);

impl Ledger {
    /// Expects a frame from a camera to be counted.
    pub(crate) fn outbound(&mut self, camera: Mac, reason: &'static str, frame: &[u8]) {
        self.add((camera, "outbound", reason), 1, frame.len() as u64);
    }

    /// Expects a frame to a camera to be counted.
    pub(crate) fn inbound(&mut self, camera: Mac, reason: &'static str, frame: &[u8]) {
        self.add((camera, "inbound", reason), 1, frame.len() as u64);
    }

    /// Expects so many packets and bytes.
    pub(crate) fn add(&mut self, key: (Mac, &'static str, &'static str), packets: u64, bytes: u64) {
        let (all_packets, all_bytes) = self.0.entry(key).or_default();
        *all_packets += packets;
        *all_bytes += bytes;
    }

    /// Checks that a camera's counters are these and no others.
    #[track_caller]
    pub(crate) fn check(&self, fence: &Fence<'_>, camera: Mac) -> Result<()> {
        let shown = fence.camera(camera)?;
        for direction in ["outbound", "inbound"] {
            assert_eq!(shown[direction], self.direction(camera, direction), "{camera} {direction}");
        }
        Ok(())
    }

    fn direction(&self, camera: Mac, direction: &str) -> Value {
        let mut reasons = Map::new();
        let mut totals = [(0, 0); 2];
        for ((of, to, reason), (packets, bytes)) in &self.0 {
            if *of == camera && *to == direction {
                let total = &mut totals[usize::from(!PASS.contains(reason))];
                *total = (total.0 + packets, total.1 + bytes);
                reasons.insert((*reason).to_owned(), count((*packets, *bytes)));
            }
        }
        json!({"passed": count(totals[0]), "dropped": count(totals[1]), "reasons": reasons})
    }
}

fn count((packets, bytes): (u64, u64)) -> Value {
    json!({"packets": packets, "bytes": bytes})
}
