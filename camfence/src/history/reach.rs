//! The countries and networks that cameras tried to reach.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
};

use camfence_common::{flow::FlowKey, mac::Mac, reason::Direction};

use crate::{networks::Networks, printable::Printable};

/// Most countries that are known of a camera.
pub const MAX_COUNTRIES: usize = 256;

/// Most networks that are known of a camera.
pub const MAX_NETWORKS: usize = 4_096;

/// How many countries and networks a camera tried to reach.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reached {
    /// Countries, at most [`MAX_COUNTRIES`].
    pub countries: usize,
    /// Networks, at most [`MAX_NETWORKS`].
    pub networks: usize,
    /// Countries that came since the daemon started.
    pub new_countries: u64,
    /// Networks that came since the daemon started.
    pub new_networks: u64,
}

/// Where each camera tried to reach.
#[derive(Debug, Default)]
pub(super) struct Reach {
    cameras: BTreeMap<Mac, Known>,
}

#[derive(Debug, Default)]
struct Known {
    countries: BTreeSet<Printable>,
    networks: BTreeSet<u32>,
    new: [u64; 2],
}

impl Reach {
    /// Forgets where cameras were, but not how often they were somewhere new.
    pub(super) fn forget(&mut self) {
        for known in self.cameras.values_mut() {
            known.countries.clear();
            known.networks.clear();
        }
    }

    /// Knows of these cameras, and of no others.
    pub(super) fn keep(&mut self, registered: &[Mac]) {
        let mut cameras = mem::take(&mut self.cameras);
        let known = |mac: &Mac| (*mac, cameras.remove(mac).unwrap_or_default());
        self.cameras = registered.iter().map(known).collect();
    }

    /// Takes in a flow of a camera. What is new counts, unless it is only `learned`.
    pub(super) fn meet(&mut self, key: &FlowKey, networks: &Networks, learned: bool) {
        let Some(known) = self.cameras.get_mut(&key.mac()) else { return };
        if key.direction() != Direction::Outbound {
            return;
        }
        let found = networks.of(key.peer());
        let country = found.country.is_some_and(|country| {
            known.countries.len() < MAX_COUNTRIES && known.countries.insert(country)
        });
        let network = found.network.is_some_and(|network| {
            known.networks.len() < MAX_NETWORKS && known.networks.insert(network.asn)
        });
        if !learned {
            known.new[0] += u64::from(country);
            known.new[1] += u64::from(network);
        }
    }

    /// How many each camera tried to reach.
    pub(super) fn counts(&self) -> BTreeMap<Mac, Reached> {
        let counts = self.cameras.iter().map(|(mac, known)| {
            let [new_countries, new_networks] = known.new;
            let (countries, networks) = (known.countries.len(), known.networks.len());
            (*mac, Reached { countries, networks, new_countries, new_networks })
        });
        counts.collect()
    }
}
