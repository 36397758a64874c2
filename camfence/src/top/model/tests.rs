use std::{net::IpAddr, path::Path};

use bytemuck::Zeroable as _;
use camfence_common::{
    abi::{CameraCounters, Tally},
    reason::{Direction, Reason},
    wire::extension::Protocol,
};

use super::*;
use crate::{
    config::Config,
    telemetry::{
        ledger::{Evicted, Service},
        report::CameraReport,
    },
    units::per_second,
};

const CAMERAS: &str = "[fence]\ninterfaces = []\n\
    [[camera]]\nmac = \"b0:c5:54:25:5b:0e\"\nname = \"driveway\"\n\
    [[camera]]\nmac = \"b0:c5:54:25:5b:1f\"\nname = \"garage\"\n";
pub(crate) const DRIVEWAY: &str = "b0:c5:54:25:5b:0e";
pub(crate) const GARAGE: &str = "b0:c5:54:25:5b:1f";

/// A reading after so many seconds in which the first camera had so many frames dropped, to one peer.
pub(crate) fn reading(seconds: u64, dropped: u64) -> Reading {
    let config = Config::parse(Path::new("f"), CAMERAS).unwrap();
    let mut counters = CameraCounters::zeroed();
    let none = counters;
    let tally = Tally { packets: dropped, bytes: dropped * 100 };
    counters.by[Direction::Outbound.index()][Reason::NotLocal.index()] = tally;
    counters.by[Direction::Inbound.index()][Reason::Local.index()] = Tally { packets: 5, bytes: 9 };
    let cameras = config.cameras.iter().zip([&counters, &none]);
    let cameras = cameras.map(|(camera, counters)| CameraReport::new(&config, camera, counters));
    let port = PortReport {
        name: "p-cam".into(),
        ifindex: Some(7),
        outbound: None,
        inbound: None,
        enforcing: true,
        problem: None,
        unknown: None,
    };
    let status = StatusReport { interfaces: vec![port], cameras: cameras.collect() };
    let entry = Entry {
        camera: Some("driveway".into()),
        mac: DRIVEWAY.parse().unwrap(),
        direction: "outbound",
        peer: IpAddr::from([203, 0, 113, 7]),
        name: None,
        country: None,
        network: None,
        last_name: None,
        service: Service { protocol: "udp".into(), port: Some(10_240), icmp: None },
        protocol: Protocol::UDP,
        reason: "not-local",
        verdict: "drop",
        count: tally.into(),
        first_seen: "2001-09-09T01:46:30.000Z".into(),
        last_seen: "2001-09-09T01:46:30.000Z".into(),
        ago: [Duration::from_mins(1), Duration::from_secs(2)],
    };
    let entries = if dropped > 0 { vec![entry] } else { Vec::new() };
    let none = Count::default();
    let ledger = Ledger { entries, evicted: Evicted { entries: 0, count: none }, lost: none };
    let unknown = SeenReport {
        mac: "02:cf:bb:00:00:01".into(),
        interface: Some("p-garage".into()),
        count: Count { packets: 7, bytes: 1_500 },
        first_seen: "2001-09-09T01:46:30.000Z".into(),
        last_seen: "2001-09-09T01:46:30.000Z".into(),
    };
    let unknown = UnknownReport { unknown: vec![unknown] };
    Reading { at: Duration::from_secs(seconds), status, ledger, unknown, watched: true }
}

#[test]
fn rates_are_of_the_time_between_two_readings() {
    let mut model = Model::default();
    model.take(reading(10, 100));
    assert_eq!(model.cameras[0].dropped, Rate::default(), "nothing is known of before");
    assert!(model.cameras[0].history.is_empty());
    model.take(reading(12, 130));
    let [driveway, garage] = &model.cameras[..] else { panic!() };
    assert_eq!(driveway.dropped, Rate { packets: 15.0, bytes: 1_500.0 });
    assert_eq!((driveway.passed, garage.dropped), (Rate::default(), Rate::default()));
    assert_eq!(driveway.history, [30]);
    let rates = model.destinations_of(DRIVEWAY).map(|flow| per_second(flow.rate));
    assert_eq!(rates.collect::<Vec<_>>(), ["15"]);
    assert_eq!(model.destinations_of(GARAGE).count(), 0);
    // Counters that began anew.
    model.take(reading(13, 3));
    assert_eq!(model.cameras[0].dropped, Rate::default());
    // A flow that was not there before.
    let mut model = Model::default();
    model.take(reading(10, 0));
    model.take(reading(11, 4));
    assert_eq!(per_second(model.destinations[0].rate), "4.0");
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut model = Model::default();
    for second in 0..200 {
        model.take(reading(second, second));
        model.happen(Printable::from("something"));
    }
    assert_eq!((model.cameras[0].history.len(), model.events.len()), (HISTORY, MOST_EVENTS));
    model.happen(Printable::from("an event"));
    assert_eq!(model.events.len(), MOST_EVENTS);
    assert_eq!(model.events.back().unwrap().as_str(), "an event");
}

#[test]
fn two_readings_at_one_moment_have_no_rate() {
    let mut model = Model::default();
    model.take(reading(10, 1));
    model.take(reading(10, 2));
    assert_eq!(model.cameras[0].dropped, Rate::default());
}
