//! The ledger's maps: whom cameras talk to.
//!
//! A program counts a flow in a place of its CPU's own, and puts that in the map of flows when
//! another takes the place. So a flow is in one place for each CPU, in the map, and in what was
//! there before these maps were made; what was counted of it is the sum.

mod flows;

use std::{cmp::Reverse, collections::HashSet};

use aya::maps::{HashMap as BpfHashMap, MapData, MapError};
use camfence_common::{
    abi::{Tally, names},
    flow::{Flow, FlowKey, Flushed, Missing, RECENT_FLOWS, Recent},
    reason::Effect,
};

use super::{
    batch::{
        self, SharedMap,
        array::{self, PerCpu},
    },
    error::{Result, Tried as _},
    maps::{NO_PREALLOC, Shared, open, pinned, take},
    object::Object,
    root::Generation,
};

pub use flows::{Flows, Iter};

/// How many times it is looked again because places were taken meanwhile.
const READ_AGAIN: usize = 3;

/// What the ledger holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// The flows.
    pub flows: Flows,
    /// What it does not have any more.
    pub missing: Missing,
}

impl Contents {
    /// Leaves as many flows as there is room for, those seen last.
    fn shorten(&mut self, room: usize) {
        let mut flows: Vec<_> = std::mem::take(&mut self.flows).into_iter().collect();
        flows.sort_by_key(|(key, flow)| (Reverse(flow.last), *key));
        for (_, flow) in flows.split_off(room.min(flows.len())) {
            self.missing.add(&Missing { entries: 1, evicted: flow.tally, ..Missing::default() });
        }
        self.flows = flows.into_iter().collect();
    }
}

/// The maps.
pub(super) struct Ledger {
    flows: SharedMap<FlowKey, Flow>,
    recent: PerCpu<Recent>,
    flushed: PerCpu<Flushed>,
    /// What was there, and what was missing, before these maps were made.
    kept: SharedMap<FlowKey, Flow>,
    missed: BpfHashMap<MapData, u32, Shared<Missing>>,
}

/// What programs count in, read in this order.
struct Reading {
    flushed: Flushed,
    entries: Vec<(FlowKey, Flow)>,
    recent: Vec<Recent>,
}

impl Ledger {
    /// Opens those of a generation.
    pub(super) fn open(generation: &Generation) -> Result<Self> {
        Ok(Self {
            flows: open(generation, names::LEDGER)?,
            recent: open(generation, names::RECENT)?,
            flushed: open(generation, names::FLUSHED)?,
            kept: open(generation, names::KEPT)?,
            missed: open(generation, names::MISSED)?,
        })
    }

    /// Takes those of an object. Those of a generation are pinned there.
    pub(super) fn take(object: &mut Object, generation: Option<&Generation>) -> Result<Self> {
        let flows = take(object, names::LEDGER)?;
        let kept = SharedMap::create(batch::room(&flows)?, NO_PREALLOC);
        let kept = kept.tried(|| "making a map of flows".into())?;
        let missed = BpfHashMap::create(1, NO_PREALLOC);
        let missed = missed.tried(|| "making a map of what is missing".into())?;
        Ok(Self {
            flows,
            recent: take(object, names::RECENT)?,
            flushed: take(object, names::FLUSHED)?,
            kept: pinned(kept, generation, names::KEPT)?,
            missed: pinned(missed, generation, names::MISSED)?,
        })
    }

    /// Flows there is room for.
    pub(super) fn room(&self) -> Result<u32> {
        batch::room(&self.flows)
    }

    /// What the maps hold. Exact if no program runs. Otherwise what is put from a place into the map
    /// of flows while both are read may be missing, but nothing is there twice.
    pub(super) fn read(&self) -> Result<Contents> {
        let mut recent = self.recent()?;
        let mut reading = self.read_once()?;
        for _ in 1..READ_AGAIN {
            if is_same(&recent, &reading.recent) {
                break;
            }
            // There can be very many: none is kept while they are read again.
            recent = reading.recent;
            drop(reading.entries);
            reading = self.read_once()?;
        }
        let Reading { flushed, mut entries, recent } = reading;
        let mut missing = missing(&flushed, &entries);
        missing.add(&self.missed()?);
        entries.extend(batch::entries(&self.kept, "the kept flows")?);
        let taken = recent.iter().filter(|recent| is_taken(recent));
        entries.extend(taken.map(|recent| (recent.key, recent.flow)));
        Ok(Contents { flows: entries.into_iter().collect(), missing })
    }

    /// The flows that are dropped and had a frame since a time, and some others; of very many, so many
    /// that were seen last. Without what was there before these maps were made. What is put from a place
    /// into the map while both are read may be missing.
    pub(super) fn dropped(&self, since: u64, most: usize) -> Result<Flows> {
        let mut recent = self.recent()?;
        let mut flows = Vec::new();
        for _ in 0..READ_AGAIN {
            flows = self.dropped_once(since, most, &recent)?;
            let after = self.recent()?;
            let changed = !is_same(&recent, &after);
            recent = after;
            if !changed {
                break;
            }
        }
        let is_meant = |recent: &&Recent| is_taken(recent) && is_dropped(&recent.key);
        flows.extend(recent.iter().filter(is_meant).map(|recent| (recent.key, recent.flow)));
        Ok(flows.into_iter().collect())
    }

    fn dropped_once(
        &self,
        since: u64,
        most: usize,
        recent: &[Recent],
    ) -> Result<Vec<(FlowKey, Flow)>> {
        let keys: HashSet<&FlowKey> = recent.iter().map(|recent| &recent.key).collect();
        let mut flows = Vec::new();
        batch::for_each(&self.flows, "the flows", |key, flow| {
            if is_dropped(key) && (flow.last >= since || keys.contains(key)) {
                flows.push((*key, *flow));
            }
            if flows.len() > 2 * most {
                leave_last(&mut flows, most);
            }
        })?;
        leave_last(&mut flows, most);
        Ok(flows)
    }

    fn read_once(&self) -> Result<Reading> {
        let flushed = self.flushed()?;
        let entries = batch::entries(&self.flows, "the flows")?;
        Ok(Reading { flushed, entries, recent: self.recent()? })
    }

    /// The places of all CPUs.
    fn recent(&self) -> Result<Vec<Recent>> {
        let mut all = Vec::new();
        array::read_per_cpu(&self.recent, RECENT_FLOWS, "the recent flows", |_, places| {
            all.extend_from_slice(places);
        })?;
        Ok(all)
    }

    fn flushed(&self) -> Result<Flushed> {
        let per_cpu =
            self.flushed.get(&0, 0).tried(|| "reading how many flows there were".into())?;
        let mut sum = Flushed::default();
        per_cpu.iter().for_each(|Shared(flushed)| sum.add(flushed));
        Ok(sum)
    }

    fn missed(&self) -> Result<Missing> {
        match self.missed.get(&0, 0) {
            Ok(Shared(missing)) => Ok(missing),
            Err(MapError::KeyNotFound) => Ok(Missing::default()),
            Err(error) => Err(error).tried(|| "reading which flows were missing".into()),
        }
    }

    /// Sets what was there before these maps were made, as much as there is room for.
    pub(super) fn keep(&mut self, mut contents: Contents) -> Result<()> {
        contents.shorten(self.room()? as usize);
        let flows: Vec<_> = contents.flows.into_iter().collect();
        batch::insert(&self.kept, &flows, |_| "carrying over the flows".into())?;
        let missed = self.missed.insert(0, Shared(contents.missing), 0);
        missed.tried(|| "carrying over which flows are missing".into())
    }
}

/// Leaves so many flows, those seen last.
fn leave_last(flows: &mut Vec<(FlowKey, Flow)>, most: usize) {
    if flows.len() > most {
        flows.select_nth_unstable_by_key(most, |(_, flow)| Reverse(flow.last));
        flows.truncate(most);
    }
}

fn is_dropped(key: &FlowKey) -> bool {
    key.reason().is_some_and(|reason| reason.effect() == Effect::Drop)
}

/// Whether no flow was put from a place into the map between two readings, nor was about to be.
fn is_same(before: &[Recent], after: &[Recent]) -> bool {
    let mut pairs = before.iter().zip(after);
    pairs.all(|(before, after)| before.finished == after.finished && is_whole(after))
}

/// Whether something was counted at a place, all of it for one flow.
const fn is_taken(recent: &Recent) -> bool {
    is_whole(recent) && recent.flow.tally.packets > 0
}

/// Whether what was copied of a place is of one flow, or of none.
const fn is_whole(recent: &Recent) -> bool {
    recent.begun == recent.finished
}

/// What was put in the map of flows and is not there any more.
fn missing(flushed: &Flushed, entries: &[(FlowKey, Flow)]) -> Missing {
    let mut there = Tally::default();
    for (_, flow) in entries {
        there.add(flow.tally);
    }
    Missing {
        // More can have come since.
        entries: flushed.entries.saturating_sub(entries.len() as u64),
        evicted: Tally {
            packets: flushed.tally.packets.saturating_sub(there.packets),
            bytes: flushed.tally.bytes.saturating_sub(there.bytes),
        },
        lost: flushed.lost,
    }
}
