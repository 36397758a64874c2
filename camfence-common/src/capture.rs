//! What the programs tell of frames while somebody captures.

use bytemuck::{Pod, Zeroable};

use crate::{
    mac::Mac,
    reason::{Direction, Effect, Reason},
};

/// Bytes of a frame that are captured at most. A record of the kernel's has a length of 16 bits
/// (`perf_event_header`, `linux/perf_event.h`).
pub const MAX_SNAPLEN: u32 = 65_000;

/// Which frames are captured. The programs have it as a read-only global.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Wish {
    /// Bytes of each frame, at most.
    pub snaplen: u32,
    /// The camera; all if it is zero.
    pub mac: Mac,
    /// 1 if any frames are.
    pub on: u8,
    /// 1 if only those that are dropped.
    pub dropped: u8,
}

impl Wish {
    /// No frames.
    pub const NONE: Self = Self { snaplen: 0, mac: Mac([0; 6]), on: 0, dropped: 0 };

    /// Those of a camera, or of all.
    pub const fn new(snaplen: u32, mac: Option<Mac>, only_dropped: bool) -> Self {
        let mac = match mac {
            Some(mac) => mac,
            None => Mac([0; 6]),
        };
        Self { snaplen, mac, on: 1, dropped: only_dropped as u8 }
    }
}

/// What is told of a frame; its bytes come behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Caught {
    /// When: nanoseconds since boot, suspension left out (`CLOCK_MONOTONIC`).
    pub time: u64,
    /// The port's interface index.
    pub ifindex: u32,
    /// Bytes of the frame, or of what stands for several.
    pub len: u32,
    /// Bytes that come behind.
    pub captured: u32,
    /// The VLAN tag that the kernel keeps beside the frame: protocol and tag control information, as
    /// on the wire; 0 if there is none.
    pub tag: u32,
    /// The index of the reason.
    pub reason: u8,
    /// The direction's index.
    pub direction: u8,
    /// [`Caught::AT_XDP`] or [`Caught::AT_TC`].
    pub hook: u8,
    /// 1 if it passed.
    pub passed: u8,
    /// Zero.
    pub zero: u32,
}

impl Caught {
    /// [`hook`](Self::hook) of XDP.
    pub const AT_XDP: u8 = 0;
    /// [`hook`](Self::hook) of TC.
    pub const AT_TC: u8 = 1;

    /// As it is told.
    #[inline(always)]
    pub fn as_bytes(&self) -> &[u8] {
        bytemuck::bytes_of(self)
    }

    /// Why it passed or was dropped. None if this version has no such reason.
    pub fn reason(&self) -> Option<Reason> {
        Reason::ALL.get(usize::from(self.reason)).copied()
    }

    /// Which way it went.
    pub fn direction(&self) -> Option<Direction> {
        Direction::ALL.into_iter().find(|direction| direction.index() == self.direction.into())
    }

    /// What became of it.
    pub const fn effect(&self) -> Effect {
        if self.passed == 0 { Effect::Drop } else { Effect::Pass }
    }
}
