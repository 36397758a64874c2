//! What a fence tells while it stands: to those who listen, not by looking at all of it.

use std::{collections::BTreeMap, time::Duration};

use camfence_common::{
    abi::{CANARY, Subject},
    mac::Mac,
    reason::{Direction, Effect, Reason},
};

use super::{Fence, Result};
use crate::{
    events::drops::{MOST_FLOWS, Reading},
    kernel::{clock::awake, events::Listener, maps::Maps, root::Generation},
};

/// How far a coarse clock may be behind: a few ticks.
const BEHIND: Duration = Duration::from_millis(100);

/// How far back flows of a ledger that is very large are remembered, when it is begun to look.
const LATELY: Duration = Duration::from_mins(10);

impl Fence {
    /// Listens to what the programs tell. One process can do so at a time. Needs a tokio runtime.
    pub fn listen(&self) -> Result<Listener> {
        Ok(Listener::open(&self.root)?)
    }

    /// Whether a listener hears the programs in use.
    pub fn is_heard_by(&self, listener: &Listener) -> bool {
        listener.is_current(&self.root)
    }

    /// What was dropped until now, and the flows that had a frame since a time of the ledger's clock, or
    /// without one as many as there may be; with the generation of maps that know it.
    pub fn dropped(&self, since: Option<u64>) -> Result<(Option<Generation>, Reading)> {
        let time = nanos(awake().saturating_sub(BEHIND));
        let maps = Maps::open(&self.root)?;
        let mut reading = Reading { time, ..Reading::default() };
        let slots = maps.slots_in_use()?;
        reading.cameras = slots.subjects().filter(|it| is_counted(*it)).filter_map(mac).collect();
        maps.count(&slots, |subject, counters| {
            if !is_counted(subject) {
                return;
            }
            for direction in Direction::ALL {
                for reason in Reason::ALL.into_iter().filter(|of| of.effect() == Effect::Drop) {
                    let tally = counters.by[direction.index()][reason.index()];
                    if !tally.is_zero() {
                        reading
                            .counters
                            .entry((mac(subject), direction, reason))
                            .or_default()
                            .add(tally);
                    }
                }
            }
        })?;
        let is_large = maps.room()?.flows as usize > MOST_FLOWS;
        let first = if is_large { time.saturating_sub(nanos(LATELY)) } else { 0 };
        reading.flows = maps.dropped_flows(since.unwrap_or(first), MOST_FLOWS)?;
        Ok((maps.generation().cloned(), reading))
    }

    /// The cameras that the fence is open for, each with how long it still is.
    pub fn opened(&self) -> Result<BTreeMap<Mac, Duration>> {
        let maps = Maps::open(&self.root)?;
        let opened = maps.all_opened(&maps.slots_in_use()?)?.into_iter();
        let of_camera = |(subject, left)| Some((mac(subject)?, left));
        Ok(opened.filter_map(of_camera).collect())
    }
}

/// Whether somebody's frames are counted there.
const fn is_counted(subject: Subject) -> bool {
    !matches!(subject, Subject::Camera(CANARY))
}

/// Whose they are; none if they are those of unknown sources.
const fn mac(subject: Subject) -> Option<Mac> {
    match subject {
        Subject::Camera(mac) => Some(mac),
        Subject::Strangers(_) => None,
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
