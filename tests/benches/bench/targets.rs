//! What camfence is to reach, all in one place.

use camfence_tests::measure::Summary;

use crate::packet::{HIT, MISS, PLAIN};
use crate::report::{Part, Row};
use crate::wire::throughput::UNFENCED;

/// What one measurement is to reach.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    /// The part that measures it, and the name of the row.
    pub(crate) of: (&'static str, &'static str),
    /// Of which of its ratios. None: the figure itself is judged.
    pub(crate) base: Option<&'static str>,
    pub(crate) bound: Bound,
}

/// How much it may or has to be; of figures, in their unit.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

/// A target and what was measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Judged {
    pub(crate) target: Target,
    /// None if it was not measured in this run.
    pub(crate) measured: Option<Summary>,
}

use Bound::{AtLeast, AtMost};

/// The targets.
pub(crate) const TARGETS: &[Target] = &[
    packet("XDP bystander", MISS, 0.6),
    packet("XDP local IPv4", HIT, 0.9),
    packet("XDP local IPv6", HIT, 0.9),
    packet("XDP local tagged", HIT, 0.9),
    packet("XDP dropped IPv4", HIT, 1.2),
    packet("XDP dropped IPv6", HIT, 1.4),
    packet("XDP dropped tagged", HIT, 1.4),
    packet("XDP dropped IPv4, 64 allowances to others", HIT, 1.4),
    packet("XDP dropped IPv4, 64 allowances to any", HIT, 1.4),
    packet("XDP bystander, 65,536 cameras", PLAIN, 1.15),
    packet("XDP local IPv4, 65,536 cameras", PLAIN, 1.15),
    packet("XDP dropped IPv4, 65,536 cameras", PLAIN, 1.15),
    packet("bpftool: XDP bystander", MISS, 0.6),
    packet("bpftool: XDP local IPv4", HIT, 0.9),
    packet("bpftool: XDP local IPv6", HIT, 0.9),
    packet("bpftool: XDP local tagged", HIT, 0.9),
    packet("bpftool: XDP dropped IPv4", HIT, 1.2),
    packet("bpftool: XDP dropped IPv6", HIT, 1.4),
    packet("bpftool: XDP dropped tagged", HIT, 1.4),
    wire("veth", "camfence XDP, 1,000 cameras", "drop only", 0.75),
    wire("veth", "camfence XDP, 1,000 cameras", "nft netdev", 3.5),
    wire("veth", "camfence XDP, 1,000 cameras", "xdp-filter", 1.0),
    wire("veth", "camfence TC, 1,000 cameras", "nft netdev", 1.2),
    live("add by socket, 100 cameras, p99", 5.0),
    live("65,536 cameras, reload from one", 1000.0),
    wire("throughput", "fenced, hook auto", UNFENCED, 0.97),
    userspace("scrape, 10,000 cameras (ms)", 100.0),
    userspace("what scrapes leave (MiB)", 4.0),
    userspace("idle (MiB)", 16.0),
    userspace("flood, most (MiB)", 64.0),
    userspace("flood, ledger of 100,000, most (MiB)", 64.0),
    userspace("idle (% of a CPU)", 0.1),
];

/// A target for a figure of the daemon's.
const fn userspace(row: &'static str, bound: f64) -> Target {
    Target { of: ("userspace", row), base: None, bound: AtMost(bound) }
}

/// A target for the time of a frame, as a multiple of another's.
const fn packet(row: &'static str, base: &'static str, bound: f64) -> Target {
    Target { of: ("packet", row), base: Some(base), bound: AtMost(bound) }
}

/// A target for what is carried or dropped in a second, as a multiple of another's.
const fn wire(part: &'static str, row: &'static str, base: &'static str, bound: f64) -> Target {
    Target { of: (part, row), base: Some(base), bound: AtLeast(bound) }
}

/// A target for what a change takes, in milliseconds.
const fn live(row: &'static str, bound: f64) -> Target {
    Target { of: ("live", row), base: None, bound: AtMost(bound) }
}

/// Judges what was measured.
pub(crate) fn judge(parts: &[Part]) -> Vec<Judged> {
    TARGETS.iter().map(|&target| Judged { target, measured: measured(parts, target) }).collect()
}

fn measured(parts: &[Part], target: Target) -> Option<Summary> {
    let (part, name) = target.of;
    let part = parts.iter().find(|p| p.name == part)?;
    let row: &Row = part.rows().find(|row| row.series.name == name)?;
    match target.base {
        None => Some(row.series.summary()),
        Some(base) => Some(row.ratios.iter().find(|(of, _)| of == base)?.1),
    }
}

impl Judged {
    /// Whether it is reached; none if it was not measured.
    pub(crate) fn met(&self) -> Option<bool> {
        let median = self.measured?.median;
        Some(match self.target.bound {
            AtMost(bound) => median <= bound,
            AtLeast(bound) => median >= bound,
        })
    }
}
