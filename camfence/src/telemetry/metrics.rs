//! What dashboards see: the counters, and what enforces them.

use std::{collections::BTreeMap, fmt, time::Duration};

use camfence_common::{
    abi::Tally,
    mac::Mac,
    reason::{Direction, Reason},
};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text},
    metrics::MetricType,
    registry::Registry,
};

use super::{
    destinations::{self, Counted},
    now::Now,
    report::seconds,
};
use crate::{
    config::{Config, Mode},
    events::hub::Counts,
    fence::{LiveCamera, Standing},
    history::{reach::Reached, writer::Status},
};

/// How metrics are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `OpenMetrics` 1.0.
    OpenMetrics,
    /// Prometheus' older text format, 0.0.4.
    Text,
}

impl Format {
    /// The media type.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// What the kernel said of the fence at one moment, with the names of a configuration.
#[derive(Debug)]
pub struct Snapshot {
    names: BTreeMap<Mac, String>,
    standing: Standing,
    unfenced: BTreeMap<String, Duration>,
    now: Now,
    counts: Counts,
    history: Status,
    destinations: Vec<Counted>,
}

/// Labels, and what the kernel says of whom they name.
type Of<'a> = (Vec<(&'static str, &'a str)>, &'a LiveCamera);

impl Snapshot {
    /// What was read, with the names of a configuration, for how long ports were not enforcing, and what
    /// of events, of the history and of destinations is to be told.
    pub fn new(
        config: &Config,
        standing: Standing,
        unfenced: BTreeMap<String, Duration>,
        counts: Counts,
        history: Status,
        destinations: Vec<Counted>,
    ) -> Self {
        let names = config.cameras.iter().map(|camera| (camera.mac, camera.name.clone()));
        Self {
            names: names.collect(),
            standing,
            unfenced,
            now: Now::awake(),
            counts,
            history,
            destinations,
        }
    }

    /// The text for a scrape.
    pub fn encode(self, format: Format) -> Result<String, fmt::Error> {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut text = String::new();
        text::encode_registry(&mut text, &registry)?;
        match format {
            Format::OpenMetrics => {
                text::encode_eof(&mut text)?;
                Ok(text)
            }
            Format::Text => Ok(with_sample_names(&text)),
        }
    }

    /// The labels of each camera, and what the kernel says of it.
    fn cameras<'a>(&'a self, macs: &'a [String]) -> Vec<Of<'a>> {
        let cameras = macs.iter().zip(&self.standing.cameras).map(|(text, (mac, live))| {
            // Empty, which is as good as no label, if the configuration no longer has it.
            let name = self.names.get(mac).map_or("", String::as_str);
            (vec![("camera", name), ("mac", text)], live)
        });
        cameras.collect()
    }

    /// The labels of each port that has a policy for unknown sources, and what the kernel says of
    /// those.
    fn strangers(&self) -> Vec<Of<'_>> {
        let ports = self.standing.ports.iter().filter_map(|port| {
            let live = &port.strangers.as_ref()?.live;
            Some((vec![("interface", port.name.as_str())], live))
        });
        ports.collect()
    }

    fn encode_enforcing(&self, mut family: MetricEncoder<'_>) -> fmt::Result {
        for port in &self.standing.ports {
            for direction in Direction::ALL {
                let attached = port.attached(direction);
                let labels = [
                    ("interface", port.name.as_str()),
                    ("direction", direction.name()),
                    ("hook", attached.map_or("", |attached| attached.hook.name())),
                    ("mode", attached.map_or("", |attached| attached.mode.name())),
                ];
                let enforcing = self.standing.is_enforcing_in(port, direction);
                family.encode_family(&labels)?.encode_gauge(&u32::from(enforcing))?;
            }
        }
        Ok(())
    }
}

impl Snapshot {
    fn encode_last_seen(&self, mut family: MetricEncoder<'_>, cameras: &[Of<'_>]) -> fmt::Result {
        for (labels, live) in cameras {
            // One that the configuration no longer has has no name to be told by.
            let named = labels.iter().find(|(label, name)| *label == "camera" && !name.is_empty());
            let (Some(name), Some(moment)) = (named, live.last_seen) else { continue };
            let seen = self.now.moment(moment).as_secs_f64();
            family.encode_family(&[*name])?.encode_gauge(&seen)?;
        }
        Ok(())
    }

    fn encode_events(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let [.., told, lost, contacts, strangers] = COUNTERS;
        let counts = &self.counts;
        let help = "Events that were told, since camfence run started.";
        let events = counts.told.iter().map(|(kind, count)| (kind.name(), *count));
        encode_each(encoder, (told, help), "kind", events)?;
        let help = "Events that were not told: too many at once, or a reader too slow.";
        let events = counts.lost.iter().map(|(kind, count)| (kind.as_str(), *count));
        encode_each(encoder, (lost, help), "kind", events)?;
        let help =
            "Peers, protocols and ports that a camera talked to, or tried to, for the first time.";
        let name = |(mac, count): (&Mac, &u64)| Some((self.names.get(mac)?.as_str(), *count));
        encode_each(encoder, (contacts, help), "camera", counts.contacts.iter().filter_map(name))?;
        let help = "Unknown sources that were seen for the first time.";
        let ports = counts.strangers.iter().map(|(port, count)| (port.as_str(), *count));
        encode_each(encoder, (strangers, help), "interface", ports)
    }

    fn encode_unfenced(&self, mut family: MetricEncoder<'_>) -> fmt::Result {
        for (port, time) in &self.unfenced {
            let labels = [("interface", port.as_str())];
            let mut series = family.encode_family(&labels)?;
            series.encode_counter::<NoLabelSet, f64, u64>(&time.as_secs_f64(), None)?;
        }
        Ok(())
    }
}

impl Collector for Snapshot {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        use MetricType::{Counter, Gauge};

        let macs: Vec<String> = self.standing.cameras.keys().map(ToString::to_string).collect();
        let (cameras, strangers) = (self.cameras(&macs), self.strangers());
        let [packets, bytes, unknown_packets, unknown_bytes, unfenced, ..] = COUNTERS;

        let help = "Frames of a camera that were judged.";
        let family = encoder.encode_descriptor(packets, help, None, Counter)?;
        encode_counts(family, &cameras, |t| t.packets)?;
        let help = "Bytes of a camera's frames that were judged, without FCS.";
        let family = encoder.encode_descriptor(bytes, help, None, Counter)?;
        encode_counts(family, &cameras, |t| t.bytes)?;
        let help = "Frames of unknown sources on a port that has a policy for them.";
        let family = encoder.encode_descriptor(unknown_packets, help, None, Counter)?;
        encode_counts(family, &strangers, |t| t.packets)?;
        let help = "Bytes of frames of unknown sources on a port that has a policy for them.";
        let family = encoder.encode_descriptor(unknown_bytes, help, None, Counter)?;
        encode_counts(family, &strangers, |t| t.bytes)?;

        let help = "Whether a camera's verdicts are only counted: what would be dropped passes.";
        let audit = |live: &LiveCamera| Some(u64::from(live.mode == Mode::Audit));
        let family = encoder.encode_descriptor(AUDIT, help, None, Gauge)?;
        encode_gauges(family, &cameras, audit)?;
        let help = "How long the fence stays open for a camera; only while it is.";
        let open = |live: &LiveCamera| live.opened.map(seconds);
        let family = encoder.encode_descriptor(OPEN, help, None, Gauge)?;
        encode_gauges(family, &cameras, open)?;
        let help = "When a camera last sent something, in seconds since 1970-01-01 UTC.";
        let family = encoder.encode_descriptor(LAST_SEEN, help, None, Gauge)?;
        self.encode_last_seen(family, &cameras)?;

        let help = "Whether a port's frames are judged in a direction and verdicts carried out.";
        let family = encoder.encode_descriptor(ENFORCING, help, None, Gauge)?;
        self.encode_enforcing(family)?;
        let help = "How long a port was there and not enforcing, since camfence run started.";
        let family = encoder.encode_descriptor(unfenced, help, None, Counter)?;
        self.encode_unfenced(family)?;
        destinations::encode(&mut encoder, &self.destinations, &self.names)?;
        self.encode_events(&mut encoder)?;
        self.encode_reached(&mut encoder)?;
        self.encode_history(&mut encoder)?;
        let help = "The version of camfence; always 1.";
        encoder
            .encode_descriptor("camfence_build_info", help, None, Gauge)?
            .encode_family(&[("version", env!("CARGO_PKG_VERSION"))])?
            .encode_gauge(&1_u32)
    }
}

impl Snapshot {
    fn encode_reached(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let Status { has_countries, has_networks, .. } = self.history;
        if has_countries {
            let help = "Countries that a camera tried to reach, as far as the history goes.";
            let family = encoder.encode_descriptor(COUNTRIES, help, None, MetricType::Gauge)?;
            self.encode_each(family, |reached| Value::Now(reached.countries))?;
            let help =
                "Countries that a camera had not tried to reach, since camfence run started.";
            let family =
                encoder.encode_descriptor(NEW_COUNTRIES, help, None, MetricType::Counter)?;
            self.encode_each(family, |reached| Value::Sum(reached.new_countries))?;
        }
        if has_networks {
            let help = "Networks that a camera tried to reach, as far as the history goes.";
            let family = encoder.encode_descriptor(NETWORKS, help, None, MetricType::Gauge)?;
            self.encode_each(family, |reached| Value::Now(reached.networks))?;
            let help = "Networks that a camera had not tried to reach, since camfence run started.";
            let family =
                encoder.encode_descriptor(NEW_NETWORKS, help, None, MetricType::Counter)?;
            self.encode_each(family, |reached| Value::Sum(reached.new_networks))?;
        }
        Ok(())
    }

    /// A series for each registered camera.
    fn encode_each(
        &self,
        mut family: MetricEncoder<'_>,
        value: impl Fn(&Reached) -> Value,
    ) -> fmt::Result {
        for (mac, name) in &self.names {
            let reached = self.history.reached.get(mac).copied().unwrap_or_default();
            let mac = mac.to_string();
            let labels = [("camera", name.as_str()), ("mac", mac.as_str())];
            let mut series = family.encode_family(&labels)?;
            match value(&reached) {
                Value::Now(count) => series.encode_gauge(&(count as u64))?,
                Value::Sum(count) => series.encode_counter::<NoLabelSet, u64, u64>(&count, None)?,
            }
        }
        Ok(())
    }

    fn encode_history(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let Status { bytes, written, errors: failures, .. } = &self.history;
        if let Some(bytes) = bytes {
            let help = "Bytes of the history's database.";
            encoder
                .encode_descriptor(HISTORY_BYTES, help, None, MetricType::Gauge)?
                .encode_gauge(bytes)?;
        }
        if let Some(written) = written {
            let help = "When the history was up to date last, since 1970.";
            encoder
                .encode_descriptor(HISTORY_WRITTEN, help, None, MetricType::Gauge)?
                .encode_gauge(&written.as_secs_f64())?;
        }
        let help = "How often the history could not be written, since camfence run started.";
        encoder
            .encode_descriptor(HISTORY_ERRORS, help, None, MetricType::Counter)?
            .encode_counter::<NoLabelSet, u64, u64>(failures, None)
    }
}

/// What a series has.
enum Value {
    /// How many there are.
    Now(usize),
    /// How many there were.
    Sum(u64),
}

/// A series for each direction and reason that occurred.
fn encode_counts(
    mut family: MetricEncoder<'_>,
    whose: &[Of<'_>],
    value: impl Fn(&Tally) -> u64,
) -> fmt::Result {
    let mut labels = Vec::new();
    for (named, live) in whose {
        for direction in Direction::ALL {
            for reason in Reason::ALL {
                let tally = &live.counters.by[direction.index()][reason.index()];
                if tally.is_zero() {
                    continue;
                }
                labels.clone_from(named);
                labels.push(("direction", direction.name()));
                labels.push(("verdict", reason.effect().name()));
                labels.push(("reason", reason.name()));
                let mut series = family.encode_family(&labels)?;
                series.encode_counter::<NoLabelSet, u64, u64>(&value(tally), None)?;
            }
        }
    }
    Ok(())
}

/// A counter's series, each with one label.
fn encode_each<'a>(
    encoder: &mut DescriptorEncoder<'_>,
    (family, help): (&str, &str),
    label: &str,
    series: impl Iterator<Item = (&'a str, u64)>,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(family, help, None, MetricType::Counter)?;
    for (value, count) in series {
        let labels = [(label, value)];
        let mut series = family.encode_family(&labels)?;
        series.encode_counter::<NoLabelSet, u64, u64>(&count, None)?;
    }
    Ok(())
}

/// A series for each camera that has the gauge.
fn encode_gauges(
    mut family: MetricEncoder<'_>,
    cameras: &[Of<'_>],
    gauge: impl Fn(&LiveCamera) -> Option<u64>,
) -> fmt::Result {
    for (labels, live) in cameras {
        if let Some(value) = gauge(live) {
            family.encode_family(labels)?.encode_gauge(&value)?;
        }
    }
    Ok(())
}

const AUDIT: &str = "camfence_camera_audit";
const OPEN: &str = "camfence_camera_open_seconds";
const COUNTRIES: &str = "camfence_camera_countries";
const NETWORKS: &str = "camfence_camera_networks";
const NEW_COUNTRIES: &str = "camfence_camera_new_countries";
const NEW_NETWORKS: &str = "camfence_camera_new_networks";
const HISTORY_ERRORS: &str = "camfence_history_errors";
const HISTORY_BYTES: &str = "camfence_history_bytes";
const HISTORY_WRITTEN: &str = "camfence_history_written_timestamp_seconds";
const LAST_SEEN: &str = "camfence_camera_last_seen_timestamp_seconds";
const ENFORCING: &str = "camfence_enforcing";

/// The counter families but for those of destinations: what `OpenMetrics` calls them. Their samples end in `_total`.
const COUNTERS: [&str; 12] = [
    "camfence_packets",
    "camfence_bytes",
    "camfence_unknown_packets",
    "camfence_unknown_bytes",
    "camfence_unfenced_seconds",
    NEW_COUNTRIES,
    NEW_NETWORKS,
    HISTORY_ERRORS,
    "camfence_events",
    "camfence_events_lost",
    "camfence_camera_first_contacts",
    "camfence_unknown_sources",
];

fn is_counter(family: &str) -> bool {
    COUNTERS.contains(&family) || destinations::FAMILIES.contains(&family)
}

/// `OpenMetrics` as the older format has it: a counter is called what its samples are called.
fn with_sample_names(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len());
    for line in open_metrics.split_inclusive('\n') {
        match described(line) {
            Some((keyword, family, rest)) if is_counter(family) => {
                text.extend(["# ", keyword, " ", family, "_total ", rest]);
            }
            _ => text.push_str(line),
        }
    }
    text
}

/// What a line says of a family: the keyword, which family, and what follows. None if it is a sample.
fn described(line: &str) -> Option<(&str, &str, &str)> {
    let (keyword, described) = line.strip_prefix("# ")?.split_once(' ')?;
    let (family, rest) = described.split_once(' ')?;
    Some((keyword, family, rest))
}

#[cfg(test)]
mod tests;
