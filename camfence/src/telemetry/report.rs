//! The camera object: what `replay --json` and `status --json` say of a camera. Others' scripts
//! parse it; its keys do not change.

use std::collections::BTreeMap;

use camfence_common::{
    abi::{CameraCounters, Tally},
    reason::{Direction, Effect, Reason},
};
use serde::{Serialize, Serializer, ser::SerializeMap as _};

use crate::config::{Camera, Config};

/// Packets and bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Count {
    /// Frames on the wire.
    pub packets: u64,
    /// Their bytes on the wire, without FCS.
    pub bytes: u64,
}

impl From<Tally> for Count {
    fn from(Tally { packets, bytes }: Tally) -> Self {
        Self { packets, bytes }
    }
}

/// What happened to a camera's frames.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CameraReport {
    /// Its name.
    pub name: String,
    /// Its MAC.
    pub mac: String,
    /// Its profile's name.
    pub profile: String,
    /// "enforce".
    pub mode: &'static str,
    /// Frames it sent.
    pub outbound: DirectionReport,
    /// Frames sent to it.
    pub inbound: DirectionReport,
}

/// What happened to a camera's frames in one direction.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct DirectionReport {
    /// Those that passed.
    pub passed: Count,
    /// Those that were dropped.
    pub dropped: Count,
    /// By reason; a reason that did not occur is not there.
    #[serde(serialize_with = "by_name")]
    pub reasons: BTreeMap<Reason, Count>,
}

impl CameraReport {
    /// The report of a camera with its counters.
    pub fn new(config: &Config, camera: &Camera, counters: &CameraCounters) -> Self {
        Self {
            name: camera.name.clone(),
            mac: camera.mac.to_string(),
            profile: config.profile_of(camera).name.clone(),
            mode: config.fence.mode.as_str(),
            outbound: DirectionReport::new(counters, Direction::Outbound),
            inbound: DirectionReport::new(counters, Direction::Inbound),
        }
    }

    /// The report of one direction.
    pub const fn direction(&self, direction: Direction) -> &DirectionReport {
        match direction {
            Direction::Outbound => &self.outbound,
            Direction::Inbound => &self.inbound,
        }
    }
}

impl DirectionReport {
    fn new(counters: &CameraCounters, direction: Direction) -> Self {
        let (mut passed, mut dropped) = (Tally::default(), Tally::default());
        let mut reasons = BTreeMap::new();
        for reason in Reason::ALL {
            let tally = counters.by[direction.index()][reason.index()];
            match reason.effect() {
                Effect::Pass => passed.add(tally),
                Effect::Drop => dropped.add(tally),
            }
            if !tally.is_zero() {
                reasons.insert(reason, tally.into());
            }
        }
        Self { passed: passed.into(), dropped: dropped.into(), reasons }
    }
}

fn by_name<S: Serializer>(
    reasons: &BTreeMap<Reason, Count>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(reasons.len()))?;
    for (reason, count) in reasons {
        map.serialize_entry(reason.name(), count)?;
    }
    map.end()
}
