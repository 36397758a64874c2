//! The shapes of the BPF maps: what userspace writes and the kernel programs read, and the
//! counters that go the other way.
//!
//! Every struct is [`Pod`]: no padding, no enum, no bool. Addresses and MACs are bytes in wire
//! order. [`ABI`] changes whenever one of them does; the kernel state carries it.

mod counters;
mod live;
mod policy;

use bytemuck::{Pod, Zeroable};

pub use self::{
    counters::{CameraCounters, Sighting, SightingKey, Tally},
    live::{AHEAD_PARTS, Ahead, Entry, Hint, HintPlace, Key, Row, Subject},
    policy::{
        CLASSES, Camera, MAX_BOUNDS, MAX_NAME, MAX_PORT_BOUNDS, NAME_SLOTS, NameKey, NameRule,
        PROFILE_SLOTS, Prefix4, Prefix6, Profile, SHORT_LIST, Services, Zones4, Zones6,
    },
};
use crate::{limits::MAX_STRANGER_PORTS, mac::Mac};

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
#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::{Answer, Contact, Stranger, Told},
        flow::{Flow, FlowKey, Flushed, Missing, Recent},
    };

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
