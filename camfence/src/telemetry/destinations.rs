//! The destinations that have series among the metrics: few, and mostly the same.
//!
//! Cameras choose whom they talk to, so they would choose how many series there are. A destination
//! that has one keeps it; of the others, one an hour may take the place of one that is not tried any more.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    time::Duration,
};

use camfence_common::{
    abi::Tally,
    flow::{Flow, FlowKey},
    mac::Mac,
    reason::{Effect, Reason},
    wire::extension::Protocol,
};
use prometheus_client::{
    encoding::{DescriptorEncoder, NoLabelSet},
    metrics::MetricType,
};

use super::ledger::Service;
use crate::{
    history::books::{FlowBase, new_packets},
    kernel::ledger::Flows,
};

/// Destinations of a camera that have series.
pub const MOST_OF_A_CAMERA: usize = 16;

/// Destinations of all cameras that have series.
pub const MOST: usize = 1_024;

/// How long a camera's places are with those that have them, after one was taken.
const KEPT: Duration = Duration::from_hours(1);

/// What the families are called; their samples end in `_total`.
pub(super) const FAMILIES: [&str; 2] =
    ["camfence_destination_packets", "camfence_destination_bytes"];

/// The frames and bytes of a destination that has series.
pub type Counted = (FlowKey, Tally);

/// The destinations that have series.
#[derive(Debug, Default)]
pub struct Destinations {
    cameras: BTreeMap<Mac, Places>,
    /// When the ledger was read last: nanoseconds of its clock.
    read: u64,
}

/// Those of a camera.
#[derive(Debug, Default)]
struct Places {
    taken: BTreeMap<FlowKey, Place>,
    /// When a place was taken last, on the ledger's clock.
    changed: Duration,
}

/// A destination that has series.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// When it was seen last: nanoseconds of the ledger's clock.
    last: u64,
    /// What its series say. It only grows.
    sum: Tally,
    /// What the ledger had of it, which it may evict and begin anew.
    base: FlowBase,
}

/// What a ledger has of a camera.
#[derive(Debug, Default)]
struct Outside {
    /// Flows that have a place.
    known: HashMap<FlowKey, Flow>,
    /// Those that have none, which can be very many, some in pieces; left out while there is no place for
    /// another.
    others: Vec<(FlowKey, Flow)>,
}

impl Destinations {
    /// Adds what a ledger has, which was read at a time of its clock, for the cameras that are registered.
    pub fn add(&mut self, flows: &Flows, cameras: &BTreeSet<Mac>, clock: Duration) {
        let most = most_of_each(cameras.len());
        self.cameras.retain(|mac, _| cameras.contains(mac));
        for mac in cameras {
            self.cameras.entry(*mac).or_default().shorten(most);
        }
        let mut free = MOST - self.cameras.values().map(|places| places.taken.len()).sum::<usize>();
        for (mac, outside) in self.outside(flows, most, clock) {
            let Some(places) = self.cameras.get_mut(&mac) else { continue };
            places.count(&outside.known, self.read);
            let before = places.taken.len();
            places.let_in(outside.others, most.min(before + free), clock);
            free -= places.taken.len() - before;
        }
        self.read = u64::try_from(clock.as_nanos()).unwrap_or(u64::MAX);
    }

    /// The flows of each camera that are judged by where they go, as series count them.
    fn outside(&self, flows: &Flows, most: usize, clock: Duration) -> BTreeMap<Mac, Outside> {
        let mut cameras = BTreeMap::<Mac, Outside>::new();
        for (key, flow) in flows {
            let Some(key) = series_key(key) else { continue };
            let Some(places) = self.cameras.get(&key.mac()) else { continue };
            let of_camera = cameras.entry(key.mac()).or_default();
            if places.taken.contains_key(&key) {
                let known = of_camera.known.entry(key);
                known.and_modify(|known| known.join(flow)).or_insert(*flow);
            } else if places.may_change(most, clock) {
                of_camera.others.push((key, *flow));
            }
        }
        cameras
    }

    /// What the series say.
    pub fn counted(&self) -> Vec<Counted> {
        let places = self.cameras.values().flat_map(|places| &places.taken);
        places.map(|(key, place)| (*key, place.sum)).collect()
    }
}

impl Places {
    /// Counts what came of flows that have a place since the ledger was read.
    fn count(&mut self, flows: &HashMap<FlowKey, Flow>, read: u64) {
        for (key, place) in &mut self.taken {
            let Some(flow) = flows.get(key) else { continue };
            let (new, base) = new_packets(flow, Some(place.base), read);
            place.sum.add(new);
            place.base = base;
            place.last = place.last.max(flow.last);
        }
    }

    /// Gives free places, up to so many, to those of the others with the most frames. Without one, the
    /// first that was seen later takes the place of the one that was seen least recently.
    fn let_in(&mut self, others: Vec<(FlowKey, Flow)>, most: usize, clock: Duration) {
        if others.is_empty() || !self.may_change(most, clock) {
            return;
        }
        let free = most.saturating_sub(self.taken.len());
        // The pieces of one become one.
        let mut others: Vec<_> = Flows::from_iter(others).into_iter().collect();
        let rank = |(key, flow): &(FlowKey, Flow)| (Reverse(flow.tally.packets), *key);
        if free > 0 {
            if others.len() > free {
                others.select_nth_unstable_by_key(free, rank);
                others.truncate(free);
            }
            self.taken.extend(others.into_iter().map(|(key, flow)| (key, flow.into())));
            self.changed = clock;
            return;
        }
        let Some((oldest, last)) = self.oldest() else { return };
        let later = others.into_iter().filter(|(_, flow)| flow.last > last);
        if let Some((key, flow)) = later.min_by_key(rank) {
            self.taken.remove(&oldest);
            self.taken.insert(key, flow.into());
            self.changed = clock;
        }
    }

    /// Whether there is a place for another.
    fn may_change(&self, most: usize, clock: Duration) -> bool {
        self.taken.len() < most || clock.saturating_sub(self.changed) >= KEPT
    }

    /// Leaves no more than so many, those seen last.
    fn shorten(&mut self, most: usize) {
        while self.taken.len() > most
            && let Some((oldest, _)) = self.oldest()
        {
            self.taken.remove(&oldest);
        }
    }

    /// Which was seen least recently, and when.
    fn oldest(&self) -> Option<(FlowKey, u64)> {
        let places = self.taken.iter().map(|(key, place)| (*key, place.last));
        places.min_by_key(|(key, last)| (*last, *key))
    }
}

impl From<Flow> for Place {
    fn from(flow: Flow) -> Self {
        Self { last: flow.last, sum: flow.tally, base: (&flow).into() }
    }
}

/// How many destinations each camera may have, so that none is left without.
fn most_of_each(cameras: usize) -> usize {
    (MOST / cameras.max(1)).clamp(1, MOST_OF_A_CAMERA)
}

const fn is_told(reason: Reason) -> bool {
    matches!(reason.effect(), Effect::Drop) || matches!(reason, Reason::Allowed | Reason::Opened)
}

/// What flows have in common that are counted by one series: of what has no ports, the number there
/// instead is left out. None if they have none.
fn series_key(key: &FlowKey) -> Option<FlowKey> {
    let reason = key.reason().filter(|reason| is_told(*reason))?;
    let has_ports = matches!(Protocol(key.protocol()), Protocol::TCP | Protocol::UDP);
    if has_ports {
        return Some(*key);
    }
    Some(FlowKey::new(key.mac(), key.direction(), key.peer(), (key.protocol(), 0), reason))
}

/// Writes the series of those cameras that have a name.
pub(super) fn encode(
    encoder: &mut DescriptorEncoder<'_>,
    counted: &[Counted],
    names: &BTreeMap<Mac, String>,
) -> fmt::Result {
    let [packets, bytes] = FAMILIES;
    let help = "Frames of a camera to or from an address outside, those that have a series.";
    encode_family(encoder, (packets, help), counted, names, |tally| tally.packets)?;
    let help = "Bytes of a camera to or from an address outside, those that have a series.";
    encode_family(encoder, (bytes, help), counted, names, |tally| tally.bytes)
}

fn encode_family(
    encoder: &mut DescriptorEncoder<'_>,
    (family, help): (&str, &str),
    counted: &[Counted],
    names: &BTreeMap<Mac, String>,
    value: impl Fn(&Tally) -> u64,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(family, help, None, MetricType::Counter)?;
    for (key, tally) in counted {
        let (Some(name), Some(reason)) = (names.get(&key.mac()), key.reason()) else { continue };
        let service = Service::of(key);
        let (mac, peer) = (key.mac().to_string(), key.peer().to_string());
        let port = service.port.map(|port| port.to_string()).unwrap_or_default();
        let labels = [
            ("camera", name.as_str()),
            ("mac", &mac),
            ("direction", key.direction().name()),
            ("destination", &peer),
            ("protocol", &service.protocol),
            ("port", &port),
            ("verdict", reason.effect().name()),
            ("reason", reason.name()),
        ];
        let mut series = family.encode_family(&labels)?;
        series.encode_counter::<NoLabelSet, u64, u64>(&value(tally), None)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
