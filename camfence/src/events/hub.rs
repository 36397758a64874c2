//! Hands events to whoever listens, and remembers the last.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use camfence_common::mac::Mac;
use tokio::sync::{Notify, broadcast};

use super::{Event, Kind};

/// Events that are remembered.
pub const REMEMBERED: usize = 4_096;

/// Events that a listener may be behind.
pub const MOST_BEHIND: usize = 1_024;

/// Cameras whose contacts are counted: as many as a fence can have.
const MOST_COUNTED: usize = camfence_common::limits::MAX_CAMERAS as usize;

/// What was told, since the daemon started.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    /// Events, by kind.
    pub told: BTreeMap<Kind, u64>,
    /// Events that were not told, by what they would have been.
    pub lost: BTreeMap<String, u64>,
    /// First contacts, by camera.
    pub contacts: BTreeMap<Mac, u64>,
    /// Unknown sources, by port.
    pub strangers: BTreeMap<String, u64>,
}

/// What was told, and who listens. Clones are of the same.
#[derive(Debug, Clone)]
pub struct Hub(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    live: broadcast::Sender<Arc<Event>>,
    /// How many want to know of drops.
    drops: AtomicUsize,
    drops_wanted: Notify,
}

#[derive(Debug, Default)]
struct State {
    last: u64,
    remembered: VecDeque<Arc<Event>>,
    counts: Counts,
}

/// What a listener hears.
#[derive(Debug, Clone)]
pub enum Heard {
    /// An event.
    Event(Arc<Event>),
    /// It was too slow for so many.
    Missed(u64),
}

/// Wants to know of drops for as long as it lives.
#[derive(Debug)]
pub struct WantsDrops(Hub);

impl Drop for WantsDrops {
    fn drop(&mut self) {
        self.0.0.drops.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Hears every event from when it was made.
#[derive(Debug)]
pub struct Listening(broadcast::Receiver<Arc<Event>>);

impl Listening {
    /// Waits for the next; none if there will be none. May be cancelled.
    pub async fn next(&mut self) -> Option<Heard> {
        match self.0.recv().await {
            Ok(event) => Some(Heard::Event(event)),
            Err(broadcast::error::RecvError::Lagged(missed)) => Some(Heard::Missed(missed)),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

impl Default for Hub {
    fn default() -> Self {
        let (live, _) = broadcast::channel(MOST_BEHIND);
        let (drops, drops_wanted) = (AtomicUsize::new(0), Notify::new());
        Self(Arc::new(Inner { state: Mutex::default(), live, drops, drops_wanted }))
    }
}

impl Hub {
    /// Tells an event.
    pub fn tell(&self, mut event: Event) {
        let mut state = self.state();
        state.last += 1;
        event.seq = state.last;
        state.count(&event);
        if state.remembered.len() >= REMEMBERED {
            state.remembered.pop_front();
        }
        let event = Arc::new(event);
        state.remembered.push_back(Arc::clone(&event));
        // With the lock held, so that a listener misses none between those remembered and the next.
        // That nobody listens is no error.
        let _ = self.0.live.send(event);
    }

    /// The events that are remembered with a number above this, and all that come.
    pub fn listen(&self, since: u64) -> (Vec<Arc<Event>>, Listening) {
        let state = self.state();
        let remembered = state.remembered.iter().filter(|event| event.seq > since);
        (remembered.cloned().collect(), Listening(self.0.live.subscribe()))
    }

    /// The last that are remembered, at most so many, the last first.
    pub fn last(&self, most: usize) -> Vec<Arc<Event>> {
        self.state().remembered.iter().rev().take(most).cloned().collect()
    }

    /// Has drops be told.
    pub fn want_drops(&self) -> WantsDrops {
        if self.0.drops.fetch_add(1, Ordering::Relaxed) == 0 {
            self.0.drops_wanted.notify_one();
        }
        WantsDrops(self.clone())
    }

    /// Whether somebody wants to know of drops.
    pub fn are_drops_wanted(&self) -> bool {
        self.0.drops.load(Ordering::Relaxed) > 0
    }

    /// Waits until somebody wants to know of drops. May be cancelled.
    pub async fn drops_wanted(&self) {
        while !self.are_drops_wanted() {
            self.0.drops_wanted.notified().await;
        }
    }

    /// What was told.
    pub fn counts(&self) -> Counts {
        self.state().counts.clone()
    }

    /// Counts events that a listener missed, or that could not be written.
    pub fn count_lost(&self, of: &str, count: u64) {
        *self.state().counts.lost.entry(of.to_owned()).or_default() += count;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that is done with it panics half way.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn count(&mut self, event: &Event) {
        let counts = &mut self.counts;
        *counts.told.entry(event.event).or_default() += 1;
        match event.event {
            Kind::FirstContact => {
                let mac = event.mac.as_ref().and_then(|mac| mac.parse().ok());
                // Those of unknown sources have no name.
                if let (Some(mac), Some(_)) = (mac, &event.camera)
                    && (counts.contacts.len() < MOST_COUNTED || counts.contacts.contains_key(&mac))
                {
                    *counts.contacts.entry(mac).or_default() += 1;
                }
            }
            Kind::UnknownSource => {
                if let Some(interface) = &event.interface {
                    *counts.strangers.entry(interface.clone()).or_default() += 1;
                }
            }
            Kind::Lost => {
                if let (Some(of), Some(count)) = (&event.of, event.count) {
                    *counts.lost.entry(of.clone()).or_default() += count;
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: Kind) -> Event {
        Event::new(kind, "t".into())
    }

    fn numbers(events: &[Arc<Event>]) -> Vec<u64> {
        events.iter().map(|event| event.seq).collect()
    }

    #[tokio::test]
    async fn a_listener_hears_what_was_and_what_comes() {
        let hub = Hub::default();
        (0..3).for_each(|_| hub.tell(event(Kind::Up)));
        let (before, mut listening) = hub.listen(1);
        assert_eq!(numbers(&before), [2, 3]);
        assert_eq!(numbers(&hub.last(2)), [3, 2]);
        hub.tell(event(Kind::Down));
        let Some(Heard::Event(heard)) = listening.next().await else { panic!("nothing") };
        assert_eq!((heard.seq, heard.event), (4, Kind::Down));
        assert_eq!(hub.counts().told, BTreeMap::from([(Kind::Up, 3), (Kind::Down, 1)]));
    }

    #[tokio::test]
    async fn only_the_last_are_remembered_and_the_slow_miss_some() {
        let hub = Hub::default();
        let (_, mut slow) = hub.listen(0);
        let most = REMEMBERED as u64 + 10;
        (0..most).for_each(|_| hub.tell(event(Kind::Dropped)));
        let (before, _) = hub.listen(0);
        assert_eq!((before.len(), before[0].seq), (REMEMBERED, 11));
        let Some(Heard::Missed(missed)) = slow.next().await else { panic!("nothing missed") };
        assert_eq!(missed, most - MOST_BEHIND as u64);
        let Some(Heard::Event(next)) = slow.next().await else { panic!("nothing") };
        assert_eq!(next.seq, missed + 1);
    }

    #[tokio::test]
    async fn drops_are_wanted_as_long_as_somebody_does() {
        let hub = Hub::default();
        assert!(!hub.are_drops_wanted());
        let (one, two) = (hub.want_drops(), hub.want_drops());
        hub.drops_wanted().await;
        drop(one);
        assert!(hub.are_drops_wanted());
        drop(two);
        assert!(!hub.are_drops_wanted());
    }

    #[test]
    fn losses_are_counted_by_kind() {
        let hub = Hub::default();
        for count in [3, 4] {
            let (of, count) = (Some("first-contact".into()), Some(count));
            hub.tell(Event { of, count, ..event(Kind::Lost) });
        }
        hub.count_lost("dropped", 2);
        let expected = [("dropped".to_owned(), 2), ("first-contact".to_owned(), 7)];
        assert_eq!(hub.counts().lost, BTreeMap::from(expected));
    }
}
