//! What programs look at before they look for a camera.

use std::collections::BTreeMap;

use aya::maps::{Array, MapData};
use camfence_common::abi::{FilterPlace, Subject};

use super::error::{Result, Tried as _};

/// The filter: a bit is set wherever the live camera map may have an entry.
pub(super) struct Filter(pub(super) Array<MapData, u64>);

impl Filter {
    /// Sets the bits of what is about to be in the live map.
    pub(super) fn cover(&mut self, subjects: impl IntoIterator<Item = Subject>) -> Result<()> {
        for (index, bits) in words(subjects) {
            let word = self.0.get(&index, 0).tried(|| "reading the filter".into())?;
            if word & bits != bits {
                self.0.set(index, word | bits, 0).tried(|| "writing the filter".into())?;
            }
        }
        Ok(())
    }
}

/// The words of some subjects, those that are cameras, by index.
fn words(subjects: impl IntoIterator<Item = Subject>) -> BTreeMap<u32, u64> {
    let mut words = BTreeMap::new();
    for subject in subjects {
        if let Subject::Camera(mac) = subject {
            let FilterPlace { word, bit } = FilterPlace::of(mac);
            *words.entry(word).or_default() |= 1 << bit;
        }
    }
    words
}

/// What programs look for besides registered cameras.
pub(super) struct LookFor(pub(super) Array<MapData, u64>);

impl LookFor {
    /// Whether they look for something.
    pub(super) fn has(&self, what: u64) -> Result<bool> {
        Ok(self.get()? & what != 0)
    }

    /// Has them look for something, or not.
    pub(super) fn set(&mut self, what: u64, look: bool) -> Result<()> {
        let old = self.get()?;
        let new = if look { old | what } else { old & !what };
        if new == old {
            return Ok(());
        }
        self.0.set(0, new, 0).tried(|| "writing what is looked for".into())
    }

    fn get(&self) -> Result<u64> {
        self.0.get(&0, 0).tried(|| "reading what is looked for".into())
    }
}
