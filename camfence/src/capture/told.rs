//! What is told of a frame that was captured live.

use std::{collections::HashMap, fmt, time::Duration};

use camfence_common::{
    mac::Mac,
    reason::{Direction, Effect, Reason},
    wire::ethernet::camera_mac,
};
use serde::Serialize;

use crate::{config::Config, explain::sketch, kernel::capture::CaughtFrame, telemetry::now::Now};

/// A frame, and what became of it. Its keys are documented; others' scripts parse them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Told {
    /// When: RFC 3339, UTC.
    pub time: String,
    /// The port.
    pub interface: String,
    /// The camera's name; null if it is not registered.
    pub camera: Option<String>,
    /// Its MAC.
    #[serde(serialize_with = "crate::telemetry::as_text")]
    pub mac: Mac,
    /// Which way the frame went.
    pub direction: &'static str,
    /// "pass" or "drop", whether or not that was carried out.
    pub verdict: &'static str,
    /// "passed", "dropped", or "audited" if it passed only for that.
    pub outcome: &'static str,
    /// Why.
    pub reason: &'static str,
    /// Its length, or that of what stands for several frames.
    pub bytes: u32,
    /// What it is, in words. No byte of the frame is among them, only numbers.
    pub frame: String,
}

/// Tells frames, with the names of the configuration.
#[derive(Debug)]
pub struct Teller {
    names: HashMap<Mac, String>,
    now: Now,
}

impl Teller {
    /// With the clocks as they are now.
    pub fn new(config: &Config) -> Self {
        let names = config.cameras.iter().map(|camera| (camera.mac, camera.name.clone()));
        Self { names: names.collect(), now: Now::awake() }
    }

    /// When a frame came, since the epoch.
    pub fn time(&self, frame: &CaughtFrame) -> Duration {
        self.now.moment(Duration::from_nanos(frame.caught.time))
    }

    /// Which way a frame went, and what is told of it. None if this version does not understand it.
    pub fn tell(&self, frame: &CaughtFrame, interface: &str) -> Option<(Direction, Told)> {
        let CaughtFrame { caught, bytes } = frame;
        let (reason, direction) = (caught.reason()?, caught.direction()?);
        let mac = camera_mac(&bytes[..], direction)?;
        let told = Told {
            time: self.now.timestamp(Duration::from_nanos(caught.time)),
            interface: interface.into(),
            camera: self.names.get(&mac).cloned(),
            mac,
            direction: direction.name(),
            verdict: reason.effect().name(),
            outcome: outcome(reason, caught.effect()),
            reason: reason.name(),
            bytes: caught.len,
            frame: sketch(bytes),
        };
        Some((direction, told))
    }
}

/// `driveway outbound dropped not-local`.
impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { direction, outcome, reason, .. } = self;
        match &self.camera {
            Some(name) => write!(f, "{name}")?,
            None => write!(f, "{}", self.mac)?,
        }
        write!(f, " {direction} {outcome} {reason}")
    }
}

const fn outcome(reason: Reason, effect: Effect) -> &'static str {
    match (reason.effect(), effect) {
        (_, Effect::Drop) => "dropped",
        (Effect::Pass, Effect::Pass) => "passed",
        (Effect::Drop, Effect::Pass) => "audited",
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use bytemuck::Zeroable as _;
    use camfence_common::capture::Caught;
    use serde_json::json;

    use super::*;

    fn teller() -> Teller {
        let config = "[fence]\ninterfaces = []\n[[camera]]\nmac = \"b0:c5:54:25:5b:0e\"\nname = \"driveway\"\n";
        let config = Config::parse(Path::new("f"), config).unwrap();
        let (kernel, since_epoch) = (Duration::from_secs(100), Duration::from_secs(1_000_000_000));
        Teller { now: Now { kernel, since_epoch }, ..Teller::new(&config) }
    }

    fn frame(mac: [u8; 6], reason: Reason, passed: u8) -> CaughtFrame {
        let bytes = [&[2, 0, 0, 0, 0, 9], &mac[..], &[0x88, 0x8e, 1, 2]].concat();
        let time = 90_000_000_000;
        let reason = reason as u8;
        CaughtFrame { caught: Caught { time, len: 60, reason, passed, ..Caught::zeroed() }, bytes }
    }

    const CAMERA: [u8; 6] = [0xb0, 0xc5, 0x54, 0x25, 0x5b, 0x0e];

    #[test]
    fn a_frame_is_told_with_its_camera_and_what_became_of_it() {
        let (direction, told) = teller().tell(&frame(CAMERA, Reason::NotLocal, 0), "eth1").unwrap();
        assert_eq!(direction, Direction::Outbound);
        assert_eq!(told.to_string(), "driveway outbound dropped not-local");
        assert_eq!(
            serde_json::to_value(&told).unwrap(),
            json!({"time": "2001-09-09T01:46:30.000Z", "interface": "eth1", "camera": "driveway",
                   "mac": "b0:c5:54:25:5b:0e", "direction": "outbound", "verdict": "drop",
                   "outcome": "dropped", "reason": "not-local", "bytes": 60, "frame": "eapol"})
        );
    }

    #[test]
    fn what_only_audit_lets_through_is_told_so() {
        let (_, told) =
            teller().tell(&frame([2, 0, 0, 0, 0, 1], Reason::NotLocal, 1), "eth1").unwrap();
        assert_eq!(told.to_string(), "02:00:00:00:00:01 outbound audited not-local");
        assert_eq!(told.verdict, "drop");
    }

    #[test]
    fn what_is_not_understood_is_left_out() {
        let unknown = Caught { reason: 200, ..Caught::zeroed() };
        let bytes = frame(CAMERA, Reason::NotLocal, 0).bytes;
        assert_eq!(teller().tell(&CaughtFrame { caught: unknown, bytes }, "eth1"), None);
        let cut = CaughtFrame { caught: Caught::zeroed(), bytes: vec![0; 8] };
        assert_eq!(teller().tell(&cut, "eth1"), None);
    }
}
