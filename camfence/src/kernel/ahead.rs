//! What programs look at before they look for a camera: [`Ahead`].

use std::collections::BTreeMap;

use aya::maps::{Array, MapData};
use camfence_common::abi::{AHEAD_PARTS, Ahead, FilterPlace, Subject};

use super::{
    error::{Result, Tried as _},
    maps::Shared,
};

/// The map. Programs may read it at any time: a bit of the filter is set before what it is for comes,
/// and cleared after that has gone.
pub(super) struct AheadMap(pub(super) Array<MapData, Shared<Ahead>>);

/// Places in the filter, by their parts.
type Places = BTreeMap<u32, Vec<FilterPlace>>;

impl AheadMap {
    /// Sets the filter's bits for what is about to be in the live map.
    pub(super) fn cover(&mut self, subjects: impl IntoIterator<Item = Subject>) -> Result<()> {
        for (part, places) in places(subjects) {
            self.change(part, |ahead| set(ahead, &places))?;
        }
        Ok(())
    }

    /// Leaves the filter the bits of what is in the live map.
    pub(super) fn cover_only(&mut self, subjects: impl IntoIterator<Item = Subject>) -> Result<()> {
        let places = places(subjects);
        for part in 0..AHEAD_PARTS {
            self.change(part, |ahead| {
                ahead.filter.fill(0);
                set(ahead, places.get(&part).map_or(&[], Vec::as_slice));
            })?;
        }
        Ok(())
    }

    /// Whether the filter has the bits of some subjects.
    pub(super) fn covers(&self, subjects: impl IntoIterator<Item = Subject>) -> Result<bool> {
        for (part, places) in places(subjects) {
            let ahead = self.get(part)?;
            if !places.iter().all(|place| ahead.filter[place.word] & place.mask() != 0) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether programs look for entries of unknown sources, whichever MAC they see.
    pub(super) fn looks_for_strangers(&self) -> Result<bool> {
        for part in 0..AHEAD_PARTS {
            if self.get(part)?.strangers == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Has programs look for entries of unknown sources, or not.
    pub(super) fn look_for_strangers(&mut self, look: bool) -> Result<()> {
        (0..AHEAD_PARTS)
            .try_for_each(|part| self.change(part, |ahead| ahead.strangers = u64::from(look)))
    }

    fn change(&mut self, part: u32, change: impl FnOnce(&mut Ahead)) -> Result<()> {
        let old = self.get(part)?;
        let mut new = old;
        change(&mut new);
        if new == old {
            return Ok(());
        }
        self.0.set(part, Shared(new), 0).tried(|| "writing what programs look at first".into())
    }

    fn get(&self, part: u32) -> Result<Ahead> {
        let ahead = self.0.get(&part, 0).tried(|| "reading what programs look at first".into());
        ahead.map(|Shared(ahead)| ahead)
    }
}

/// The places of some subjects. Only registered cameras have one.
fn places(subjects: impl IntoIterator<Item = Subject>) -> Places {
    let mut places = Places::new();
    for subject in subjects {
        if let Subject::Camera(mac) = subject {
            let place = FilterPlace::of(mac);
            places.entry(place.part).or_default().push(place);
        }
    }
    places
}

fn set(ahead: &mut Ahead, places: &[FilterPlace]) {
    for place in places {
        ahead.filter[place.word] |= place.mask();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use camfence_common::mac::Mac;

    use super::*;

    #[test]
    fn cameras_have_places_of_their_own() {
        let camera = |n: u16| {
            let [a, b] = n.to_be_bytes();
            Subject::Camera(Mac([2, 0, 0, 0, a, b]))
        };
        let all = places((0..4_096).map(camera).chain([Subject::Strangers(3)]));
        assert!(all.keys().all(|part| *part < AHEAD_PARTS));
        assert!(all.values().flatten().all(|place| place.word < Ahead::WORDS));
        let distinct: BTreeSet<&FilterPlace> = all.values().flatten().collect();
        assert!(distinct.len() > 4_000, "{} of 4,096", distinct.len());
    }
}
