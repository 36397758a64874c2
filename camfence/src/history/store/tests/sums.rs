//! Whatever happens, the sums are what was counted.

use proptest::prelude::*;

use super::*;

/// What can happen between two readings.
#[derive(Debug, Clone)]
enum Step {
    Send(bool, u32, u64),
    Pass(u32),
    Write,
    /// A write that the process did not live to finish.
    WriteKilled,
    /// The process was killed, and another opened the database.
    Killed,
    Evict(u32),
    BeginAnew,
    Register(bool),
    Remove(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (any::<bool>(), 0..4_u32, 1..9_u64).prop_map(|(cam, peer, n)| Step::Send(cam, peer, n)),
        2 => (0..400_u32).prop_map(Step::Pass),
        4 => Just(Step::Write),
        2 => Just(Step::WriteKilled),
        1 => Just(Step::Killed),
        2 => (0..4_u32).prop_map(Step::Evict),
        1 => Just(Step::BeginAnew),
        1 => any::<bool>().prop_map(Step::Register),
        1 => any::<bool>().prop_map(Step::Remove),
    ]
}

/// What has to be in the database.
#[derive(Debug, Default)]
struct Expected {
    cameras: BTreeMap<Mac, u64>,
    flows: BTreeMap<FlowKey, u64>,
}

fn play(steps: &[Step]) {
    let home = Home::new();
    let (mut kernel, mut store) = (Kernel::new(), home.store());
    let mut sent = Expected::default();
    let mut begun = 0;
    let mac = |first: &bool| if *first { CAM } else { CAM2 };
    for step in steps.iter().chain([&Step::Write]) {
        match step {
            Step::Send(first, peer, packets) => {
                if kernel.reading.counters.contains_key(&mac(first)) {
                    kernel.send(mac(first), *peer, *packets);
                    *sent.cameras.entry(mac(first)).or_default() += packets;
                    *sent.flows.entry(key(mac(first), *peer)).or_default() += packets;
                }
            }
            Step::Pass(seconds) => kernel.pass(Duration::from_secs((*seconds).into())),
            Step::Write => drop(add(&mut store, &kernel)),
            Step::WriteKilled => {
                let transaction = store.database.begin_write().unwrap();
                let reading = &kernel.reading;
                let added = write::tests::unfinished(&transaction, &store.reasons, reading);
                assert!(added.is_ok());
                transaction.abort().unwrap();
            }
            Step::Killed => {
                let killed = fs::read(&home.path).unwrap();
                drop(store);
                fs::write(&home.path, killed).unwrap();
                store = home.store();
            }
            // What was not read of it is lost; the next packet comes later than the last reading.
            Step::Evict(peer) => {
                add(&mut store, &kernel);
                kernel.reading.ledger.flows.remove(&key(CAM, *peer));
            }
            Step::BeginAnew => {
                add(&mut store, &kernel);
                begun += 1;
                kernel.begin_anew(begun);
            }
            // Both are read before and after.
            Step::Register(first) if !kernel.reading.counters.contains_key(&mac(first)) => {
                kernel.register(mac(first));
            }
            Step::Remove(first) => {
                add(&mut store, &kernel);
                kernel.reading.counters.remove(&mac(first));
                add(&mut store, &kernel);
            }
            Step::Register(_) => {}
        }
    }
    assert_eq!(home.files(), ["history.redb"]);
    let reader = store.read().unwrap();
    for width in Width::ALL {
        for (mac, packets) in &sent.cameras {
            let counts = reader.counts(width, Duration::ZERO, Some(*mac)).unwrap();
            let counts = counts.values().flat_map(|counts| counts.by.as_flattened());
            assert_eq!(counts.map(|tally| tally.packets).sum::<u64>(), *packets, "{width} {mac}");
        }
    }
    let written: BTreeMap<_, _> =
        flows(&reader).into_iter().map(|(key, tally)| (key, tally.packets)).collect();
    assert_eq!(written, sent.flows);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn sums_are_what_was_counted(steps in prop::collection::vec(step(), 1..40)) {
        play(&steps);
    }
}
