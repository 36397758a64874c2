use std::net::Ipv4Addr;

use camfence_common::reason::Direction;
use proptest::prelude::*;

use super::*;

const CAM: Mac = Mac([0xb0, 0xc5, 0x54, 0x25, 0x5b, 0x0e]);

const HOUR: Duration = Duration::from_hours(1);

fn key_of(mac: Mac, peer: u32) -> FlowKey {
    let peer = Ipv4Addr::from(peer).into();
    FlowKey::new(mac, Direction::Outbound, peer, (17, 10_240), Reason::NotLocal)
}

fn key(peer: u32) -> FlowKey {
    key_of(CAM, peer)
}

const fn tally(packets: u64) -> Tally {
    Tally { packets, bytes: 60 * packets }
}

/// A flow that was seen from one second on to another.
fn flow(first: u64, last: u64, packets: u64) -> Flow {
    let [first, last] = [first, last].map(|second| second * 1_000_000_000);
    Flow { first, last, tally: tally(packets) }
}

/// Adds what a camera's ledger has at a second.
fn add(destinations: &mut Destinations, second: u64, flows: &[(FlowKey, Flow)]) -> Vec<Counted> {
    let flows = flows.iter().copied().collect();
    destinations.add(&flows, &BTreeSet::from([CAM]), Duration::from_secs(second));
    destinations.counted()
}

fn peers(counted: &[Counted]) -> Vec<Ipv4Addr> {
    let peer = |(key, _): &Counted| match key.peer() {
        std::net::IpAddr::V4(peer) => peer,
        std::net::IpAddr::V6(_) => panic!("IPv6"),
    };
    let mut peers: Vec<_> = counted.iter().map(peer).collect();
    peers.sort_unstable();
    peers
}

#[test]
fn a_series_says_what_the_ledger_has() {
    let mut destinations = Destinations::default();
    assert_eq!(add(&mut destinations, 10, &[(key(1), flow(1, 9, 5))]), [(key(1), tally(5))]);
    assert_eq!(add(&mut destinations, 20, &[(key(1), flow(1, 19, 45))]), [(key(1), tally(45))]);
}

#[test]
fn what_stays_among_neighbours_has_none() {
    let with = |reason| {
        let peer = Ipv4Addr::new(192, 168, 1, 9).into();
        (FlowKey::new(CAM, Direction::Outbound, peer, (17, 7), reason), flow(1, 2, 3))
    };
    let counted = add(&mut Destinations::default(), 10, &Reason::ALL.map(with));
    let told: BTreeSet<_> = counted.iter().filter_map(|(key, _)| key.reason()).collect();
    for reason in Reason::ALL {
        let is_near = matches!(reason, Reason::Link | Reason::OnLink | Reason::Local);
        assert_eq!(told.contains(&reason), !is_near, "{}", reason.name());
    }
}

#[test]
fn only_registered_cameras_have_series() {
    let mut destinations = Destinations::default();
    let other = Mac([2, 0, 0, 0, 0, 1]);
    let flows = [(key(1), flow(1, 2, 3)), (key_of(other, 1), flow(1, 2, 3))];
    assert_eq!(add(&mut destinations, 10, &flows), [(key(1), tally(3))]);
    destinations.add(&flows.into_iter().collect(), &BTreeSet::new(), Duration::from_secs(20));
    assert_eq!(destinations.counted(), []);
}

#[test]
fn what_an_evicted_flow_had_counted_stays() {
    let mut destinations = Destinations::default();
    add(&mut destinations, 10, &[(key(1), flow(1, 9, 100))]);
    assert_eq!(add(&mut destinations, 20, &[]), [(key(1), tally(100))]);
    let again = [(key(1), flow(25, 29, 7))];
    assert_eq!(add(&mut destinations, 30, &again), [(key(1), tally(107))]);
}

#[test]
fn what_has_no_ports_is_one_series() {
    let peer: std::net::IpAddr = Ipv4Addr::new(203, 0, 113, 7).into();
    let with = |protocol, number| {
        FlowKey::new(CAM, Direction::Outbound, peer, (protocol, number), Reason::NotLocal)
    };
    let [echo, other] = [0x0800, 0x0d00].map(|number| (with(1, number), flow(1, 2, 3)));
    let counted = add(&mut Destinations::default(), 10, &[echo, other]);
    assert_eq!(counted, [(with(1, 0), tally(6))]);
    let v6 = [(with(58, 1), flow(1, 2, 3)), (with(58, 2), flow(1, 2, 3))];
    assert_eq!(add(&mut Destinations::default(), 10, &v6).len(), 1);
}

#[test]
fn the_first_places_are_for_those_with_the_most_frames() {
    let flows: Vec<_> = (0..100).map(|n| (key(n), flow(1, 9, u64::from(n)))).collect();
    let counted = add(&mut Destinations::default(), 10, &flows);
    assert_eq!(peers(&counted), (84..100).map(Ipv4Addr::from).collect::<Vec<_>>());
}

#[test]
fn a_place_changes_hands_once_an_hour_and_only_to_what_is_seen_later() {
    let mut destinations = Destinations::default();
    // The first was seen before all others.
    let old = |n: u32| (key(n), flow(1, 2 + u64::from(n), 1));
    let mut flows: Vec<_> = (0..16).map(old).collect();
    let first = peers(&add(&mut destinations, 100, &flows));
    flows.push((key(50), flow(1, 1, 9)));
    let hour = HOUR.as_secs();
    assert_eq!(peers(&add(&mut destinations, 100 + hour, &flows)), first, "seen before");
    flows.extend((60..70).map(|n| (key(n), flow(150, 160, 9))));
    assert_eq!(peers(&add(&mut destinations, 99 + hour, &flows)), first, "too soon");
    for (changes, peer) in (60..70).enumerate() {
        let second = 100 + (changes as u64 + 1) * hour;
        let now = peers(&add(&mut destinations, second, &flows));
        assert_eq!(now.len(), MOST_OF_A_CAMERA);
        assert!(now.contains(&Ipv4Addr::from(peer)), "{now:?}");
        assert!(!now.contains(&Ipv4Addr::from(peer - 60)), "{now:?}");
        assert_eq!(peers(&add(&mut destinations, second + hour - 1, &flows)), now);
    }
}

#[test]
fn very_many_cameras_share_the_places() {
    let macs = |count: u16| -> BTreeSet<Mac> {
        let mac = |n: u16| Mac([2, 0, 0, 0, n.to_be_bytes()[0], n.to_be_bytes()[1]]);
        (0..count).map(mac).collect()
    };
    let mut destinations = Destinations::default();
    let all: Flows = macs(2_000)
        .into_iter()
        .flat_map(|mac| (0..20).map(move |n| (key_of(mac, n), flow(1, 2, 3))))
        .collect();
    for (count, each) in [(10, 16), (64, 16), (100, 10), (1_000, 1), (2_000, 1), (3, 16)] {
        let registered = macs(count);
        destinations.add(&all, &registered, HOUR);
        let mut of_each = BTreeMap::<Mac, usize>::new();
        for (key, _) in destinations.counted() {
            *of_each.entry(key.mac()).or_default() += 1;
        }
        assert_eq!(of_each.len(), registered.len().min(MOST), "of {count}");
        assert!(of_each.values().all(|places| *places == each), "{of_each:?}");
    }
}

/// What happens in a minute: packets to destinations, and which of them the ledger evicts.
type Minute = (Vec<(u32, u64)>, Vec<u32>);

fn minutes() -> impl Strategy<Value = Vec<Minute>> {
    let peer = 0..40_u32;
    let packets = prop::collection::vec((peer.clone(), 1..100_u64), 0..12);
    prop::collection::vec((packets, prop::collection::vec(peer, 0..6)), 1..400)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn bounds_hold_and_no_series_falls(minutes in minutes()) {
        let mut destinations = Destinations::default();
        let (mut ledger, mut sent) = (Flows::default(), BTreeMap::<FlowKey, u64>::new());
        let (mut before, mut begun) = (BTreeMap::new(), 0);
        let registered = BTreeSet::from([CAM]);
        for (minute, (packets, evicted)) in (1_u64..).zip(&minutes) {
            for peer in evicted {
                ledger.remove(&key(*peer));
            }
            for (peer, packets) in packets {
                let new = flow(60 * minute, 60 * minute + 1, *packets);
                ledger.add(key(*peer), new);
                *sent.entry(key(*peer)).or_default() += packets;
            }
            destinations.add(&ledger, &registered, Duration::from_secs(60 * minute + 2));
            let now: BTreeMap<_, _> = destinations.counted().into_iter().collect();
            prop_assert!(now.len() <= MOST_OF_A_CAMERA);
            for (key, tally) in &now {
                match before.get(key) {
                    // What is in the ledger at each reading is counted, whatever it evicts later.
                    Some(Tally { packets, .. }) => prop_assert!(tally.packets >= *packets),
                    None => begun += 1,
                }
                prop_assert!(tally.packets <= sent[key]);
                prop_assert!(ledger.find(key).is_none_or(|(_, flow)| tally.packets >= flow.tally.packets));
            }
            let hours = usize::try_from(minute / 60).unwrap();
            prop_assert!(begun <= MOST_OF_A_CAMERA + hours, "{begun} in {minute} minutes");
            before = now;
        }
    }
}
