//! Everything that was counted, at one moment.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use camfence_common::{
    abi::{CANARY, CameraCounters, Subject},
    mac::Mac,
};

use super::{Fence, READ_AGAIN, Result};
use crate::kernel::{clock::awake, ledger::Contents, maps::Maps};

/// What the kernel had counted at one moment.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// Of two readings with the same, the later has what came after the earlier; with another one
    /// everything began anew.
    pub lineage: String,
    /// The cameras in the fence that have counted something, with their counters.
    pub counters: BTreeMap<Mac, CameraCounters>,
    /// The ledger.
    pub ledger: Contents,
    /// When that was: on the clock that the ledger's times are of.
    pub clock: Duration,
    /// And since 1970, UTC.
    pub since_epoch: Duration,
}

impl Fence {
    /// Reads everything that was counted.
    pub fn reading(&self) -> Result<Reading> {
        self.reading_with(|maps| Ok(maps.ledger()?))
    }

    /// Reads what cameras counted, without the ledger.
    pub fn reading_of_counters(&self) -> Result<Reading> {
        self.reading_with(|_| Ok(Contents::default()))
    }

    fn reading_with(&self, ledger: impl Fn(&Maps) -> Result<Contents>) -> Result<Reading> {
        let mut before = self.root.view()?;
        for _ in 0..READ_AGAIN {
            let reading = self.reading_once(&ledger);
            let after = self.root.view()?;
            if after == before {
                return reading;
            }
            before = after;
        }
        self.reading_once(&ledger)
    }

    fn reading_once(&self, ledger: impl Fn(&Maps) -> Result<Contents>) -> Result<Reading> {
        let maps = Maps::open(&self.root)?;
        let lineage = self.root.current()?.and_then(|current| current.lineage());
        let mut counters = BTreeMap::<Mac, CameraCounters>::new();
        maps.count(&maps.slots_in_use()?, |subject, new| {
            if let Subject::Camera(mac) = subject
                && mac != CANARY
            {
                counters.entry(mac).and_modify(|sum| sum.add(new)).or_insert(*new);
            }
        })?;
        let ledger = ledger(&maps)?;
        Ok(Reading {
            lineage: lineage.unwrap_or_default(),
            counters,
            ledger,
            clock: awake(),
            since_epoch: SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default(),
        })
    }
}
