use std::{collections::BTreeMap, path::Path};

use camfence_common::abi::CameraCounters;

use super::*;
use crate::{
    config,
    fence::LiveCamera,
    policy::topology::{Attached, Mode, XdpMode},
};

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

fn standing() -> Standing {
    let silent = CameraCounters { by: [[Tally::default(); Reason::COUNT]; 2] };
    let mut counted = silent;
    let [outbound, inbound] = &mut counted.by;
    outbound[Reason::NotLocal.index()] = Tally { packets: 45, bytes: 6681 };
    inbound[Reason::Local.index()] = Tally { packets: 7, bytes: u64::MAX };
    let live = |counters| LiveCamera { counters, mode: config::Mode::Enforce, opened: None };
    let cameras = BTreeMap::from([
        ("b0:c5:54:25:5b:0e".parse().unwrap(), live(counted)),
        ("b0:c5:54:25:5b:0f".parse().unwrap(), live(silent)),
        ("b0:c5:54:25:5b:10".parse().unwrap(), live(counted)),
    ]);
    let port = |name: &str, outbound, inbound| PortState {
        name: name.into(),
        ifindex: None,
        outbound,
        inbound,
        strangers: None,
    };
    let outbound = Some(Attached::xdp(XdpMode::Native));
    let ports =
        vec![port("port1", outbound, Some(Attached::tc(Mode::Tcx))), port("gone", None, None)];
    Standing { ports, cameras }
}

fn encoded(format: Format) -> String {
    let config = Config::parse(Path::new("camfence.toml"), CONFIG).unwrap();
    Snapshot::new(&config, standing()).encode(format).unwrap()
}

const SAMPLES: &[&str] = &[
    r#"camfence_packets_total{camera="the \"drive\" \\ way",mac="b0:c5:54:25:5b:0e",direction="outbound",verdict="drop",reason="not-local"} 45"#,
    r#"camfence_bytes_total{camera="the \"drive\" \\ way",mac="b0:c5:54:25:5b:0e",direction="inbound",verdict="pass",reason="local"} 18446744073709551615"#,
    r#"camfence_packets_total{camera="",mac="b0:c5:54:25:5b:10",direction="inbound",verdict="pass",reason="local"} 7"#,
    r#"camfence_enforcing{interface="port1",direction="outbound",hook="xdp",mode="native"} 1"#,
    r#"camfence_enforcing{interface="port1",direction="inbound",hook="tc",mode="tcx"} 1"#,
    r#"camfence_enforcing{interface="gone",direction="outbound",hook="",mode=""} 0"#,
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
    assert!(!text.contains("silent"), "{text}");
}

#[test]
fn a_counter_is_called_as_its_format_wants() {
    let open_metrics = encoded(Format::OpenMetrics);
    assert!(open_metrics.contains("# TYPE camfence_packets counter\n"), "{open_metrics}");
    assert!(open_metrics.ends_with("\n# EOF\n"), "{open_metrics}");
    let text = encoded(Format::Text);
    assert!(text.contains("# TYPE camfence_packets_total counter\n"), "{text}");
    assert!(text.contains("# HELP camfence_bytes_total Bytes of"), "{text}");
    assert!(text.contains("# TYPE camfence_enforcing gauge\n"), "{text}");
    assert!(!text.contains("EOF"), "{text}");
}
