//! What programs look at before they look for a camera in the live map: [`Ahead`].

use std::collections::BTreeMap;

use aya::maps::{Array, MapData};
use camfence_common::abi::{AHEAD_PARTS, Ahead, CANARY, Entry, Hint, HintPlace, Key, Subject};

use super::{
    error::{Result, Tried as _},
    maps::Shared,
};

/// The map. Programs may read it at any time: a hint has the live map asked before an entry comes, and
/// leads nowhere after it has gone.
pub(super) struct AheadMap(pub(super) Array<MapData, Shared<Ahead>>);

/// Hints for some entries. Only registered cameras have one.
pub(super) type Hints = BTreeMap<HintPlace, Hint>;

impl AheadMap {
    /// The hints for all entries there will be.
    pub(super) fn hints(entries: &[(Key, Entry)]) -> Hints {
        let mut hints = Hints::new();
        for (place, row) in places(entries) {
            let hint = hints.entry(place);
            hint.and_modify(|hint| *hint = hint.and_ask()).or_insert(Hint::row(row));
        }
        // Whether the map is found is what it is tried by.
        if let Some(hint) = hints.get_mut(&HintPlace::of(CANARY)) {
            *hint = hint.only_ask();
        }
        hints
    }

    /// The hints for entries that come to those there are.
    pub(super) fn more_hints(&self, entries: &[(Key, Entry)]) -> Result<Hints> {
        let mut hints = Self::hints(entries);
        self.each_part(&mut hints, |old, hint| {
            if *old != Hint::NOBODY {
                *hint = old.and_ask();
            }
        })?;
        Ok(hints)
    }

    /// Has programs ask the live map where these hints will be; those there are keep their rows.
    pub(super) fn announce(&mut self, hints: &Hints) -> Result<()> {
        self.change_parts(hints, |old, hint| match old.candidate() {
            Some(_) => old.and_ask(),
            None => hint.only_ask(),
        })
    }

    /// Has programs ask the live map wherever there is a hint.
    pub(super) fn ask_everywhere(&mut self) -> Result<()> {
        for part in 0..AHEAD_PARTS {
            self.change(part, |ahead| {
                let used = ahead.hints.iter_mut().filter(|hint| **hint != Hint::NOBODY);
                used.for_each(|hint| *hint = hint.only_ask());
            })?;
        }
        Ok(())
    }

    /// Sets hints that were announced, for rows that programs can read since all that run began.
    pub(super) fn set(&mut self, hints: &Hints) -> Result<()> {
        self.change_parts(hints, |_, hint| *hint)
    }

    /// The same, and leaves no others.
    pub(super) fn set_only(&mut self, hints: &Hints) -> Result<()> {
        for part in 0..AHEAD_PARTS {
            self.change(part, |ahead| {
                ahead.hints.fill(Hint::NOBODY);
                for (place, hint) in hints.range(of_part(part)) {
                    ahead.hints[place.index] = *hint;
                }
            })?;
        }
        Ok(())
    }

    /// Whether there are hints that lead to entries, as far as they do not share a place.
    pub(super) fn lead_to(&self, entries: &[(Key, Entry)]) -> Result<bool> {
        let mut lead = true;
        self.each_part(&mut Self::hints(entries), |old, hint| {
            lead &= match hint.candidate() {
                None => old.asks(),
                Some(_) if old.asks() => old.candidate().is_some(),
                Some(_) => !hint.asks() && old.candidate() == hint.candidate(),
            };
        })?;
        Ok(lead)
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

    /// Goes through some hints, each with what there is at its place.
    fn each_part(&self, hints: &mut Hints, mut each: impl FnMut(&Hint, &mut Hint)) -> Result<()> {
        for part in parts(hints) {
            let ahead = self.get(part)?;
            for (place, hint) in hints.range_mut(of_part(part)) {
                each(&ahead.hints[place.index], hint);
            }
        }
        Ok(())
    }

    /// Changes what there is at the places of some hints.
    fn change_parts(&mut self, hints: &Hints, each: impl Fn(Hint, &Hint) -> Hint) -> Result<()> {
        for part in parts(hints) {
            self.change(part, |ahead| {
                for (place, hint) in hints.range(of_part(part)) {
                    let there = &mut ahead.hints[place.index];
                    *there = each(*there, hint);
                }
            })?;
        }
        Ok(())
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

/// The places of entries that have one, and their rows.
fn places(entries: &[(Key, Entry)]) -> impl Iterator<Item = (HintPlace, u32)> {
    entries.iter().filter_map(|(key, entry)| match key.subject()? {
        Subject::Camera(mac) => Some((HintPlace::of(mac), entry.row)),
        Subject::Strangers(_) => None,
    })
}

/// The parts that hints are in.
fn parts(hints: &Hints) -> Vec<u32> {
    let mut parts: Vec<u32> = hints.keys().map(|place| place.part).collect();
    parts.dedup();
    parts
}

/// The places of a part.
fn of_part(part: u32) -> std::ops::Range<HintPlace> {
    HintPlace { part, index: 0 }..HintPlace { part: part + 1, index: 0 }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeSet,
        hash::{DefaultHasher, Hash as _, Hasher as _},
    };

    use camfence_common::mac::Mac;

    use super::*;

    /// Cameras of any vendor: those of one are spread evenly, since a hash of theirs is a multiple of their number.
    fn cameras(count: u32) -> Vec<(Key, Entry)> {
        let camera = |slot: u32| {
            let mut hasher = DefaultHasher::new();
            slot.hash(&mut hasher);
            let [vendor, of_vendor @ .., _, _] = hasher.finish().to_be_bytes();
            let mac = [&[2, vendor], &of_vendor[..4]].concat();
            (Subject::Camera(Mac(mac.try_into().expect("six bytes"))).key(), Entry::new(slot, 0))
        };
        (0..count).map(camera).collect()
    }

    #[test]
    fn cameras_have_places_of_their_own() {
        let mut entries = cameras(4_096);
        entries.push((Subject::Strangers(3).key(), Entry::new(5_000, 0)));
        let all: Vec<(HintPlace, u32)> = places(&entries).collect();
        assert_eq!(all.len(), 4_096);
        assert!(all.iter().all(|(place, _)| place.part < AHEAD_PARTS));
        assert!(all.iter().all(|(place, _)| place.index < Ahead::HINTS));
        let distinct: BTreeSet<HintPlace> = all.iter().map(|(place, _)| *place).collect();
        assert!(distinct.len() > 4_000, "{} of 4,096", distinct.len());
    }

    #[test]
    fn the_canary_is_looked_for_in_the_map() {
        let mut entries = cameras(100);
        entries.push((Subject::Camera(CANARY).key(), Entry::new(100, 0)));
        let hint = AheadMap::hints(&entries)[&HintPlace::of(CANARY)];
        assert_eq!((hint.candidate(), hint.asks()), (None, true));
    }

    #[test]
    fn most_of_the_most_cameras_have_a_row_of_their_own_in_the_hints() {
        let entries = cameras(65_536);
        let hints = AheadMap::hints(&entries);
        let found = places(&entries).filter(|(place, row)| hints[place].candidate() == Some(*row));
        assert!(found.count() > 57_000);
    }

    #[test]
    fn a_place_of_several_cameras_leads_to_the_first_and_to_the_live_map() {
        let entries = cameras(65_536);
        let hints = AheadMap::hints(&entries);
        let mut first = BTreeMap::new();
        let mut shared = BTreeSet::new();
        for (place, row) in places(&entries).filter(|(place, _)| *place != HintPlace::of(CANARY)) {
            if *first.entry(place).or_insert(row) != row {
                shared.insert(place);
            }
        }
        assert!(!shared.is_empty());
        for (place, row) in first {
            let hint = hints[&place];
            assert_eq!(hint.candidate(), Some(row));
            assert_eq!(hint.asks(), shared.contains(&place));
        }
    }
}
