//! Tells the service manager how the daemon is doing, as `sd_notify(3)` has it. Without a service
//! manager there is nobody to tell, and nothing is done.

use std::{future, time::Duration};

use sd_notify::NotifyState;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use tracing::warn;

/// How long a change may take before the daemon no longer counts as alive. Far more than any takes.
const CHANGE_PATIENCE: Duration = Duration::from_mins(2);

/// The service manager, if there is one.
#[derive(Debug, Default)]
pub(super) struct Manager {
    watchdog: Option<Interval>,
}

impl Manager {
    /// The one that started this process, as the environment says. Needs a tokio runtime.
    pub(super) fn from_environment() -> Self {
        let period = sd_notify::watchdog_enabled().map(|timeout| timeout / 2);
        let watchdog = period.filter(|period| !period.is_zero()).map(|period| {
            let mut ticks = interval_at(Instant::now() + period, period);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        });
        Self { watchdog }
    }

    /// Waits until a sign of life is due; forever if nobody waits for one.
    pub(super) async fn due(&mut self) {
        match &mut self.watchdog {
            Some(ticks) => {
                ticks.tick().await;
            }
            None => future::pending().await,
        }
    }
}

/// A sign of life, unless a change has been under way since so long ago that it must hang.
pub(super) fn alive(change_since: Option<std::time::Instant>) {
    match change_since.map(|since| since.elapsed()) {
        Some(elapsed) if elapsed > CHANGE_PATIENCE => {
            warn!("a change has been under way for {} s", elapsed.as_secs());
        }
        _ => tell(&[NotifyState::Watchdog]),
    }
}

/// The fence is up, or a reload has ended; and this is how it stands, on one line.
pub(super) fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// How the fence stands, on one line.
pub(super) fn status(status: &str) {
    tell(&[NotifyState::Status(status)]);
}

/// A reload begins. [`ready`] ends it.
pub(super) fn reloading() {
    // systemd wants the time with it from version 253 on.
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => warn!("no clock for the service manager: {error}"),
    }
}

/// The daemon ends.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("ended; the fence stands")]);
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        warn!("cannot tell the service manager: {error}");
    }
}
