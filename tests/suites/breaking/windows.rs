//! When a camera's frames may pass.
//!
//! A window is opened by the test before it does what takes a port's fence away, and closed when
//! calls away have been dropped for a while. Frames are told by their numbers: what was sent before
//! a window was opened, or after it was closed, must not arrive.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::home::{CAMERAS, UNFENCED, WATCHES};
use crate::stamp::Kind;
use crate::traffic::{Leak, PERIOD, Traffic};

/// Why a window is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// The port lost its fence, and the daemon has to put it back.
    Unfenced,
    /// The configuration says so: the camera was removed, opened, or moved where no fence is.
    Allowed,
}

/// A time in which a camera's frames may pass.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    pub(crate) action: &'static str,
    pub(crate) camera: usize,
    pub(crate) why: Why,
    /// The first frame of each kind that may pass.
    from: [u64; 3],
    /// The first that may not any more; none while it is open.
    until: Option<[u64; 3]>,
}

/// All windows.
#[derive(Debug, Default)]
pub(crate) struct Windows(Vec<Window>);

impl Windows {
    /// Opens one.
    pub(crate) fn open(
        &mut self,
        traffic: &Traffic,
        action: &'static str,
        camera: usize,
        why: Why,
    ) {
        let from = sent(traffic, camera);
        self.0.push(Window { action, camera, why, from, until: None });
    }

    /// Closes a camera's windows, from the next frame on.
    pub(crate) fn close(&mut self, traffic: &Traffic, camera: usize) {
        // The frame that is being sent has the number of those that were.
        let until = sent(traffic, camera).map(|sent| sent + 1);
        for window in self.0.iter_mut().filter(|window| window.camera == camera) {
            window.until.get_or_insert(until);
        }
    }

    /// Fails if one of the leaks was outside of the windows.
    pub(crate) fn judge(&self, leaks: &[Leak]) -> Result<()> {
        let outside: Vec<_> =
            leaks.iter().filter(|leak| !self.0.iter().any(|window| window.covers(leak))).collect();
        let Some(first) = outside.first() else { return Ok(()) };
        let last = outside.last().unwrap_or(first);
        let name = CAMERAS[usize::from(first.stamp.camera)].name;
        ensure!(
            outside.is_empty(),
            "{} frames of {name} leaked while its port was fenced: {first:?} to {last:?}",
            outside.len()
        );
        Ok(())
    }

    /// For how long frames passed, for each window in which a port had lost its fence.
    pub(crate) fn durations(&self, leaks: &[Leak]) -> Vec<(&'static str, Duration)> {
        let unfenced = self.0.iter().filter(|window| window.why == Why::Unfenced);
        unfenced.map(|window| (window.action, window.duration(leaks))).collect()
    }
}

impl Window {
    fn covers(&self, leak: &Leak) -> bool {
        let (kind, number) = (leak.stamp.kind as usize, leak.stamp.number);
        usize::from(leak.stamp.camera) == self.camera
            && number >= self.from[kind]
            && self.until.is_none_or(|until| number < until[kind])
    }

    /// From the first frame that passed to the last, and one frame more.
    fn duration(&self, leaks: &[Leak]) -> Duration {
        let fenced = |leak: &&Leak| self.covers(leak) && leak.seen_by != WATCHES[UNFENCED];
        let times = leaks.iter().filter(fenced).map(|leak| leak.stamp.sent_at);
        match (times.clone().min(), times.max()) {
            (Some(first), Some(last)) => Duration::from_nanos(last - first) + PERIOD,
            _ => Duration::ZERO,
        }
    }
}

fn sent(traffic: &Traffic, camera: usize) -> [u64; 3] {
    Kind::OF_CAMERAS.map(|kind| traffic.camera(camera).sent(kind))
}
