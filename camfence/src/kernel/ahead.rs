//! What programs look at before they look for a camera: [`Ahead`].

use aya::maps::{Array, MapData};
use camfence_common::abi::{Ahead, FilterPlace, Subject};

use super::{
    error::{Result, Tried as _},
    maps::Shared,
};

/// The map, one element. Programs may read it at any time: a bit of the filter is set before what it is
/// for comes, and cleared after that has gone.
pub(super) struct AheadMap(pub(super) Array<MapData, Shared<Ahead>>);

impl AheadMap {
    /// Sets the filter's bits for what is about to be in the live map.
    pub(super) fn cover(&mut self, subjects: impl IntoIterator<Item = Subject>) -> Result<()> {
        self.change(|ahead| cover(ahead, subjects))
    }

    /// Leaves the filter the bits of what is in the live map.
    pub(super) fn cover_only(&mut self, subjects: impl IntoIterator<Item = Subject>) -> Result<()> {
        self.change(|ahead| {
            ahead.filter.fill(0);
            cover(ahead, subjects);
        })
    }

    /// Has programs look for something, or not.
    pub(super) fn look_for(&mut self, what: u64, look: bool) -> Result<()> {
        self.change(|ahead| {
            ahead.look_for = if look { ahead.look_for | what } else { ahead.look_for & !what };
        })
    }

    fn change(&mut self, change: impl FnOnce(&mut Ahead)) -> Result<()> {
        let mut new = self.get()?;
        let old = new.clone();
        change(&mut new);
        if new == old {
            return Ok(());
        }
        self.0.set(0, Shared(*new), 0).tried(|| "writing what programs look at first".into())
    }

    /// What programs look at.
    pub(super) fn get(&self) -> Result<Box<Ahead>> {
        let ahead = self.0.get(&0, 0).tried(|| "reading what programs look at first".into());
        ahead.map(|Shared(ahead)| Box::new(ahead))
    }
}

fn cover(ahead: &mut Ahead, subjects: impl IntoIterator<Item = Subject>) {
    for place in subjects.into_iter().filter_map(place) {
        ahead.filter[place.word] |= place.mask();
    }
}

/// Whether the filter has the bits of some subjects.
pub(super) fn covers(ahead: &Ahead, subjects: impl IntoIterator<Item = Subject>) -> bool {
    subjects.into_iter().filter_map(place).all(|place| ahead.has(place))
}

/// Only registered cameras have a place.
fn place(subject: Subject) -> Option<FilterPlace> {
    match subject {
        Subject::Camera(mac) => Some(FilterPlace::of(mac)),
        Subject::Strangers(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable as _;
    use camfence_common::mac::Mac;

    use super::*;

    #[test]
    fn the_filter_has_what_it_covers() {
        let camera = |n: u8| Subject::Camera(Mac([2, 0, 0, 0, 0, n]));
        let mut ahead = Box::new(Ahead::zeroed());
        assert!(covers(&ahead, []) && covers(&ahead, [Subject::Strangers(3)]));
        cover(&mut ahead, (0..100).map(camera));
        assert!(covers(&ahead, (0..100).map(camera)));
        let others = (100..=255).filter(|n| covers(&ahead, [camera(*n)])).count();
        assert!(others < 4, "{others} of 156 others");
    }
}
