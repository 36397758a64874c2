//! The shapes of the BPF maps: what userspace writes and the kernel programs read, and the
//! counters that go the other way.
//!
//! Every struct is [`Pod`]: no padding, no enum, no bool. Addresses and MACs are bytes in wire
//! order. [`ABI`] changes whenever one of them does; the kernel state carries it.

use bytemuck::{Pod, Zeroable};

use crate::{
    limits::{
        MAX_ALLOWANCES, MAX_BOUND, MAX_CAMERAS, MAX_DNS_NAMES, MAX_LOCAL_PREFIXES, MAX_PROFILES,
        MAX_STRANGER_PORTS,
    },
    mac::Mac,
    reason::Reason,
    verifier::Unknown,
};

/// The number of this set of shapes. State in the kernel that carries another one was written by
/// another version.
pub const ABI: u32 = 7;

/// A camera that nobody has, in every fence that stands: its frames are run through the attached
/// programs to see that they are dropped. Locally administered; the rest reads "cfcan".
pub const CANARY: Mac = Mac(*b"\x02cfcan");

/// Names of maps and programs, as the object file has them and as they are pinned.
pub mod names {
    /// Array, one element: [`State`](super::State).
    pub const STATE: &str = "STATE";
    /// Array of maps, one element: the live hash map of [`Key`](super::Key) to
    /// [`Entry`](super::Entry).
    pub const CAMERAS: &str = "CAMERAS";
    /// Array of [`Row`](super::Row).
    pub const ROWS: &str = "ROWS";
    /// Array of [`Profile`](super::Profile).
    pub const PROFILES: &str = "PROFILES";
    /// LPM trie of [`NameKey`](super::NameKey) to [`NameRule`](super::NameRule).
    pub const NAMES: &str = "NAMES";
    /// Array of [`Ahead`](super::Ahead), by part.
    pub const AHEAD: &str = "AHEAD";
    /// Array of deadlines, by slot: until when, in nanoseconds since boot, a camera is opened.
    pub const DEADLINES: &str = "DEADLINES";
    /// Per-CPU array of [`CameraCounters`](super::CameraCounters), by slot.
    pub const COUNTERS: &str = "COUNTERS";
    /// LRU hash map of [`SightingKey`](super::SightingKey) to [`Sighting`](super::Sighting).
    pub const SIGHTINGS: &str = "SIGHTINGS";
    /// Hash map of a slot to [`CameraCounters`](super::CameraCounters): what was counted before
    /// these maps were made. No program uses it.
    pub const CARRIED: &str = "CARRIED";
    /// Hash map of [`SightingKey`](super::SightingKey) to [`Sighting`](super::Sighting): what was
    /// seen before these maps were made. No program uses it.
    pub const SEEN: &str = "SEEN";
    /// LRU hash map of [`FlowKey`](crate::flow::FlowKey) to [`Flow`](crate::flow::Flow).
    pub const LEDGER: &str = "LEDGER";
    /// Per-CPU array of [`Recent`](crate::flow::Recent) flows, by place.
    pub const RECENT: &str = "RECENT";
    /// Per-CPU array, one element: [`Flushed`](crate::flow::Flushed).
    pub const FLUSHED: &str = "FLUSHED";
    /// Hash map of [`FlowKey`](crate::flow::FlowKey) to [`Flow`](crate::flow::Flow): what the ledger
    /// had before these maps were made. No program uses it.
    pub const KEPT: &str = "KEPT";
    /// Hash map, one element: [`Missing`](crate::flow::Missing), what the ledger had forgotten before
    /// these maps were made. No program uses it.
    pub const MISSED: &str = "MISSED";
    /// Ring buffer of what programs tell; see [`event`](crate::event).
    pub const EVENTS: &str = "EVENTS";
    /// Per-CPU array, one element: [`Told`](crate::event::Told).
    pub const TOLD: &str = "TOLD";
    /// Per-CPU array of times, by slot: when a camera last sent something, in nanoseconds since boot,
    /// suspension left out.
    pub const LAST_SEEN: &str = "LAST_SEEN";
    /// Hash map of a slot to a time: when a camera was last seen before these maps were made. No
    /// program uses it.
    pub const LAST_CARRIED: &str = "LAST_CARRIED";
    /// XDP, outbound, for frames in one buffer.
    pub const OUTBOUND_XDP: &str = "outbound_xdp";
    /// XDP, outbound, for frames in several buffers (jumbo MTU; kernel 5.18).
    pub const OUTBOUND_XDP_FRAGS: &str = "outbound_xdp_frags";
    /// TC, outbound.
    pub const OUTBOUND_TC: &str = "outbound_tc";
    /// TC, inbound.
    pub const INBOUND_TC: &str = "inbound_tc";
    /// Read-only global that turns the programs' log lines on.
    pub const LOG_VERDICTS: &str = "LOG_VERDICTS";
    /// Array of perf events, one for each CPU: [`Caught`](crate::capture::Caught) frames.
    pub const CAUGHT: &str = "CAUGHT";
    /// Per-CPU array, one element: how many of those there was no room for.
    pub const UNCAUGHT: &str = "UNCAUGHT";
    /// Read-only global, a [`Wish`](crate::capture::Wish): which frames are captured.
    pub const CAPTURE: &str = "CAPTURE";
    /// Read-only global, a [`TickRate`](crate::clock::TickRate): what the programs tell the time by.
    pub const TICK_RATE: &str = "TICK_RATE";
}

/// Entries of the profile table: twice the profiles a configuration may have, so that a new set
/// is written beside the one in use.
pub const PROFILE_SLOTS: u32 = 512;
const _: () = assert!(PROFILE_SLOTS as usize == 2 * MAX_PROFILES);

/// Entries of the map of names: as many as profiles in all their places can list.
pub const NAME_SLOTS: u32 = 32_768;
const _: () = assert!(NAME_SLOTS as usize == PROFILE_SLOTS as usize * MAX_DNS_NAMES);

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

/// Entries of the camera map, and slots, beside those of cameras: for the unknown sources of ports,
/// and one for the canary.
pub const SPARE_SLOTS: u32 = MAX_STRANGER_PORTS + 1;

/// What the maps were made for. Written once, before any program is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct State {
    /// [`ABI`] of the version that made the maps; 0 when it was never written.
    pub abi: u32,
    /// Cameras the maps have room for.
    pub max_cameras: u32,
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

/// A registered camera, or what stands for the unknown sources of a port.
///
/// Never changed while a program may read it: a live camera map only gains entries, and anything else
/// is a new map, whose entries are in rows of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Camera {
    /// Index of its counters and its deadline.
    pub slot: u32,
    /// Index of its profile.
    pub profile: u32,
    /// [`Camera::AUDIT`] and the like.
    pub flags: u32,
    /// Zero.
    pub pad: u32,
    /// Zero, as userspace knows and the BPF verifier does not: see [`Camera::unknown`].
    pub zero: u64,
    /// IPv4 addresses it may send from, if addresses are bound; the rest is [`Prefix4::NOTHING`].
    pub bound4: [Prefix4; MAX_BOUND],
    /// IPv6 addresses it may send from, if addresses are bound; the rest is [`Prefix6::NOTHING`].
    pub bound6: [Prefix6; MAX_BOUND],
}

impl Camera {
    /// Its verdicts are counted and not carried out.
    pub const AUDIT: u32 = 1;
    /// It stands for the unknown sources of a port.
    pub const STRANGERS: u32 = 2;
    /// Nothing from it passes.
    pub const SEALED: u32 = 4;
    /// It may send only from bound addresses.
    pub const BOUND: u32 = 8;

    /// Nothing, of which the BPF verifier knows nothing.
    #[inline(always)]
    pub const fn unknown(&self) -> Unknown {
        Unknown::new(self.zero)
    }

    /// Whether a flag is set.
    #[inline(always)]
    pub const fn is(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }
}

/// An IPv4 prefix: an address is in it when `address & mask == network`. All wire order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Prefix4 {
    /// The network, host bits zero.
    pub network: u32,
    /// The mask.
    pub mask: u32,
}

/// An IPv6 prefix: an address is in it when `address & mask == network`, in both halves. All wire
/// order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Prefix6 {
    /// The network, host bits zero.
    pub network: [u64; 2],
    /// The mask.
    pub mask: [u64; 2],
}

impl Prefix4 {
    /// No address is in it.
    pub const NOTHING: Self = Self { network: u32::MAX, mask: 0 };
}

impl Prefix6 {
    /// No address is in it.
    pub const NOTHING: Self = Self { network: [u64::MAX; 2], mask: [0; 2] };
}

/// Most local prefixes of a family that are compared one by one; of more, and where there are allowances,
/// the zone is searched that an address is in.
pub const SHORT_LIST: usize = 8;

/// Most bounds between zones of addresses: two for each local network and each destination.
pub const MAX_BOUNDS: usize = 2 * (MAX_LOCAL_PREFIXES + MAX_ALLOWANCES);

/// Most bounds between ranges of ports: two for each allowance.
pub const MAX_PORT_BOUNDS: usize = 2 * MAX_ALLOWANCES;

/// Classes of protocols: each allowance can make one in IPv4 and one in IPv6.
pub const CLASSES: usize = 2 * MAX_ALLOWANCES + 1;
const _: () = assert!(CLASSES <= 256);

/// Words with a bit for each zone.
const ZONE_WORDS: usize = MAX_BOUNDS / 64 + 1;

/// The zones of IPv4: ranges whose addresses are all treated alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Zones4 {
    /// The first step of a search: the highest power of two that is not above the number of bounds; 0 if
    /// there is only one zone.
    pub step: u16,
    /// Zero.
    pub zero: [u16; 3],
    /// The first address of each zone but the first, rising. The machine's byte order.
    pub bounds: [u32; MAX_BOUNDS],
    /// Whether each zone is local: a bit each, from the lowest of the first word.
    pub local: [u64; ZONE_WORDS],
    /// The allowances for each zone: a bit each.
    pub allowances: [u64; MAX_BOUNDS + 1],
}

/// The zones of IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Zones6 {
    /// As in [`Zones4`].
    pub step: u16,
    /// Zero.
    pub zero: [u16; 3],
    /// As in [`Zones4`]; the upper half first.
    pub bounds: [[u64; 2]; MAX_BOUNDS],
    /// As in [`Zones4`].
    pub local: [u64; ZONE_WORDS],
    /// As in [`Zones4`].
    pub allowances: [u64; MAX_BOUNDS + 1],
}

/// What allowances allow at their destinations. Sets of allowances have a bit for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Services {
    /// The first step of a search for a port, as in [`Zones4`].
    pub step: u16,
    /// Zero.
    pub zero: [u16; 3],
    /// The first port of each range but the first, rising. The machine's byte order.
    pub bounds: [u16; MAX_PORT_BOUNDS],
    /// The allowances for each range of ports.
    pub ports: [u64; MAX_PORT_BOUNDS + 1],
    /// The allowances for all ports, and for protocols without.
    pub portless: u64,
    /// The allowances for protocols, by class; none for the first class.
    pub classes: [u64; CLASSES],
    /// The class of each protocol, in IPv4 and in IPv6.
    pub class_of: [[u8; 256]; 2],
}

/// A policy that cameras share. An element is written once and not again while a camera in the
/// live map points to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Profile {
    /// [`Profile::WRITTEN`]; anything else is an element that was never written, and no policy.
    pub written: u32,
    /// [`Profile::NO_DNS`] and the like.
    pub guards: u32,
    /// How many local IPv4 networks there are. They are listed if they are no more than [`SHORT_LIST`].
    pub local4_len: u16,
    /// How many local IPv6 networks there are, as above.
    pub local6_len: u16,
    /// How many allowances there are.
    pub allow_len: u16,
    /// Zero.
    pub zero: u16,
    /// Local IPv4 networks, if they are few.
    pub local4: [Prefix4; SHORT_LIST],
    /// Local IPv6 networks, if they are few.
    pub local6: [Prefix6; SHORT_LIST],
    /// How each IPv4 address is treated.
    pub zones4: Zones4,
    /// How each IPv6 address is treated.
    pub zones6: Zones6,
    /// What the allowances allow.
    pub services: Services,
}

impl Profile {
    /// Marks an element that was written: "cfnc" as a number.
    pub const WRITTEN: u32 = u32::from_be_bytes(*b"cfnc");
    /// DNS is denied.
    pub const NO_DNS: u32 = 1;
    /// DNS is denied but for queries for the profile's entries in the map of names.
    pub const LISTED_DNS: u32 = 2;
    /// Port mapping is denied.
    pub const NO_PORT_MAPPING: u32 = 4;
    /// Services no camera should offer are denied.
    pub const NO_ROGUE: u32 = 8;

    /// Whether one of some guards is up.
    #[inline(always)]
    pub const fn guards(&self, guards: u32) -> bool {
        self.guards & guards != 0
    }
}

/// Bytes that a name fills in a key at most: 255 as in a message (RFC 1035 §2.3.4), without the
/// root's.
pub const MAX_NAME: usize = 254;

/// Key of the map of names: a profile and a name from its end, so that a name is a prefix of those
/// below it. Each label is in lower case, reversed, and followed by a dot: `pool.ntp.org` is
/// `gro.ptn.loop.`. The data of an LPM trie's key is at most 256 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Pod, Zeroable)]
#[repr(C)]
pub struct NameKey {
    /// Index of the profile; wire order, although no wire sees it: a trie compares bits from the first byte's highest.
    pub profile: [u8; 2],
    /// The name; only as many bytes as the prefix length says count.
    pub name: [u8; MAX_NAME],
}

/// Which names an entry of the map of names lists. The trie finds the longest entry only, so that an entry
/// says all that holds for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Pod, Zeroable)]
#[repr(C)]
pub struct NameRule {
    /// Bytes of the entry's name: whether a name found is the entry itself or one below it.
    pub len: u16,
    /// Not zero if the name itself is listed.
    pub itself: u8,
    /// Not zero if the names below are listed.
    pub below: u8,
}

impl NameRule {
    /// Whether it lists a name of so many bytes, for which it was found.
    #[inline(always)]
    pub const fn lists(&self, len: usize) -> bool {
        if len == self.len as usize { self.itself != 0 } else { self.below != 0 }
    }
}

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
    use crate::{
        event::{Answer, Contact, Stranger, Told},
        flow::{Flow, FlowKey, Flushed, Missing, Recent},
    };

    #[test]
    fn sightings_of_two_times_are_one() {
        let tally = |packets| Tally { packets, bytes: 60 * packets };
        let before = Sighting { first: 5, last: 9, tally: tally(2) };
        let mut now = Sighting { first: 11, last: 30, tally: tally(40) };
        now.join(&before);
        assert_eq!(now, Sighting { first: 5, last: 30, tally: tally(42) });
    }

    /// A size that moves is a new [`ABI`]: change both.
    #[test]
    fn sizes_are_those_of_this_abi() {
        assert_eq!(ABI, 7);
        assert_eq!(size_of::<State>(), 8);
        assert_eq!(size_of::<Key>(), 8);
        assert_eq!(size_of::<Entry>(), 8);
        assert_eq!(size_of::<Row>(), 8 + size_of::<Camera>());
        assert_eq!(size_of::<Ahead>(), 8 + 1024 * 4);
        assert_eq!(size_of::<Camera>(), 24 + 4 * 8 + 4 * 32);
        assert_eq!(size_of::<Zones4>(), 8 + 256 * 4 + 5 * 8 + 257 * 8);
        assert_eq!(size_of::<Zones6>(), 8 + 256 * 16 + 5 * 8 + 257 * 8);
        assert_eq!(size_of::<Services>(), 8 + 128 * 2 + 129 * 8 + 8 + 129 * 8 + 2 * 256);
        let zones = size_of::<Zones4>() + size_of::<Zones6>();
        let lists = 8 * 8 + 8 * 32;
        assert_eq!(size_of::<Profile>(), 16 + lists + zones + size_of::<Services>());
        assert_eq!(size_of::<NameKey>(), 256);
        assert_eq!(size_of::<NameRule>(), 4);
        assert_eq!(size_of::<SightingKey>(), 12);
        assert_eq!(size_of::<Sighting>(), 32);
        assert_eq!(size_of::<CameraCounters>(), 2 * 18 * 16);
        assert_eq!(size_of::<FlowKey>(), 32);
        assert_eq!(size_of::<Flow>(), 32);
        assert_eq!(size_of::<Recent>(), 80);
        assert_eq!(size_of::<Flushed>(), 40);
        assert_eq!(size_of::<Missing>(), 40);
        assert_eq!(size_of::<Contact>(), 16 + 32);
        assert_eq!(size_of::<Stranger>(), 16 + 8);
        assert_eq!(size_of::<Answer>(), 16 + 8 + 512);
        assert_eq!(size_of::<Told>(), 72);
    }
}
