//! What a source is judged by: a camera, its profile, and the names that this lists.

use bytemuck::{Pod, Zeroable};

use crate::{
    limits::{MAX_ALLOWANCES, MAX_BOUND, MAX_DNS_NAMES, MAX_LOCAL_PREFIXES, MAX_PROFILES},
    verifier::Unknown,
};

/// Entries of the profile table: twice the profiles a configuration may have, so that a new set
/// is written beside the one in use.
pub const PROFILE_SLOTS: u32 = 512;
const _: () = assert!(PROFILE_SLOTS as usize == 2 * MAX_PROFILES);

/// Entries of the map of names: as many as profiles in all their places can list.
pub const NAME_SLOTS: u32 = 32_768;
const _: () = assert!(NAME_SLOTS as usize == PROFILE_SLOTS as usize * MAX_DNS_NAMES);

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
