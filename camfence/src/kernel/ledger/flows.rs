//! The flows of a ledger, in as little memory as there can be.

use std::slice;

use camfence_common::flow::{Flow, FlowKey};

/// Flows in the order of their keys, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flows(Vec<(FlowKey, Flow)>);

impl Flows {
    /// What was counted of a flow, and at which place of the order it is.
    pub fn find(&self, key: &FlowKey) -> Option<(usize, &Flow)> {
        let place = self.0.binary_search_by_key(key, |(key, _)| *key).ok()?;
        self.0.get(place).map(|(_, flow)| (place, flow))
    }

    /// The flows.
    pub fn iter(&self) -> Iter<'_> {
        self.into_iter()
    }

    /// Their keys.
    pub fn keys(&self) -> impl Iterator<Item = &FlowKey> {
        self.iter().map(|(key, _)| key)
    }

    /// How many they are.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Of several with one key, the sum.
impl FromIterator<(FlowKey, Flow)> for Flows {
    fn from_iter<I: IntoIterator<Item = (FlowKey, Flow)>>(flows: I) -> Self {
        let mut flows: Vec<_> = flows.into_iter().collect();
        flows.sort_unstable_by_key(|(key, _)| *key);
        flows.dedup_by(|(key, flow), (before, sum)| {
            let is_same = key == before;
            if is_same {
                sum.join(flow);
            }
            is_same
        });
        Self(flows)
    }
}

impl IntoIterator for Flows {
    type Item = (FlowKey, Flow);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// Flows, one after the other.
pub type Iter<'a> =
    std::iter::Map<slice::Iter<'a, (FlowKey, Flow)>, fn(&(FlowKey, Flow)) -> (&FlowKey, &Flow)>;

impl<'a> IntoIterator for &'a Flows {
    type Item = (&'a FlowKey, &'a Flow);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.0.iter().map(|(key, flow)| (key, flow))
    }
}

#[cfg(test)]
impl Flows {
    /// Adds what was counted of a flow.
    pub(crate) fn add(&mut self, key: FlowKey, flow: Flow) {
        match self.0.binary_search_by_key(&key, |(key, _)| *key) {
            Ok(place) => self.0[place].1.join(&flow),
            Err(place) => self.0.insert(place, (key, flow)),
        }
    }

    /// Forgets a flow.
    pub(crate) fn remove(&mut self, key: &FlowKey) {
        self.0.retain(|(known, _)| known != key);
    }

    /// Forgets all flows.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use camfence_common::{
        abi::Tally,
        mac::Mac,
        reason::{Direction, Reason},
    };

    use super::*;

    fn key(peer: u8) -> FlowKey {
        let peer = IpAddr::from([192, 0, 2, peer]);
        FlowKey::new(
            Mac([2, 0, 0, 0, 0, 1]),
            Direction::Outbound,
            peer,
            (17, 10_240),
            Reason::NotLocal,
        )
    }

    fn flow(first: u64, last: u64) -> Flow {
        Flow { first, last, tally: Tally { packets: 1, bytes: 60 } }
    }

    #[test]
    fn each_is_there_once_with_the_sum() {
        let keys = [9, 7, 8].map(key);
        let [later, twice, _] = keys;
        let all = [(later, flow(1, 2)), (twice, flow(5, 6)), (twice, flow(3, 9))];
        let flows: Flows = all.into_iter().collect();
        let mut sorted = [later, twice];
        sorted.sort();
        assert!(flows.keys().eq(&sorted));
        let tally = Tally { packets: 2, bytes: 120 };
        assert_eq!(flows.find(&twice), Some((0, &Flow { first: 3, last: 9, tally })));
        assert_eq!(flows.find(&keys[2]), None);
    }
}
