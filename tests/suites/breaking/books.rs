//! The fence's counters against what was sent.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::home::{CAMERAS, WATCH};
use crate::stamp::Kind;
use crate::traffic::{Leak, Traffic};

/// What has to hold for a camera's counters after something was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Expect {
    /// Every frame was counted under its reason.
    Exact,
    /// Every frame was counted, under whatever reason: the fence was open for a time.
    Total,
    /// Every frame that the camera sent was counted; where those to the camera were flooded to,
    /// nobody knows, nor whether a bridge had a way for one to the recorder.
    Outbound,
    /// No frame was counted that was not sent, and none that leaked: the port was not fenced, or
    /// not there, for a time.
    Sent,
    /// The counters began anew in between, and hold no more than what was sent since.
    Anew,
}

/// What was sent and counted so far.
#[derive(Debug, Clone, Copy, Default)]
struct Account {
    sent: [u64; 3],
    local_arrived: u64,
    leaked: [u64; 3],
    /// Packets and bytes under the reason that frames of a kind have.
    counted: [[u64; 2]; 3],
    /// Packets and bytes under all reasons, outbound and inbound.
    total: [[u64; 2]; 2],
}

/// The accounts of all cameras as they were last compared.
#[derive(Debug, Default)]
pub(crate) struct Books {
    accounts: [Account; 3],
    /// How many counters were compared and had to be exact.
    pub(crate) compared: u64,
}

impl Books {
    /// Compares what was counted since the last time with what was sent, with no frame on its way.
    pub(crate) fn compare(
        &mut self,
        traffic: &Traffic,
        leaks: &[Leak],
        status: &Value,
        expects: [Expect; 3],
    ) -> Result<()> {
        for (i, expect) in expects.into_iter().enumerate() {
            let now = Account::read(traffic, leaks, status, i)?;
            let change = now.since(&self.accounts[i], expect == Expect::Anew);
            self.compared +=
                change.and_then(|change| change.check(i, expect)).with_context(|| {
                    format!(
                        "counters of {}, {expect:?}: {:?} and now {now:?}",
                        CAMERAS[i].name, self.accounts[i]
                    )
                })?;
            self.accounts[i] = now;
        }
        Ok(())
    }
}

impl Account {
    fn read(traffic: &Traffic, leaks: &[Leak], status: &Value, index: usize) -> Result<Self> {
        let camera = traffic.camera(index);
        let mac = CAMERAS[index].mac.to_string();
        let cameras = status["cameras"].as_array().context("cameras")?;
        let shown = cameras.iter().find(|camera| camera["mac"] == mac).context("the camera")?;
        let of = |kind: Kind| {
            let (direction, reason) = reason(kind);
            pair(&shown[direction]["reasons"][reason])
        };
        let total = |direction: &str| {
            let [passed, dropped] = ["passed", "dropped"].map(|v| pair(&shown[direction][v]));
            [passed[0] + dropped[0], passed[1] + dropped[1]]
        };
        let leaked = |kind| {
            let of_camera = |leak: &&Leak| usize::from(leak.stamp.camera) == index;
            leaks.iter().filter(of_camera).filter(|leak| leak.stamp.kind == kind).count() as u64
        };
        Ok(Self {
            sent: Kind::OF_CAMERAS.map(|kind| camera.sent(kind)),
            local_arrived: camera.local_arrived(),
            leaked: Kind::OF_CAMERAS.map(leaked),
            counted: Kind::OF_CAMERAS.map(of),
            total: ["outbound", "inbound"].map(total),
        })
    }

    /// What has come since `before`; the counters may have begun anew.
    fn since(&self, before: &Self, anew: bool) -> Result<Self> {
        let base = if anew { Self::default() } else { *before };
        let less = |now: [u64; 2], then: [u64; 2]| -> Result<[u64; 2]> {
            let less = |i: usize| now[i].checked_sub(then[i]).context("a counter went back");
            Ok([less(0)?, less(1)?])
        };
        let mut change = *self;
        for i in 0..3 {
            change.sent[i] -= before.sent[i];
            change.leaked[i] -= before.leaked[i];
            change.counted[i] = less(self.counted[i], base.counted[i])?;
        }
        for i in 0..2 {
            change.total[i] = less(self.total[i], base.total[i])?;
        }
        change.local_arrived -= before.local_arrived;
        Ok(change)
    }

    /// Gives how many counters were exact.
    fn check(&self, camera: usize, expect: Expect) -> Result<u64> {
        let bytes =
            Kind::OF_CAMERAS.map(|kind| kind.frame(CAMERAS[camera].mac, WATCH).len() as u64);
        let [away, local, inbound] = [0, 1, 2].map(|i| [self.sent[i], self.sent[i] * bytes[i]]);
        let outbound = [away[0] + local[0], away[1] + local[1]];
        match expect {
            Expect::Exact => {
                ensure!(
                    self.counted == [away, local, inbound],
                    "not under their reasons: {self:?}"
                );
                ensure!(self.total == [outbound, inbound], "not in all: {self:?}");
                ensure!(self.local_arrived == self.sent[1], "a local frame was lost: {self:?}");
                Ok(10)
            }
            Expect::Total => {
                ensure!(self.total == [outbound, inbound], "not in all: {self:?}");
                Ok(4)
            }
            Expect::Outbound => {
                ensure!(self.counted[..2] == [away, local], "not under their reasons: {self:?}");
                ensure!(self.total[0] == outbound, "not in all: {self:?}");
                Ok(6)
            }
            Expect::Sent | Expect::Anew => {
                // Inbound frames are counted wherever they are flooded to.
                for i in [0, 1] {
                    let known = self.counted[i][0] + self.leaked[i];
                    ensure!(known <= self.sent[i], "more than was sent: {self:?}");
                }
                Ok(0)
            }
        }
    }
}

/// Where the frames of a kind are counted.
const fn reason(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Local => ("outbound", "local"),
        Kind::Inbound => ("inbound", "inbound"),
        _ => ("outbound", "not-local"),
    }
}

fn pair(count: &Value) -> [u64; 2] {
    ["packets", "bytes"].map(|unit| count[unit].as_u64().unwrap_or(0))
}
