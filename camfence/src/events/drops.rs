//! What is dropped, by destination and second: the counters' and the ledger's differences.
//!
//! The counters are exact, and the truth. What of them the ledger's flows account for is told by
//! destination, and the rest without one, a second later: frames that belong to no flow, and those of
//! flows that are gone already when it is looked. So the sum of all that is told comes to the counters'
//! difference, whatever happens in between.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap},
};

use camfence_common::{
    abi::Tally,
    flow::{Flow, FlowKey},
    mac::Mac,
    reason::{Direction, Effect, Reason},
};

use crate::kernel::ledger::Flows;

/// Most destinations that are told of one second, those with the most frames. The rest is one sum.
pub const MOST_TOLD: usize = 256;

/// Most flows whose counts are remembered. Others' are part of the rest once, and remembered then.
pub const MOST_FLOWS: usize = 32_768;

/// Whose frames were dropped: a camera's, or without a MAC those of unknown sources.
pub type Group = (Option<Mac>, Direction, Reason);

/// What was counted at one moment.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// When it was begun to look, in nanoseconds of the ledger's clock.
    pub time: u64,
    /// The cameras that there are; others are unknown sources.
    pub cameras: BTreeSet<Mac>,
    /// What was dropped; what is zero need not be there. Read before the flows.
    pub counters: BTreeMap<Group, Tally>,
    /// Flows, at least those that had a frame since the last reading, or [`MOST_FLOWS`] of them.
    pub flows: Flows,
}

/// What was dropped between two readings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// Whose.
    pub group: Group,
    /// To or from whom; none for all others.
    pub flow: Option<FlowKey>,
    /// How much.
    pub tally: Tally,
}

/// What was told, to tell the next differences.
#[derive(Debug, Default)]
pub struct Drops {
    flows: HashMap<FlowKey, Known>,
    groups: BTreeMap<Group, Sum>,
    looked: u64,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    first: u64,
    last: u64,
    told: Tally,
}

#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    told: Tally,
    /// Counted, and not told yet.
    open: Tally,
}

impl Drops {
    /// Begins now: what was dropped before is nobody's news.
    pub fn since(reading: Reading) -> Self {
        let mut drops = Self { looked: reading.time, ..Self::default() };
        let sum = |told| Sum { told, open: Tally::default() };
        drops.groups =
            reading.counters.into_iter().map(|(group, told)| (group, sum(told))).collect();
        for (key, flow) in reading.flows {
            drops.flows.insert(key, Known { first: flow.first, last: flow.last, told: flow.tally });
        }
        drops.forget_old();
        drops
    }

    /// Other maps took the place of those that were read: their flows begin anew, the counters go on.
    pub fn forget_flows(&mut self) {
        self.flows.clear();
    }

    /// What was dropped since the last reading.
    pub fn observe(&mut self, reading: &Reading) -> Vec<Dropped> {
        let before = self.open(&reading.counters);
        let mut dropped = self.by_destination(reading);
        for (group, sum) in &mut self.groups {
            // What was open the last time as well is no frame that is on its way to the ledger.
            let rest = least(sum.open, before.get(group).copied().unwrap_or_default());
            if rest.packets > 0 {
                dropped.push(Dropped { group: *group, flow: None, tally: rest });
                sum.told.add(rest);
                sum.open = less(sum.open, rest);
            }
        }
        self.looked = reading.time;
        self.forget_old();
        dropped
    }

    /// Takes in what was counted. Gives what was open before.
    fn open(&mut self, counters: &BTreeMap<Group, Tally>) -> BTreeMap<Group, Tally> {
        // A camera that is gone.
        self.groups.retain(|group, _| counters.contains_key(group));
        let mut before = BTreeMap::new();
        for (group, counted) in counters {
            let sum = self.groups.entry(*group).or_default();
            if counted.packets < sum.told.packets {
                // Another camera's, that counts from zero.
                *sum = Sum::default();
            }
            before.insert(*group, sum.open);
            sum.open = less(*counted, sum.told);
        }
        before
    }

    fn by_destination(&mut self, reading: &Reading) -> Vec<Dropped> {
        let mut new: Vec<Dropped> = Vec::new();
        for (key, flow) in &reading.flows {
            let Some(group) = group_of(key, &reading.cameras) else { continue };
            let tally = less(flow.tally, self.known(key, flow).told);
            if tally.packets > 0 {
                new.push(Dropped { group, flow: Some(*key), tally });
            }
        }
        new.sort_by_key(|dropped| (Reverse(dropped.tally.packets), dropped.flow));
        for beyond in new.split_off(MOST_TOLD.min(new.len())) {
            self.told(&beyond);
        }
        new.retain_mut(|dropped| {
            let Some(sum) = self.groups.get_mut(&dropped.group) else { return false };
            // A frame may be in the ledger that was not counted yet when the counters were read.
            dropped.tally = least(dropped.tally, sum.open);
            sum.open = less(sum.open, dropped.tally);
            sum.told.add(dropped.tally);
            self.told(dropped);
            dropped.tally.packets > 0
        });
        new
    }

    /// What is known of a flow.
    fn known(&mut self, key: &FlowKey, flow: &Flow) -> Known {
        let is_new = flow.first >= self.looked;
        let told = if is_new { Tally::default() } else { flow.tally };
        let known = self.flows.entry(*key).or_insert(Known { first: flow.first, last: 0, told });
        if flow.first > known.first || flow.tally.packets < known.told.packets {
            // It was evicted meanwhile, and counts from zero.
            *known = Known { first: flow.first, last: 0, told: Tally::default() };
        }
        known.first = flow.first;
        known.last = flow.last;
        *known
    }

    /// Notes that it is told, or not to be told by its destination.
    fn told(&mut self, dropped: &Dropped) {
        if let Some(known) = dropped.flow.and_then(|key| self.flows.get_mut(&key)) {
            known.told.add(dropped.tally);
        }
    }

    /// Leaves as many flows as there is room for, those seen last.
    fn forget_old(&mut self) {
        if self.flows.len() <= MOST_FLOWS {
            return;
        }
        let mut times: Vec<u64> = self.flows.values().map(|known| known.last).collect();
        let (_, oldest, _) = times.select_nth_unstable(self.flows.len() - MOST_FLOWS);
        let oldest = *oldest;
        self.flows.retain(|_, known| known.last >= oldest);
        if self.flows.len() > MOST_FLOWS {
            // Very many at the same moment.
            self.flows.clear();
        }
    }
}

/// Where a flow was counted; none if its frames pass.
fn group_of(key: &FlowKey, cameras: &BTreeSet<Mac>) -> Option<Group> {
    let reason = key.reason().filter(|reason| reason.effect() == Effect::Drop)?;
    let whose = Some(key.mac()).filter(|mac| cameras.contains(mac));
    Some((whose, key.direction(), reason))
}

const fn less(tally: Tally, other: Tally) -> Tally {
    Tally {
        packets: tally.packets.saturating_sub(other.packets),
        bytes: tally.bytes.saturating_sub(other.bytes),
    }
}

fn least(tally: Tally, other: Tally) -> Tally {
    Tally { packets: tally.packets.min(other.packets), bytes: tally.bytes.min(other.bytes) }
}

#[cfg(test)]
pub(super) mod tests;
