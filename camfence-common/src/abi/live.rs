//! How a frame's source is found: hints, the live camera map, and the rows that both lead to.

use bytemuck::{Pod, Zeroable};

use super::Camera;
use crate::{limits::MAX_CAMERAS, mac::Mac};

/// What programs look at before they look for a camera in the live map: a part of the hints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Ahead {
    /// Not zero if the live map may have an entry for unknown sources. The same in all parts.
    pub strangers: u64,
    /// Where the camera of a MAC is, by [`HintPlace`].
    pub hints: [Hint; Ahead::HINTS],
}

impl Ahead {
    /// Hints of a part.
    pub const HINTS: usize = 1 << HintPlace::INDEX_BITS;
}

/// Parts of the hints. They are four for each of the most cameras: of those, 8 of 9 have one of their own.
pub const AHEAD_PARTS: u32 = 1 << HintPlace::PART_BITS;
const _: () = assert!(AHEAD_PARTS as usize * Ahead::HINTS == 4 * MAX_CAMERAS as usize);

/// Where the camera may be of the MACs that have this place. Zero: none of them is a camera.
///
/// The index of a row, with what is to be made of it in a byte of its own: a program that reads a hint
/// while userspace writes it finds one as it was or as it will be, since the index is only changed
/// while it does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(transparent)]
pub struct Hint(u32);

impl Hint {
    /// No MAC of this place is a camera.
    pub const NOBODY: Self = Self(0);
    const FLAGS: u32 = 24;
    /// The row may be the camera's: it is if it has its key.
    const ROW: u32 = 1 << Self::FLAGS;
    /// If it is not, the live map may have an entry.
    const ASK: u32 = 2 << Self::FLAGS;
    const INDEX: u32 = Self::ROW - 1;
    /// Nothing is known: the live map is asked.
    pub const UNKNOWN: Self = Self(Self::ASK);

    /// The row of the one camera that has this place.
    #[must_use]
    pub const fn row(row: u32) -> Self {
        Self(row & Self::INDEX | Self::ROW)
    }

    /// The row that may be the camera's, if one counts.
    #[inline(always)]
    pub const fn candidate(self) -> Option<u32> {
        if self.0 & Self::ROW != 0 { Some(self.0 & Self::INDEX) } else { None }
    }

    /// Whether the live map may have an entry that the row is not.
    #[inline(always)]
    pub const fn asks(self) -> bool {
        self.0 & Self::ASK != 0
    }

    /// The same, and the live map is asked: others have this place, too.
    #[must_use]
    pub const fn and_ask(self) -> Self {
        Self(self.0 | Self::ASK)
    }

    /// The live map is asked, whatever the row.
    #[must_use]
    pub const fn only_ask(self) -> Self {
        Self(self.0 & Self::INDEX | Self::ASK)
    }
}

/// A MAC's place among the hints. Two can have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HintPlace {
    /// The part.
    pub part: u32,
    /// The index in it.
    pub index: usize,
}

impl HintPlace {
    const PART_BITS: u32 = 8;
    const INDEX_BITS: u32 = 10;
    /// 2^64 divided by the golden ratio: the upper bits of a product depend on all of a number's.
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

    /// Where a MAC has its place.
    #[expect(clippy::cast_possible_truncation, reason = "each has few bits")]
    #[inline(always)]
    pub const fn of(mac: Mac) -> Self {
        let hash = mac.number().wrapping_mul(Self::FACTOR);
        let (part, rest) = (hash >> (64 - Self::PART_BITS), hash << Self::PART_BITS);
        Self { part: part as u32, index: (rest >> (64 - Self::INDEX_BITS)) as usize }
    }
}

/// Value of the live camera map: where its row is.
///
/// Each slot has two rows, one for either side; the entries of a live map are all of one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Entry {
    /// Index of the row.
    pub row: u32,
    /// Zero.
    pub pad: u32,
}

impl Entry {
    /// Rows of a slot.
    pub const SIDES: u32 = 2;

    /// That of a slot's row on a side.
    pub const fn new(slot: u32, side: u32) -> Self {
        Self { row: slot * Self::SIDES + side, pad: 0 }
    }

    /// The slot.
    pub const fn slot(self) -> u32 {
        self.row / Self::SIDES
    }

    /// The side.
    pub const fn side(self) -> u32 {
        self.row % Self::SIDES
    }
}

/// A camera, with whose it is. Changed only while no live map has an entry for it, and no program runs that
/// may have found it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Row {
    /// Whose it is.
    pub key: Key,
    /// The camera.
    pub camera: Camera,
}

/// Key of the live camera map: a registered MAC, or the unknown sources of a port.
///
/// One number, so that a program writes it at once: the kernel hashes larger pieces than a MAC is read in,
/// and would have to wait for them to come together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Pod, Zeroable)]
#[repr(transparent)]
pub struct Key(u64);

impl Key {
    /// Above a MAC's 48 bits: what it is a key of.
    const KIND: u32 = 48;
    const MAC: u64 = 0;
    const PORT: u64 = 0x100;

    /// The key of a MAC.
    #[inline(always)]
    pub const fn of_mac(mac: Mac) -> Self {
        Self(mac.number() | Self::MAC << Self::KIND)
    }

    /// The key of the unknown sources of a port, by its interface index.
    #[inline(always)]
    pub const fn of_port(ifindex: u32) -> Self {
        Self(ifindex as u64 | Self::PORT << Self::KIND)
    }

    /// Whose key it is. None if this version never writes such a one.
    pub const fn subject(self) -> Option<Subject> {
        match self.0 >> Self::KIND {
            Self::MAC => Some(Subject::Camera(Mac::from_number(self.0))),
            Self::PORT => {
                let [a, b, c, d, ..] = self.0.to_le_bytes();
                Some(Subject::Strangers(u32::from_le_bytes([a, b, c, d])))
            }
            _ => None,
        }
    }
}

/// Whom an entry of the live camera map is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A registered camera.
    Camera(Mac),
    /// Unknown sources on a port, by its interface index.
    Strangers(u32),
}

impl Subject {
    /// Its key.
    pub const fn key(self) -> Key {
        match self {
            Self::Camera(mac) => Key::of_mac(mac),
            Self::Strangers(ifindex) => Key::of_port(ifindex),
        }
    }
}
