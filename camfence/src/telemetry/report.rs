//! What `status --json` prints, and the camera object that it shares with `replay --json`.

use std::{collections::BTreeMap, time::Duration};

use bytemuck::Zeroable as _;
use camfence_common::{
    abi::{CameraCounters, Tally},
    reason::{Direction, Effect, Reason},
};
use serde::{Serialize, Serializer, ser::SerializeMap as _};

use super::now::Now;
use crate::{
    config::{Camera, Config, Mode},
    fence::{PortState, Standing, Strangers},
    policy::topology::Attached,
};

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

/// What `status --json` prints. Others' scripts parse it; its keys do not change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatusReport {
    /// The ports that the configuration names.
    pub interfaces: Vec<PortReport>,
    /// The cameras, in the configuration's order.
    pub cameras: Vec<CameraReport>,
}

/// What the kernel says of a port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PortReport {
    /// Its name.
    pub name: String,
    /// Its index; null if there is no such interface.
    pub ifindex: Option<u32>,
    /// What is attached on its ingress.
    pub outbound: Option<AttachedReport>,
    /// What is attached on its egress.
    pub inbound: Option<AttachedReport>,
    /// Whether frames are judged in both directions and verdicts carried out.
    pub enforcing: bool,
    /// Why what is attached does not enforce; not there if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Unknown sources; not there if they are let through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown: Option<StrangersReport>,
}

/// What happened to the frames of unknown sources on a port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StrangersReport {
    /// Whether they are dropped without being looked at.
    pub sealed: bool,
    /// "enforce" or "audit".
    pub mode: &'static str,
    /// Frames they sent.
    pub outbound: DirectionReport,
    /// Frames sent to them.
    pub inbound: DirectionReport,
}

impl StrangersReport {
    fn new(strangers: &Strangers) -> Self {
        Self::counted(strangers.sealed, strangers.live.mode, &strangers.live.counters)
    }

    /// The report of unknown sources with their counters.
    pub fn counted(sealed: bool, mode: Mode, counters: &CameraCounters) -> Self {
        Self {
            sealed,
            mode: mode.as_str(),
            outbound: DirectionReport::new(counters, Direction::Outbound),
            inbound: DirectionReport::new(counters, Direction::Inbound),
        }
    }

    /// Whether their verdicts are only counted.
    pub fn is_audited(&self) -> bool {
        self.mode == Mode::Audit.as_str()
    }
}

/// An attached program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct AttachedReport {
    /// "xdp" or "tc".
    pub hook: &'static str,
    /// "native", "generic" or "offloaded"; "tcx" or "clsact".
    pub mode: &'static str,
}

impl StatusReport {
    /// The report of a fence that stands, as told now.
    pub fn new(config: &Config, standing: &Standing, now: Now) -> Self {
        let none = CameraCounters::zeroed();
        let cameras = config.cameras.iter().map(|camera| {
            let live = standing.cameras.get(&camera.mac);
            let counters = live.map_or(&none, |live| &live.counters);
            let mut report = CameraReport::new(config, camera, counters);
            if let Some(live) = live {
                report.mode = live.mode.as_str();
                report.open_seconds = live.opened.map(seconds);
                report.last_seen = live.last_seen.map(|moment| now.timestamp(moment));
                report.ago = live.last_seen.map(|moment| now.since(moment));
            }
            report
        });
        let port = |port| PortReport::new(port, standing.is_enforcing(port));
        Self { interfaces: standing.ports.iter().map(port).collect(), cameras: cameras.collect() }
    }
}

/// Whole seconds, so that what is opened never has none left.
pub(super) fn seconds(left: Duration) -> u64 {
    left.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX)
}

impl PortReport {
    fn new(port: &PortState, enforcing: bool) -> Self {
        let attached = |direction| {
            let attached: Attached = port.attached(direction)?;
            Some(AttachedReport { hook: attached.hook.name(), mode: attached.mode.name() })
        };
        Self {
            name: port.name.clone(),
            ifindex: port.ifindex,
            outbound: attached(Direction::Outbound),
            inbound: attached(Direction::Inbound),
            enforcing,
            problem: port.doubt().map(Into::into),
            unknown: port.strangers.as_ref().map(StrangersReport::new),
        }
    }

    /// Whether frames are judged in both directions.
    pub const fn is_attached(&self) -> bool {
        self.outbound.is_some() && self.inbound.is_some()
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
    /// "enforce" or "audit".
    pub mode: &'static str,
    /// How long the fence stays opened for it; not there if it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_seconds: Option<u64>,
    /// When it last sent something: RFC 3339, UTC; not there if it never did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<String>,
    /// How long ago that was.
    #[serde(skip)]
    pub ago: Option<Duration>,
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
            mode: camera.mode.as_str(),
            open_seconds: None,
            last_seen: None,
            ago: None,
            outbound: DirectionReport::new(counters, Direction::Outbound),
            inbound: DirectionReport::new(counters, Direction::Inbound),
        }
    }

    /// Whether its verdicts are only counted.
    pub fn is_audited(&self) -> bool {
        self.mode == Mode::Audit.as_str()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_direction_sums_by_effect_and_leaves_out_what_did_not_occur() {
        let mut counters = CameraCounters::zeroed();
        let outbound = &mut counters.by[Direction::Outbound.index()];
        outbound[Reason::Local.index()] = Tally { packets: 2, bytes: 120 };
        outbound[Reason::Link.index()] = Tally { packets: 1, bytes: 42 };
        outbound[Reason::Tunnel.index()] = Tally { packets: 5, bytes: 500 };
        let report = DirectionReport::new(&counters, Direction::Outbound);
        assert_eq!(report.passed, Count { packets: 3, bytes: 162 });
        assert_eq!(report.dropped, Count { packets: 5, bytes: 500 });
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["reasons"]["tunnel"]["bytes"], 500);
        assert_eq!(json["reasons"].as_object().unwrap().len(), 3);
        let inbound = DirectionReport::new(&counters, Direction::Inbound);
        assert_eq!(inbound, DirectionReport::default());
    }
}
