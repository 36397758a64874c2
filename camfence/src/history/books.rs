//! What of a reading of the kernel is new since the one before.
//!
//! The kernel's counters and flows only grow, as long as nothing begins anew: the fence does with
//! another [lineage](crate::fence::Reading::lineage), a camera does when it is removed and added
//! again, a flow when it was evicted. What is in doubt is taken for what was counted before: nothing is
//! counted twice.

use camfence_common::{
    abi::{CameraCounters, Tally},
    flow::Flow,
};

/// What was read last of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FlowBase {
    /// When its first packet had come, in the kernel's time.
    pub first: u64,
    /// What it had counted.
    pub tally: Tally,
}

impl From<&Flow> for FlowBase {
    fn from(flow: &Flow) -> Self {
        Self { first: flow.first, tally: flow.tally }
    }
}

/// What a camera has counted since its counters were read last.
///
/// If any is less than it was, the camera was removed and added again, and all of it is new. That
/// cannot be told of one whose every counter has outgrown what it was, so its removal is read.
pub fn new_counts(now: &CameraCounters, before: Option<&CameraCounters>) -> CameraCounters {
    let Some(before) = before else { return *now };
    let pairs = || now.by.as_flattened().iter().zip(before.by.as_flattened());
    if pairs().any(|(now, before)| !has_grown(*now, *before)) {
        return *now;
    }
    let mut new = *now;
    for (new, (_, before)) in new.by.as_flattened_mut().iter_mut().zip(pairs()) {
        *new = less(*new, *before);
    }
    new
}

/// What a flow has counted since it was read last, and what there is to compare the next reading with.
/// `read` is when anything was read last, in the kernel's time.
///
/// A flow is in an entry and in places beside it, which are evicted, and on their way, each for itself:
///
/// - If it begins with the same packet, or an earlier one, it is as it was, or what was on its way has
///   come. It counts less while something is on its way; what is to be compared with stays then.
/// - If it begins after the last reading, all of it is new.
/// - If it begins between, some of it was read before; only what is beyond the old sum is new for sure.
pub fn new_packets(now: &Flow, before: Option<FlowBase>, read: u64) -> (Tally, FlowBase) {
    let Some(before) = before.filter(|before| now.first <= before.first.max(read)) else {
        return (now.tally, now.into());
    };
    let is_whole = now.first <= before.first;
    let base = if is_whole && !has_grown(now.tally, before.tally) { before } else { now.into() };
    (less(now.tally, before.tally), base)
}

const fn has_grown(now: Tally, before: Tally) -> bool {
    now.packets >= before.packets && now.bytes >= before.bytes
}

const fn less(now: Tally, before: Tally) -> Tally {
    Tally {
        packets: now.packets.saturating_sub(before.packets),
        bytes: now.bytes.saturating_sub(before.bytes),
    }
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable as _;

    use super::*;

    fn tally(packets: u64) -> Tally {
        Tally { packets, bytes: 60 * packets }
    }

    fn flow(first: u64, packets: u64) -> Flow {
        Flow { first, last: first + packets, tally: tally(packets) }
    }

    fn counters(packets: [u64; 2]) -> CameraCounters {
        let mut counters = CameraCounters::zeroed();
        for (tally_of, packets) in counters.by.as_flattened_mut().iter_mut().zip(packets) {
            *tally_of = tally(packets);
        }
        counters
    }

    #[test]
    fn a_counter_counts_what_came_since() {
        assert_eq!(new_counts(&counters([5, 1]), None), counters([5, 1]));
        assert_eq!(new_counts(&counters([9, 1]), Some(&counters([5, 1]))), counters([4, 0]));
    }

    #[test]
    fn a_camera_that_counts_less_began_anew() {
        assert_eq!(new_counts(&counters([9, 0]), Some(&counters([5, 1]))), counters([9, 0]));
    }

    #[test]
    fn a_flow_that_goes_on_counts_what_came_since() {
        let base = FlowBase::from(&flow(10, 5));
        assert_eq!(new_packets(&flow(10, 5), None, 0), (tally(5), base));
        let now = flow(10, 8);
        assert_eq!(new_packets(&now, Some(base), 100), (tally(3), FlowBase::from(&now)));
    }

    #[test]
    fn what_is_on_its_way_is_counted_once() {
        let base = FlowBase::from(&flow(10, 100));
        // A part is between a place and the map, and then there again.
        let (new, between) = new_packets(&flow(10, 40), Some(base), 100);
        assert_eq!((new, between), (tally(0), base));
        assert_eq!(new_packets(&flow(10, 103), Some(between), 100).0, tally(3));
        // The older part was on its way at the first reading.
        let base = FlowBase::from(&flow(50, 4));
        let now = flow(10, 24);
        assert_eq!(new_packets(&now, Some(base), 100), (tally(20), FlowBase::from(&now)));
    }

    #[test]
    fn an_evicted_flow_that_comes_again_is_new() {
        let base = FlowBase::from(&flow(10, 100));
        let now = flow(101, 7);
        assert_eq!(new_packets(&now, Some(base), 100), (tally(7), FlowBase::from(&now)));
    }

    #[test]
    fn what_may_have_been_read_is_not_counted_again() {
        // The entry was evicted, and a place with five packets is left, of which two are new.
        let base = FlowBase::from(&flow(10, 100));
        let left = flow(50, 5);
        assert_eq!(new_packets(&left, Some(base), 100), (tally(0), FlowBase::from(&left)));
        assert_eq!(new_packets(&flow(50, 6), Some(FlowBase::from(&left)), 200).0, tally(1));
    }
}
