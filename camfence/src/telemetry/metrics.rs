//! What dashboards see: the counters, and what enforces them.

use std::{collections::BTreeMap, fmt};

use camfence_common::{
    abi::Tally,
    mac::Mac,
    reason::{Direction, Effect, Reason},
};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text},
    metrics::MetricType,
    registry::Registry,
};

use crate::{
    config::Config,
    fence::{PortState, Standing},
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

/// What the kernel said of the fence at one moment.
#[derive(Debug)]
pub struct Snapshot {
    counts: Vec<Count>,
    ports: Vec<PortState>,
}

/// What was counted of one camera, in one direction, for one reason.
#[derive(Debug)]
struct Count {
    camera: String,
    mac: String,
    direction: Direction,
    reason: Reason,
    tally: Tally,
}

impl Snapshot {
    /// What was read, with the names of a configuration.
    pub fn new(config: &Config, standing: Standing) -> Self {
        let names: BTreeMap<Mac, &str> =
            config.cameras.iter().map(|camera| (camera.mac, camera.name.as_str())).collect();
        let mut counts = Vec::new();
        for (mac, live) in &standing.cameras {
            // Empty, which is as good as no label, if the configuration no longer has it.
            let name = names.get(mac).copied().unwrap_or_default();
            for direction in Direction::ALL {
                for reason in Reason::ALL {
                    let tally = live.counters.by[direction.index()][reason.index()];
                    if !tally.is_zero() {
                        let (camera, mac) = (name.to_owned(), mac.to_string());
                        counts.push(Count { camera, mac, direction, reason, tally });
                    }
                }
            }
        }
        Self { counts, ports: standing.ports }
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

    fn encode_counts(
        &self,
        mut family: MetricEncoder<'_>,
        value: impl Fn(&Tally) -> u64,
    ) -> fmt::Result {
        for count in &self.counts {
            let labels = [
                ("camera", count.camera.as_str()),
                ("mac", count.mac.as_str()),
                ("direction", count.direction.name()),
                ("verdict", verdict(count.reason)),
                ("reason", count.reason.name()),
            ];
            let value = value(&count.tally);
            family.encode_family(&labels)?.encode_counter::<NoLabelSet, u64, u64>(&value, None)?;
        }
        Ok(())
    }

    fn encode_enforcing(&self, mut family: MetricEncoder<'_>) -> fmt::Result {
        for port in &self.ports {
            for direction in Direction::ALL {
                let attached = match direction {
                    Direction::Outbound => port.outbound,
                    Direction::Inbound => port.inbound,
                };
                let labels = [
                    ("interface", port.name.as_str()),
                    ("direction", direction.name()),
                    ("hook", attached.map_or("", |attached| attached.hook.name())),
                    ("mode", attached.map_or("", |attached| attached.mode.name())),
                ];
                family.encode_family(&labels)?.encode_gauge(&u32::from(attached.is_some()))?;
            }
        }
        Ok(())
    }
}

impl Collector for Snapshot {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        use MetricType::{Counter, Gauge};

        let [packets, bytes] = COUNTERS;
        let help = "Frames of a camera that were judged.";
        let family = encoder.encode_descriptor(packets, help, None, Counter)?;
        self.encode_counts(family, |tally| tally.packets)?;
        let help = "Bytes of a camera's frames that were judged, without FCS.";
        let family = encoder.encode_descriptor(bytes, help, None, Counter)?;
        self.encode_counts(family, |tally| tally.bytes)?;
        let help = "Whether the kernel judges a port's frames in a direction, and where.";
        self.encode_enforcing(encoder.encode_descriptor(ENFORCING, help, None, Gauge)?)?;
        let help = "The version of camfence; always 1.";
        encoder
            .encode_descriptor("camfence_build_info", help, None, Gauge)?
            .encode_family(&[("version", env!("CARGO_PKG_VERSION"))])?
            .encode_gauge(&1_u32)
    }
}

const ENFORCING: &str = "camfence_enforcing";

/// The counter families: what `OpenMetrics` calls them. Their samples end in `_total`.
const COUNTERS: [&str; 2] = ["camfence_packets", "camfence_bytes"];

/// `OpenMetrics` as the older format has it: a counter is called what its samples are called.
fn with_sample_names(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len());
    for line in open_metrics.lines() {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        match words[..] {
            ["#", keyword, family, rest] if COUNTERS.contains(&family) => {
                text.extend(["# ", keyword, " ", family, "_total ", rest]);
            }
            _ => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

const fn verdict(reason: Reason) -> &'static str {
    match reason.effect() {
        Effect::Pass => "pass",
        Effect::Drop => "drop",
    }
}

#[cfg(test)]
mod tests;
