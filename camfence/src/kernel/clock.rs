//! The kernel's clocks.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Time since boot, suspension included: what deadlines and sightings are in.
pub fn since_boot() -> Duration {
    read(ClockId::Boottime)
}

/// Time since boot, suspension left out: what the ledger is in.
pub fn awake() -> Duration {
    read(ClockId::Monotonic)
}

fn read(clock: ClockId) -> Duration {
    let now = clock_gettime(clock);
    // The kernel gives no negative ones.
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
}
