//! When something was that the kernel saw.

use std::time::{Duration, SystemTime};

use humantime::format_rfc3339_millis;

use crate::kernel::clock::{awake, since_boot};

/// The last moment that has a four-digit year.
const LAST_MOMENT: Duration = Duration::from_secs(253_402_300_799);

/// The same moment on a clock of the kernel's and on the wall.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    pub(crate) kernel: Duration,
    pub(crate) since_epoch: Duration,
}

impl Now {
    /// This moment, for times since boot.
    pub fn since_boot() -> Self {
        Self::of(since_boot())
    }

    /// This moment, for times since boot without suspension. What was before the last one is told as if
    /// it had been later.
    pub fn awake() -> Self {
        Self::of(awake())
    }

    fn of(kernel: Duration) -> Self {
        Self { kernel, since_epoch: SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default() }
    }

    /// How long ago something was that the kernel saw at this time of its clock.
    pub const fn since(self, moment: Duration) -> Duration {
        self.kernel.saturating_sub(moment)
    }

    /// When that was, since the epoch. It may be a little later than this moment.
    pub fn moment(self, moment: Duration) -> Duration {
        let later = moment.saturating_sub(self.kernel);
        let since_epoch = self.since_epoch.saturating_add(later);
        since_epoch.saturating_sub(self.since(moment)).min(LAST_MOMENT)
    }

    /// This moment: RFC 3339, UTC.
    pub fn text(self) -> String {
        self.timestamp(self.kernel)
    }

    /// When that was: RFC 3339, UTC.
    pub(crate) fn timestamp(self, moment: Duration) -> String {
        format_rfc3339_millis(SystemTime::UNIX_EPOCH + self.moment(moment)).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn clocks_that_are_wrong_break_nothing() {
        let early = Now { kernel: 100 * SECOND, since_epoch: Duration::ZERO };
        assert_eq!(early.timestamp(SECOND), "1970-01-01T00:00:00.000Z");
        let late = Now { kernel: SECOND, since_epoch: Duration::MAX };
        assert_eq!(late.timestamp(2 * SECOND), "9999-12-31T23:59:59.000Z");
        assert_eq!(late.since(2 * SECOND), Duration::ZERO, "seen since the clock was read");
    }
}
