//! The kernel's clock.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Time since boot, suspension included: what the programs read.
pub fn since_boot() -> Duration {
    let now = clock_gettime(ClockId::Boottime);
    // The kernel gives no negative ones.
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
}
