//! What programs count: frames of cameras by verdict, and of unknown sources.

use bytemuck::{Pod, Zeroable};

use crate::{mac::Mac, reason::Reason};

/// Key of the map of unknown sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Pod, Zeroable)]
#[repr(C)]
pub struct SightingKey {
    /// Interface index of the port it was seen on.
    pub ifindex: u32,
    /// The source.
    pub mac: Mac,
    /// Zero.
    pub zero: [u8; 2],
}

/// What was seen of an unknown source. Times are nanoseconds since boot, suspension included
/// (`CLOCK_BOOTTIME`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Pod, Zeroable)]
#[repr(C)]
pub struct Sighting {
    /// When it was first seen.
    pub first: u64,
    /// When it was last seen.
    pub last: u64,
    /// Its frames and bytes.
    pub tally: Tally,
}

/// What one counter holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Pod, Zeroable)]
#[repr(C)]
pub struct Tally {
    /// Frames on the wire: an aggregate (GRO, GSO) counts as the frames it stands for.
    pub packets: u64,
    /// Their bytes on the wire, without FCS.
    pub bytes: u64,
}

impl Tally {
    /// Adds another tally.
    pub const fn add(&mut self, other: Self) {
        self.packets = self.packets.wrapping_add(other.packets);
        self.bytes = self.bytes.wrapping_add(other.bytes);
    }

    /// Whether nothing was counted.
    pub const fn is_zero(self) -> bool {
        self.packets == 0 && self.bytes == 0
    }
}

/// A camera's counters on one CPU: by [`Direction`](crate::reason::Direction), then by
/// [`Reason`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct CameraCounters {
    /// `by[direction.index()][reason.index()]`.
    pub by: [[Tally; Reason::COUNT]; 2],
}

impl Sighting {
    /// Joins with what was seen of the same source at another time.
    pub fn join(&mut self, other: &Self) {
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.tally.add(other.tally);
    }
}

impl CameraCounters {
    /// Adds other counters, each to its own.
    pub fn add(&mut self, other: &Self) {
        let others = other.by.as_flattened();
        for (sum, tally) in self.by.as_flattened_mut().iter_mut().zip(others) {
            sum.add(*tally);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sightings_of_two_times_are_one() {
        let tally = |packets| Tally { packets, bytes: 60 * packets };
        let before = Sighting { first: 5, last: 9, tally: tally(2) };
        let mut now = Sighting { first: 11, last: 30, tally: tally(40) };
        now.join(&before);
        assert_eq!(now, Sighting { first: 5, last: 30, tally: tally(42) });
    }
}
