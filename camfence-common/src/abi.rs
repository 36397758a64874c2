//! The shapes of the BPF maps: what userspace writes and the kernel programs read, and the
//! counters that go the other way.
//!
//! Every struct is [`Pod`]: no padding, no enum, no bool. Addresses and MACs are bytes in wire
//! order. [`ABI`] changes whenever one of them does; the kernel state carries it.

use bytemuck::{Pod, Zeroable};

use crate::{
    limits::{MAX_LOCAL_PREFIXES, MAX_PROFILES},
    mac::Mac,
    reason::Reason,
};

/// The number of this set of shapes. State in the kernel that carries another one was written by
/// another version.
pub const ABI: u32 = 2;

/// Names of maps and programs, as the object file has them and as they are pinned.
pub mod names {
    /// Array, one element: [`State`](super::State).
    pub const STATE: &str = "STATE";
    /// Array of maps, one element: the live hash map of [`MacKey`](super::MacKey) to
    /// [`Camera`](super::Camera).
    pub const CAMERAS: &str = "CAMERAS";
    /// Array of [`Profile`](super::Profile).
    pub const PROFILES: &str = "PROFILES";
    /// Per-CPU array of [`CameraCounters`](super::CameraCounters), by slot.
    pub const COUNTERS: &str = "COUNTERS";
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
}

/// Entries of the profile table: twice the profiles a configuration may have, so that a new set
/// is written beside the one in use.
pub const PROFILE_SLOTS: u32 = 512;
const _: () = assert!(PROFILE_SLOTS as usize == 2 * MAX_PROFILES);

/// What the maps were made for. Written once, before any program is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct State {
    /// [`ABI`] of the version that made the maps; 0 when it was never written.
    pub abi: u32,
    /// Cameras the maps have room for.
    pub max_cameras: u32,
}

/// Key of the camera map: a MAC, padded so that the kernel hashes it as whole words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Pod, Zeroable)]
#[repr(C)]
pub struct MacKey {
    mac: Mac,
    zero: [u8; 2],
}

impl MacKey {
    /// The key of a MAC.
    pub const fn new(mac: Mac) -> Self {
        Self { mac, zero: [0; 2] }
    }

    /// The MAC of a key.
    pub const fn mac(self) -> Mac {
        self.mac
    }
}

/// A registered camera: value of the camera map.
///
/// Never changed in place. A hash map may reuse the memory of a replaced or removed entry while
/// a program still reads it, so a live camera map only gains entries; anything else is a new map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Pod, Zeroable)]
#[repr(C)]
pub struct Camera {
    /// Index of the camera's counters.
    pub slot: u32,
    /// Index of its profile.
    pub profile: u32,
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

/// A policy that cameras share. An element is written once and not again while a camera in the
/// live map points to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Profile {
    /// [`Profile::WRITTEN`]; anything else is an element that was never written, and no policy.
    pub written: u32,
    /// How many of [`local4`](Self::local4) count.
    pub local4_len: u16,
    /// How many of [`local6`](Self::local6) count.
    pub local6_len: u16,
    /// Local IPv4 networks.
    pub local4: [Prefix4; MAX_LOCAL_PREFIXES],
    /// Local IPv6 networks.
    pub local6: [Prefix6; MAX_LOCAL_PREFIXES],
}

impl Profile {
    /// Marks an element that was written: "cfnc" as a number.
    pub const WRITTEN: u32 = u32::from_be_bytes(*b"cfnc");
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

    /// A size that moves is a new [`ABI`]: change both.
    #[test]
    fn sizes_are_those_of_this_abi() {
        assert_eq!(ABI, 2);
        assert_eq!(size_of::<State>(), 8);
        assert_eq!(size_of::<MacKey>(), 8);
        assert_eq!(size_of::<Camera>(), 8);
        assert_eq!(size_of::<Profile>(), 8 + 64 * 8 + 64 * 32);
        assert_eq!(size_of::<CameraCounters>(), 2 * 18 * 16);
    }
}
