use std::{collections::BTreeMap, path::Path, time::Duration};

use camfence_common::{abi::CameraCounters, flow::FlowKey};

use super::*;
use crate::{
    events::Kind,
    fence::{PortState, Side, Strangers},
    policy::topology::{Attached, Mode as AttachMode, XdpMode},
};

const SILENT: &str = "b0:c5:54:25:5b:0f";

const CONFIG: &str = r#"
[fence]
interfaces = ["port1", "gone"]
[[camera]]
mac = "b0:c5:54:25:5b:0e"
name = 'the "drive" \ way'
[[camera]]
mac = "b0:c5:54:25:5b:0f"
name = "silent"
"#;

const fn side(attached: Option<Attached>) -> Side {
    Side { attached, doubt: None }
}

fn live(counters: &CameraCounters) -> LiveCamera {
    LiveCamera { counters: Box::new(*counters), mode: Mode::Enforce, opened: None, last_seen: None }
}

fn standing() -> Standing {
    let silent = CameraCounters { by: [[Tally::default(); Reason::COUNT]; 2] };
    let (mut counted, mut sealed) = (silent, silent);
    let [outbound, inbound] = &mut counted.by;
    outbound[Reason::NotLocal.index()] = Tally { packets: 45, bytes: 6681 };
    inbound[Reason::Local.index()] = Tally { packets: 7, bytes: u64::MAX };
    sealed.by[0][Reason::Sealed.index()] = Tally { packets: 3, bytes: 180 };
    let opened = Some(Duration::from_millis(1500));
    let cameras = BTreeMap::from([
        ("b0:c5:54:25:5b:0e".parse().unwrap(), live(&counted)),
        (
            SILENT.parse().unwrap(),
            LiveCamera {
                opened,
                last_seen: Some(Duration::ZERO),
                mode: Mode::Audit,
                ..live(&silent)
            },
        ),
        ("b0:c5:54:25:5b:10".parse().unwrap(), live(&counted)),
    ]);
    let strangers = Some(Strangers { sealed: true, live: live(&sealed) });
    let port1 = PortState {
        name: "port1".into(),
        ifindex: Some(1),
        outbound: side(Some(Attached::xdp(XdpMode::Native))),
        inbound: side(Some(Attached::tc(AttachMode::Tcx))),
        strangers,
    };
    let gone = PortState {
        name: "gone".into(),
        ifindex: None,
        outbound: side(None),
        inbound: side(None),
        strangers: None,
    };
    Standing { ports: vec![port1, gone], cameras }
}

fn history() -> Status {
    let reached = Reached { countries: 3, networks: 5, new_countries: 1, new_networks: 2 };
    Status {
        bytes: Some(1_589_248),
        written: Some(Duration::from_millis(1_795_219_200_500)),
        errors: 7,
        reached: BTreeMap::from([("b0:c5:54:25:5b:0e".parse().unwrap(), reached)]),
        has_countries: true,
        has_networks: true,
    }
}

fn encoded(format: Format) -> String {
    text_of(standing(), format)
}

fn text_of(standing: Standing, format: Format) -> String {
    let config = Config::parse(Path::new("camfence.toml"), CONFIG).unwrap();
    let unfenced = BTreeMap::from([("port1".into(), Duration::from_millis(1250))]);
    let snapshot = Snapshot::new(&config, standing, unfenced, counts(), history(), destinations());
    snapshot.encode(format).unwrap()
}

fn counts() -> Counts {
    Counts {
        told: BTreeMap::from([(Kind::FirstContact, 5)]),
        lost: BTreeMap::from([("first-contact".into(), 7)]),
        contacts: BTreeMap::from([(SILENT.parse().unwrap(), 3)]),
        strangers: BTreeMap::from([("port1".into(), 2)]),
    }
}

/// One with a port, one without, and one of a camera that is not registered.
fn destinations() -> Vec<Counted> {
    let flow = |mac: &str, peer: [u8; 4], service, reason| {
        let (mac, peer) = (mac.parse().unwrap(), peer.into());
        FlowKey::new(mac, Direction::Outbound, peer, service, reason)
    };
    let tally = Tally { packets: 45, bytes: 6681 };
    let dropped = flow(SILENT, [203, 0, 113, 7], (17, 10_240), Reason::NotLocal);
    let opened = flow(SILENT, [198, 51, 100, 7], (1, 0), Reason::Opened);
    let removed = flow("b0:c5:54:25:5b:10", [192, 0, 2, 7], (17, 10_240), Reason::NotLocal);
    [dropped, opened, removed].map(|key| (key, tally)).into()
}

const SAMPLES: &[&str] = &[
    r#"camfence_camera_countries{camera="the \"drive\" \\ way",mac="b0:c5:54:25:5b:0e"} 3"#,
    r#"camfence_camera_networks{camera="the \"drive\" \\ way",mac="b0:c5:54:25:5b:0e"} 5"#,
    r#"camfence_camera_new_countries_total{camera="the \"drive\" \\ way",mac="b0:c5:54:25:5b:0e"} 1"#,
    r#"camfence_camera_new_networks_total{camera="the \"drive\" \\ way",mac="b0:c5:54:25:5b:0e"} 2"#,
    r#"camfence_camera_new_networks_total{camera="silent",mac="b0:c5:54:25:5b:0f"} 0"#,
    r#"camfence_destination_packets_total{camera="silent",mac="b0:c5:54:25:5b:0f",direction="outbound",destination="203.0.113.7",protocol="udp",port="10240",verdict="drop",reason="not-local"} 45"#,
    r#"camfence_destination_bytes_total{camera="silent",mac="b0:c5:54:25:5b:0f",direction="outbound",destination="198.51.100.7",protocol="icmp",port="",verdict="pass",reason="opened"} 6681"#,
    "camfence_history_bytes 1589248",
    "camfence_history_written_timestamp_seconds 1795219200.5",
    "camfence_history_errors_total 7",
    r#"camfence_packets_total{camera="the \"drive\" \\ way",mac="b0:c5:54:25:5b:0e",direction="outbound",verdict="drop",reason="not-local"} 45"#,
    r#"camfence_bytes_total{camera="the \"drive\" \\ way",mac="b0:c5:54:25:5b:0e",direction="inbound",verdict="pass",reason="local"} 18446744073709551615"#,
    r#"camfence_packets_total{camera="",mac="b0:c5:54:25:5b:10",direction="inbound",verdict="pass",reason="local"} 7"#,
    r#"camfence_unknown_packets_total{interface="port1",direction="outbound",verdict="drop",reason="sealed"} 3"#,
    r#"camfence_unknown_bytes_total{interface="port1",direction="outbound",verdict="drop",reason="sealed"} 180"#,
    r#"camfence_camera_audit{camera="silent",mac="b0:c5:54:25:5b:0f"} 1"#,
    r#"camfence_camera_audit{camera="",mac="b0:c5:54:25:5b:10"} 0"#,
    r#"camfence_camera_open_seconds{camera="silent",mac="b0:c5:54:25:5b:0f"} 2"#,
    r#"camfence_enforcing{interface="port1",direction="outbound",hook="xdp",mode="native"} 1"#,
    r#"camfence_enforcing{interface="port1",direction="inbound",hook="tc",mode="tcx"} 1"#,
    r#"camfence_enforcing{interface="gone",direction="outbound",hook="",mode=""} 0"#,
    r#"camfence_events_total{kind="first-contact"} 5"#,
    r#"camfence_events_lost_total{kind="first-contact"} 7"#,
    r#"camfence_camera_first_contacts_total{camera="silent"} 3"#,
    r#"camfence_unknown_sources_total{interface="port1"} 2"#,
    r#"camfence_unfenced_seconds_total{interface="port1"} 1.25"#,
    concat!("camfence_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
];

#[test]
fn both_formats_have_every_sample() {
    for format in [Format::OpenMetrics, Format::Text] {
        let text = encoded(format);
        for sample in SAMPLES {
            assert!(text.lines().any(|line| line == *sample), "{sample}\n{text}");
        }
    }
}

#[test]
fn what_never_happened_has_no_series() {
    let text = encoded(Format::OpenMetrics);
    assert_eq!(text.matches("camfence_packets_total{").count(), 4, "{text}");
    assert!(!text.contains("camfence_packets_total{camera=\"silent\""), "{text}");
    assert_eq!(text.matches("camfence_camera_open_seconds{").count(), 1, "{text}");
    assert_eq!(text.matches("camfence_camera_audit{").count(), 3, "{text}");
    assert_eq!(text.matches("camfence_destination_bytes_total{").count(), 2, "{text}");
}

#[test]
fn nothing_is_enforced_where_all_that_is_judged_is_audited() {
    let with = |cameras, strangers| {
        let mut standing = standing();
        standing.cameras.values_mut().for_each(|camera| camera.mode = cameras);
        for port in standing.ports.iter_mut().filter_map(|port| port.strangers.as_mut()) {
            port.live.mode = strangers;
        }
        standing
    };
    assert_eq!(enforcing(with(Mode::Audit, Mode::Audit)), 0);
    assert_eq!(enforcing(with(Mode::Audit, Mode::Enforce)), 2, "a seal drops");
    assert_eq!(enforcing(with(Mode::Enforce, Mode::Audit)), 2);
    let mut doubted = with(Mode::Enforce, Mode::Enforce);
    doubted.ports[0].inbound.doubt = Some("a frame that has to be dropped passed".into());
    assert_eq!(enforcing(doubted), 1, "the canary passed");
    let mut none = with(Mode::Audit, Mode::Audit);
    none.cameras.clear();
    assert_eq!(enforcing(none), 0, "strangers alone");
}

/// How many series say that the fence enforces; there are four.
fn enforcing(standing: Standing) -> usize {
    let text = text_of(standing, Format::Text);
    let series = text.lines().filter(|line| line.starts_with("camfence_enforcing{"));
    let values: Vec<bool> = series.map(|line| line.ends_with(" 1")).collect();
    assert_eq!(values.len(), 4, "{text}");
    values.into_iter().filter(|on| *on).count()
}

#[test]
fn what_is_not_known_has_no_series() {
    let config = Config::parse(Path::new("camfence.toml"), CONFIG).unwrap();
    let (unfenced, history) = (BTreeMap::new(), Status::default());
    let snapshot = Snapshot::new(&config, standing(), unfenced, counts(), history, Vec::new());
    let text = snapshot.encode(Format::Text).unwrap();
    for absent in ["countries", "networks", "history_bytes", "history_written"] {
        assert!(!text.contains(absent), "{absent}: {text}");
    }
    assert!(text.contains("\ncamfence_history_errors_total 0\n"), "{text}");
}

#[test]
fn a_counter_is_called_as_its_format_wants() {
    let open_metrics = encoded(Format::OpenMetrics);
    assert!(open_metrics.contains("# TYPE camfence_packets counter\n"), "{open_metrics}");
    assert!(open_metrics.ends_with("\n# EOF\n"), "{open_metrics}");
    let text = encoded(Format::Text);
    assert!(text.contains("# TYPE camfence_packets_total counter\n"), "{text}");
    assert!(text.contains("# HELP camfence_bytes_total Bytes of"), "{text}");
    assert!(text.contains("# TYPE camfence_unknown_bytes_total counter\n"), "{text}");
    assert!(text.contains("# TYPE camfence_destination_bytes_total counter\n"), "{text}");
    assert!(text.contains("# TYPE camfence_enforcing gauge\n"), "{text}");
    assert!(!text.contains("EOF"), "{text}");
}

#[test]
fn the_documentation_has_every_metric_and_no_other() {
    let page = include_str!("../../../../docs/operations.md");
    let text = encoded(Format::Text);
    let families = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let families: Vec<_> = families.filter_map(|line| line.split(' ').next()).collect();
    for family in &families {
        assert!(page.contains(&format!("`{family}`")), "{family} is not in docs/operations.md");
    }
    let rows = page.lines().filter(|line| line.starts_with("| `camfence_"));
    let named = rows.filter_map(|row| row.split('|').nth(1)).flat_map(|cell| cell.split(", "));
    for name in named.map(|name| name.trim().trim_matches('`')) {
        assert!(families.contains(&name), "there is no {name}");
    }
}
