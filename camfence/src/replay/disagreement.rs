//! Kernel and host have to judge alike. If they do not, that is said, not hidden.

use std::{collections::BTreeMap, fmt};

use bytemuck::Zeroable as _;
use camfence_common::{
    abi::{CameraCounters, Subject, Tally},
    reason::{Direction, Reason},
};

/// What the kernel counted is not what the host would have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disagreement {
    /// The first frame of the replay, from 1, that one let pass and the other did not; none if they
    /// differ in reasons only.
    pub first: Option<u64>,
    /// Where the counters differ.
    pub differences: Vec<Difference>,
}

/// A counter that differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Difference {
    /// Whose it is.
    pub subject: Subject,
    /// Which way the frames go.
    pub direction: Direction,
    /// Why they pass or are dropped.
    pub reason: Reason,
    /// What the kernel counted.
    pub kernel: Tally,
    /// What the host would have.
    pub host: Tally,
}

impl Disagreement {
    pub(super) const HINT: &str =
        "this is a bug in camfence: the kernel's totals count; please report it with the capture";

    /// How two sets of counters differ; none if they do not.
    pub(super) fn between(
        kernel: &BTreeMap<Subject, CameraCounters>,
        host: &BTreeMap<Subject, CameraCounters>,
        first: Option<u64>,
    ) -> Option<Self> {
        let none = CameraCounters::zeroed();
        let only_host = host.keys().filter(|subject| !kernel.contains_key(subject));
        let mut differences = Vec::new();
        for &subject in kernel.keys().chain(only_host) {
            let of = |counters: &BTreeMap<Subject, CameraCounters>| {
                counters.get(&subject).copied().unwrap_or(none)
            };
            let (kernel, host) = (of(kernel), of(host));
            for (direction, reason) in cells() {
                let tally = |of: &CameraCounters| of.by[direction.index()][reason.index()];
                let (kernel, host) = (tally(&kernel), tally(&host));
                if kernel != host {
                    differences.push(Difference { subject, direction, reason, kernel, host });
                }
            }
        }
        let differ = first.is_some() || !differences.is_empty();
        differ.then_some(Self { first, differences })
    }
}

fn cells() -> impl Iterator<Item = (Direction, Reason)> {
    let reasons = |direction| Reason::ALL.into_iter().map(move |reason| (direction, reason));
    Direction::ALL.into_iter().flat_map(reasons)
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("internal error: the kernel and the host judged differently")?;
        if let Some(first) = self.first {
            write!(f, ", first at frame {first}")?;
        }
        self.differences.iter().try_for_each(|difference| write!(f, "; {difference}"))
    }
}

impl std::error::Error for Disagreement {}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subject, direction, reason, kernel, host } = self;
        match subject {
            Subject::Camera(mac) => write!(f, "{mac}")?,
            Subject::Strangers(_) => f.write_str("unknown sources")?,
        }
        write!(f, " {} {}: ", direction.name(), reason.name())?;
        write!(f, "kernel {} ({} B), ", kernel.packets, kernel.bytes)?;
        write!(f, "host {} ({} B)", host.packets, host.bytes)
    }
}

#[cfg(test)]
mod tests {
    use camfence_common::mac::Mac;

    use super::*;

    const CAM: Subject = Subject::Camera(Mac([2, 0, 0, 0, 0, 1]));

    fn counters(reason: Reason, packets: u64) -> BTreeMap<Subject, CameraCounters> {
        let mut counters = CameraCounters::zeroed();
        counters.by[0][reason.index()] = Tally { packets, bytes: 60 * packets };
        [(CAM, counters)].into()
    }

    #[test]
    fn equal_counters_are_no_disagreement() {
        let none = BTreeMap::new();
        let one = counters(Reason::Local, 1);
        assert_eq!(Disagreement::between(&one, &one, None), None);
        assert_eq!(Disagreement::between(&counters(Reason::Local, 0), &none, None), None);
    }

    #[test]
    fn every_counter_that_differs_is_said() {
        let (one, other) = (counters(Reason::Local, 2), counters(Reason::NotLocal, 1));
        let found = Disagreement::between(&one, &other, Some(7)).unwrap();
        assert_eq!(
            found.to_string(),
            "internal error: the kernel and the host judged differently, first at frame 7; \
             02:00:00:00:00:01 outbound local: kernel 2 (120 B), host 0 (0 B); \
             02:00:00:00:00:01 outbound not-local: kernel 0 (0 B), host 1 (60 B)"
        );
        assert!(Disagreement::between(&BTreeMap::new(), &other, None).is_some());
        assert!(Disagreement::between(&one, &one, Some(1)).is_some());
    }
}
