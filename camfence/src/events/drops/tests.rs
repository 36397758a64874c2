use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;

pub(in crate::events) const CAM: Mac = Mac([0xb0, 0xc5, 0x54, 0x25, 0x5b, 0x0e]);

pub(in crate::events) fn key(peer: u32, reason: Reason) -> FlowKey {
    let peer = Ipv4Addr::from(peer).into();
    FlowKey::new(CAM, Direction::Outbound, peer, (17, 10_240), reason)
}

const GROUP: Group = (Some(CAM), Direction::Outbound, Reason::NotLocal);

const fn tally(packets: u64) -> Tally {
    Tally { packets, bytes: 100 * packets }
}

const fn flow(first: u64, last: u64, packets: u64) -> Flow {
    Flow { first, last, tally: tally(packets) }
}

fn reading(time: u64, counted: u64, flows: &[(u32, Flow)]) -> Reading {
    let flows = flows.iter().map(|(peer, flow)| (key(*peer, Reason::NotLocal), *flow)).collect();
    let (cameras, counters) = (BTreeSet::from([CAM]), BTreeMap::from([(GROUP, tally(counted))]));
    Reading { time, cameras, counters, flows }
}

fn told(dropped: &[Dropped]) -> Vec<(Option<u32>, u64)> {
    let peer = |key: FlowKey| match key.peer() {
        std::net::IpAddr::V4(peer) => u32::from(peer),
        std::net::IpAddr::V6(_) => panic!("IPv6"),
    };
    dropped.iter().map(|dropped| (dropped.flow.map(peer), dropped.tally.packets)).collect()
}

#[test]
fn differences_are_told_by_destination() {
    let mut drops = Drops::since(reading(10, 5, &[(1, flow(3, 9, 5))]));
    assert_eq!(told(&drops.observe(&reading(20, 5, &[(1, flow(3, 9, 5))]))), []);
    let second = reading(30, 15, &[(1, flow(3, 25, 8)), (2, flow(22, 28, 7))]);
    assert_eq!(told(&drops.observe(&second)), [(Some(2), 7), (Some(1), 3)]);
    assert_eq!(told(&drops.observe(&reading(40, 15, &[]))), []);
}

#[test]
fn what_has_no_destination_is_told_a_second_later() {
    let mut drops = Drops::since(reading(10, 0, &[]));
    assert_eq!(told(&drops.observe(&reading(20, 4, &[]))), []);
    assert_eq!(told(&drops.observe(&reading(30, 4, &[]))), [(None, 4)]);
    assert_eq!(told(&drops.observe(&reading(40, 4, &[]))), []);
    assert_eq!(told(&drops.observe(&reading(50, 6, &[(1, flow(41, 48, 2))]))), [(Some(1), 2)]);
}

#[test]
fn frames_that_are_counted_between_two_looks_are_told_once() {
    // The ledger is read after the counters, and always has a few frames more.
    let mut drops = Drops::since(reading(10, 0, &[]));
    let mut sum = 0;
    for second in 1..=20 {
        let counted = second * 100;
        let flows = [(1, flow(11, second * 10, counted + 7))];
        let dropped = drops.observe(&reading(10 + second * 10, counted, &flows));
        assert_eq!(told(&dropped), [(Some(1), 100)], "{second}");
        sum += 100;
    }
    let dropped = drops.observe(&reading(300, 2_007, &[(1, flow(11, 201, 2_007))]));
    assert_eq!((told(&dropped), sum), (vec![(Some(1), 7)], 2_000));
}

#[test]
fn a_flow_that_was_evicted_counts_anew() {
    let mut drops = Drops::since(reading(10, 50, &[(1, flow(3, 9, 50))]));
    assert_eq!(told(&drops.observe(&reading(20, 53, &[(1, flow(15, 19, 3))]))), [(Some(1), 3)]);
}

#[test]
fn a_flow_that_is_not_remembered_is_in_the_rest() {
    let mut drops = Drops::since(reading(10, 50, &[]));
    // It is older than the first look, and nobody knows what it had then.
    assert_eq!(told(&drops.observe(&reading(20, 53, &[(1, flow(3, 19, 50))]))), []);
    let dropped = drops.observe(&reading(30, 54, &[(1, flow(3, 29, 51))]));
    assert_eq!(told(&dropped), [(Some(1), 1), (None, 3)]);
}

#[test]
fn counters_that_begin_anew_are_told_from_there() {
    let mut drops = Drops::since(reading(10, 50, &[]));
    assert_eq!(told(&drops.observe(&reading(20, 3, &[(1, flow(15, 19, 3))]))), [(Some(1), 3)]);
}

#[test]
fn a_flood_is_a_few_destinations_and_one_sum() {
    let mut drops = Drops::since(reading(10, 0, &[]));
    let flows: Vec<_> =
        (0..100_000).map(|peer| (peer, flow(15, 19, 1 + u64::from(peer == 7)))).collect();
    let dropped = drops.observe(&reading(20, 100_001, &flows));
    assert_eq!((dropped.len(), told(&dropped)[0]), (MOST_TOLD, (Some(7), 2)));
    assert!(drops.flows.len() <= MOST_FLOWS);
    let rest = drops.observe(&reading(30, 100_001, &[]));
    assert_eq!(told(&rest), [(None, 100_001 - MOST_TOLD as u64 - 1)]);
}

proptest! {
    /// Whatever is evicted, late or not seen at all: in the end what was counted was told.
    #[test]
    fn sums_are_the_counters(
        seconds in prop::collection::vec(
            (prop::collection::vec((0_u32..40, 1_u64..50, any::<bool>()), 0..20), 0_u64..5), 1..12),
    ) {
        let mut drops = Drops::since(reading(10, 0, &[]));
        let (mut counted, mut sum, mut time) = (0, Tally::default(), 10);
        let mut flows: BTreeMap<u32, Flow> = BTreeMap::new();
        for (sent, without_flow) in seconds {
            for (peer, packets, evicted) in sent {
                if evicted {
                    flows.remove(&peer);
                }
                counted += packets;
                let entry = flows.entry(peer).or_insert(flow(time + 1, time + 1, 0));
                entry.last = time + 1;
                entry.tally.add(tally(packets));
            }
            counted += without_flow;
            time += 10;
            let all: Vec<_> = flows.iter().map(|(peer, flow)| (*peer, *flow)).collect();
            for dropped in drops.observe(&reading(time, counted, &all)) {
                sum.add(dropped.tally);
            }
            prop_assert!(sum.packets <= counted);
        }
        for _ in 0..2 {
            time += 10;
            for dropped in drops.observe(&reading(time, counted, &[])) {
                sum.add(dropped.tally);
            }
        }
        prop_assert_eq!(sum, tally(counted));
    }
}
