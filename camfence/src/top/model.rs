//! What is known of the fence: of the last reading, and rates from the one before.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use camfence_common::mac::Mac;

use crate::{
    printable::Printable,
    telemetry::{
        ledger::{Entry, Ledger},
        report::{CameraReport, Count, PortReport, StatusReport},
        unknown::{SeenReport, UnknownReport},
    },
};

/// Readings that are remembered of each camera: a minute, at one a second.
pub const HISTORY: usize = 60;

/// Events that are remembered.
pub const MOST_EVENTS: usize = 200;

/// What was read of the fence at a moment.
#[derive(Debug, Clone)]
pub struct Reading {
    /// When, on any clock that goes on.
    pub at: Duration,
    /// The ports and the cameras.
    pub status: StatusReport,
    /// Whom cameras talked to.
    pub ledger: Ledger,
    /// The unknown sources.
    pub unknown: UnknownReport,
    /// Whether any port has a policy for them.
    pub watched: bool,
}

/// How much in a second.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Rate {
    /// Frames.
    pub packets: f64,
    /// Their bytes.
    pub bytes: f64,
}

/// A camera.
#[derive(Debug, Clone, PartialEq)]
pub struct Camera {
    /// What the kernel says.
    pub report: CameraReport,
    /// What passed, both ways.
    pub passed: Rate,
    /// What was dropped, both ways.
    pub dropped: Rate,
    /// Frames dropped from each reading to the next, the last one last.
    pub history: Vec<u64>,
}

/// A flow.
#[derive(Debug, Clone, PartialEq)]
pub struct Destination {
    /// What the ledger says.
    pub entry: Entry,
    /// Its frames in a second.
    pub rate: f64,
}

/// What is known.
#[derive(Debug, Default)]
pub struct Model {
    /// The ports.
    pub ports: Vec<PortReport>,
    /// The cameras, in the configuration's order.
    pub cameras: Vec<Camera>,
    /// The flows of all cameras, those with the most bytes first.
    pub destinations: Vec<Destination>,
    /// The unknown sources, those seen last first.
    pub unknown: Vec<SeenReport>,
    /// Whether any port has a policy for them.
    pub watched: bool,
    /// What happened, the last one last: lines.
    pub events: VecDeque<Printable>,
    /// Why nothing can be read.
    pub problem: Option<Printable>,
    before: Option<Before>,
    history: HashMap<String, VecDeque<u64>>,
}

/// What was counted when it was read before.
#[derive(Debug)]
struct Before {
    at: Duration,
    cameras: HashMap<String, [Count; 2]>,
    flows: HashMap<FlowId, u64>,
}

/// What tells flows apart.
type FlowId = (Mac, &'static str, std::net::IpAddr, String, &'static str);

impl Model {
    /// Takes in a reading.
    pub fn take(&mut self, reading: Reading) {
        let Reading { at, status, ledger, unknown, watched } = reading;
        let before = self.before.take();
        let since = before.as_ref().map(|before| at.saturating_sub(before.at));
        let now = Before {
            at,
            cameras: status
                .cameras
                .iter()
                .map(|camera| (camera.mac.clone(), sums(camera)))
                .collect(),
            flows: ledger.entries.iter().map(|entry| (id(entry), entry.count.packets)).collect(),
        };
        self.history.retain(|mac, _| now.cameras.contains_key(mac));
        self.cameras = status
            .cameras
            .into_iter()
            .map(|report| {
                let earlier = before.as_ref().and_then(|before| before.cameras.get(&report.mac));
                self.camera(report, earlier.zip(since))
            })
            .collect();
        self.destinations = ledger
            .entries
            .into_iter()
            .map(|entry| {
                let earlier = before.as_ref().map(|before| before.flows.get(&id(&entry)));
                let came = earlier.map(|earlier| {
                    entry.count.packets.saturating_sub(earlier.copied().unwrap_or_default())
                });
                Destination { rate: rate(came.unwrap_or_default(), since), entry }
            })
            .collect();
        self.destinations.sort_by_key(|flow| std::cmp::Reverse(flow.entry.count.bytes));
        (self.ports, self.unknown, self.watched) = (status.interfaces, unknown.unknown, watched);
        (self.problem, self.before) = (None, Some(now));
    }

    /// Takes in that nothing can be read.
    pub fn fail(&mut self, why: &str) {
        self.problem = Some(Printable::from(why));
    }

    /// Takes in that something happened.
    pub fn happen(&mut self, line: Printable) {
        self.events.push_back(line);
        while self.events.len() > MOST_EVENTS {
            self.events.pop_front();
        }
    }

    /// A camera by its MAC.
    pub fn camera_of(&self, mac: &str) -> Option<&Camera> {
        self.cameras.iter().find(|camera| camera.report.mac == mac)
    }

    /// The flows of a camera.
    pub fn destinations_of(&self, mac: &str) -> impl Iterator<Item = &Destination> {
        let mac = mac.parse::<Mac>().ok();
        self.destinations.iter().filter(move |flow| Some(flow.entry.mac) == mac)
    }

    /// The ports that do not enforce.
    pub fn open_ports(&self) -> impl Iterator<Item = &PortReport> {
        self.ports.iter().filter(|port| !port.enforcing)
    }

    fn camera(&mut self, report: CameraReport, earlier: Option<(&[Count; 2], Duration)>) -> Camera {
        let now = sums(&report);
        let mut rates = [Rate::default(); 2];
        let mut dropped = 0;
        if let Some((earlier, since)) = earlier {
            let came = |index: usize| Count {
                packets: now[index].packets.saturating_sub(earlier[index].packets),
                bytes: now[index].bytes.saturating_sub(earlier[index].bytes),
            };
            dropped = came(1).packets;
            rates = [0, 1].map(|index| Rate {
                packets: rate(came(index).packets, Some(since)),
                bytes: rate(came(index).bytes, Some(since)),
            });
        }
        let history = self.history.entry(report.mac.clone()).or_default();
        if earlier.is_some() {
            history.push_back(dropped);
        }
        while history.len() > HISTORY {
            history.pop_front();
        }
        let [passed, dropped] = rates;
        Camera { report, passed, dropped, history: history.iter().copied().collect() }
    }
}

/// What passed and what was dropped, both ways.
fn sums(camera: &CameraReport) -> [Count; 2] {
    let sum = |one: Count, other: Count| Count {
        packets: one.packets.saturating_add(other.packets),
        bytes: one.bytes.saturating_add(other.bytes),
    };
    let CameraReport { outbound, inbound, .. } = camera;
    [sum(outbound.passed, inbound.passed), sum(outbound.dropped, inbound.dropped)]
}

fn id(entry: &Entry) -> FlowId {
    (entry.mac, entry.direction, entry.peer, entry.service.to_string(), entry.reason)
}

#[expect(clippy::cast_precision_loss, reason = "rates are rounded anyway")]
fn rate(count: u64, since: Option<Duration>) -> f64 {
    let seconds = since.unwrap_or_default().as_secs_f64();
    if seconds > 0.0 { count as f64 / seconds } else { 0.0 }
}

#[cfg(test)]
pub(super) mod tests;
