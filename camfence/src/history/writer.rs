//! The daemon's thread that writes the history: once a minute, and at its end.
//!
//! It is a thread of its own, and nothing waits for it: neither a slow disk nor one that is full or
//! broken keeps anything else from being done. What goes wrong is told once, and tried again.

use std::{
    collections::BTreeMap,
    env, io, mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use camfence_common::mac::Mac;
use tokio::sync::watch;
use tracing::{info, warn};

use super::{
    path,
    reach::{Reach, Reached},
    store::{Added, Result, Store},
};
use crate::{
    config::Config,
    fence::{Fence, Reading},
    networks::Networks,
};

/// How often it is written.
const INTERVAL: Duration = Duration::from_mins(1);

/// Environment variable that says another time, for tests.
pub const INTERVAL_VARIABLE: &str = "CAMFENCE_HISTORY_INTERVAL";

/// Readings that wait to be written; more are made only while the disk does not take any.
const MOST_PENDING: usize = 3;

/// How long the end of the daemon waits for the last write.
const LAST_PATIENCE: Duration = Duration::from_secs(5);

/// A clock that tells an earlier time, since 1970, was never set: 2025.
const CLOCK_SET: Duration = Duration::from_hours(24 * 20_089);

/// What is to be told of the history.
#[derive(Debug, Clone, Default)]
pub struct Status {
    /// Bytes of the database; none if there is none.
    pub bytes: Option<u64>,
    /// When it was up to date last, since 1970.
    pub written: Option<Duration>,
    /// How often it could not be written.
    pub errors: u64,
    /// Where cameras tried to reach.
    pub reached: BTreeMap<Mac, Reached>,
    /// Whether countries are known.
    pub has_countries: bool,
    /// Whether networks are known.
    pub has_networks: bool,
}

/// The thread, for others.
#[derive(Debug, Clone)]
pub struct Writer {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
    status: Mutex<Status>,
}

#[derive(Debug, Default)]
struct Queue {
    /// Readings in the order in which they were made.
    pending: Vec<Reading>,
    is_ending: bool,
    has_ended: bool,
}

impl Writer {
    /// Starts the thread for a fence, with a configuration that changes.
    pub fn start(fence: Fence, config: watch::Receiver<Arc<Config>>) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let keeper = Keeper::new(fence, config, Arc::clone(&shared));
        thread::Builder::new().name("history".into()).spawn(|| keeper.run())?;
        Ok(Self { shared })
    }

    /// Reads what was counted now, as it is about to end or has just begun. It is written soon.
    pub fn note(&self, fence: &Fence) {
        let mut queue = locked(&self.shared.queue);
        if queue.pending.len() < MOST_PENDING {
            // Without a fence there is nothing to note.
            queue.pending.extend(fence.reading().ok());
            self.shared.wake.notify_all();
        }
    }

    /// What is to be told.
    pub fn status(&self) -> Status {
        locked(&self.shared.status).clone()
    }

    /// Has it write for the last time, and waits for that as long as can be waited.
    pub fn finish(&self) {
        let mut queue = locked(&self.shared.queue);
        queue.is_ending = true;
        self.shared.wake.notify_all();
        let ended = self.shared.wake.wait_timeout_while(queue, LAST_PATIENCE, |it| !it.has_ended);
        if ended.is_ok_and(|(_, waited)| waited.timed_out()) {
            warn!("the history could not be written in time");
        }
    }
}

/// A thread that panicked has left nothing half done that matters.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How often it is written.
fn interval() -> Duration {
    let written = env::var(INTERVAL_VARIABLE).ok();
    let written = written.and_then(|text| humantime::parse_duration(&text).ok());
    written.map_or(INTERVAL, |interval| interval.max(Duration::from_millis(10)))
}

/// What the thread has.
struct Keeper {
    fence: Fence,
    config: watch::Receiver<Arc<Config>>,
    shared: Arc<Shared>,
    store: Option<Store>,
    networks: Networks,
    reach: Reach,
    /// The configuration that the networks were read for.
    read_for: Option<Arc<Config>>,
    /// Whether the next reading tells of what was never written, and so of nothing new.
    is_first: bool,
    /// What was told of what is wrong.
    told: Option<String>,
}

impl Keeper {
    fn new(fence: Fence, config: watch::Receiver<Arc<Config>>, shared: Arc<Shared>) -> Self {
        Self {
            fence,
            config,
            shared,
            store: None,
            networks: Networks::default(),
            reach: Reach::default(),
            read_for: None,
            is_first: true,
            told: None,
        }
    }

    fn run(mut self) {
        let interval = interval();
        // It takes a while to look through a large one.
        self.write(&[]);
        let mut next = Instant::now() + interval;
        loop {
            let (readings, is_ending) = self.wait(next);
            if Instant::now() >= next {
                next = Instant::now() + interval;
            }
            self.write(&readings);
            if is_ending {
                break;
            }
        }
        let Self { shared, store, .. } = self;
        drop(store);
        locked(&shared.queue).has_ended = true;
        shared.wake.notify_all();
    }

    /// Waits until there is something to write: at the time for it, or when somebody noted something.
    fn wait(&self, next: Instant) -> (Vec<Reading>, bool) {
        let mut queue = locked(&self.shared.queue);
        loop {
            let left = next.saturating_duration_since(Instant::now());
            let is_due = left.is_zero() || queue.is_ending;
            if is_due {
                // Others note theirs before or behind this one, so that they stay in their order.
                queue.pending.extend(self.fence.reading().ok());
            }
            if is_due || !queue.pending.is_empty() {
                return (mem::take(&mut queue.pending), queue.is_ending);
            }
            let woken = self.shared.wake.wait_timeout(queue, left);
            queue = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Writes readings, each on top of the one before.
    fn write(&mut self, readings: &[Reading]) {
        let config = Arc::clone(&self.config.borrow());
        let written = match self.open(&config) {
            Ok(()) => readings.iter().try_for_each(|reading| self.add(reading, &config)),
            Err(error) => Err(error.to_string()),
        };
        match written {
            Ok(()) if self.told.take().is_some() => info!("the history is written again"),
            Ok(()) => {}
            Err(why) => {
                locked(&self.shared.status).errors += 1;
                if self.told.as_ref() != Some(&why) {
                    warn!("no history is written, and it is tried again: {why}");
                }
                self.told = Some(why);
            }
        }
        let mut status = locked(&self.shared.status);
        status.bytes = self.store.as_ref().map(Store::bytes);
        status.reached = self.reach.counts();
        status.has_countries = self.networks.has_countries();
        status.has_networks = self.networks.has_networks();
    }

    /// Opens the database of a configuration, if it is not open, and reads what is said of networks.
    fn open(&mut self, config: &Arc<Config>) -> Result<()> {
        let path = path(config);
        let has_moved = self.store.as_ref().is_some_and(|store| store.path() != path);
        if has_moved || !config.history.enabled {
            self.store = None;
        }
        let is_opened = self.store.is_none() && config.history.enabled;
        if is_opened {
            self.store = Some(Store::open(&path)?);
        }
        let is_read = self.read_for.as_ref().is_some_and(|of| Arc::ptr_eq(of, config));
        if !is_read {
            self.read_networks(config);
        }
        if is_opened || !is_read { self.learn(config) } else { Ok(()) }
    }

    fn read_networks(&mut self, config: &Arc<Config>) {
        let (networks, errors) = Networks::load(&config.networks);
        for error in errors {
            warn!("{error}");
        }
        (self.networks, self.read_for) = (networks, Some(Arc::clone(config)));
    }

    /// Learns from what was written where cameras were.
    fn learn(&mut self, config: &Config) -> Result<()> {
        let registered: Vec<Mac> = config.cameras.iter().map(|camera| camera.mac).collect();
        self.reach.forget();
        self.reach.keep(&registered);
        let Some(store) = &self.store else { return Ok(()) };
        if !self.networks.has_countries() && !self.networks.has_networks() {
            return Ok(());
        }
        let mut flows = 0_u64;
        let (reach, networks) = (&mut self.reach, &self.networks);
        store.read()?.flows(None, |key, _| {
            flows += 1;
            reach.meet(&key, networks, true);
        })?;
        self.is_first &= flows == 0;
        Ok(())
    }

    fn add(&mut self, reading: &Reading, config: &Arc<Config>) -> std::result::Result<(), String> {
        if reading.since_epoch < CLOCK_SET {
            return Err("the clock was never set".into());
        }
        let Some(mut store) = self.store.take() else { return Ok(()) };
        let names = config.cameras.iter().map(|camera| (camera.mac, camera.name.clone()));
        let settings = &config.history;
        let added = store.shrink(settings.max_size).and_then(|shrunk| {
            let added = store.add(reading, &names.collect(), settings)?;
            Ok(Added { pruned: added.pruned || shrunk, ..added })
        });
        let added = match added {
            Ok(added) => added,
            Err(error) => {
                // One that is set aside is told there, and the next is begun with the next reading.
                let aside = store.set_aside_after(&error);
                let aside = aside.map_err(|error| error.to_string())?;
                return if aside { Ok(()) } else { Err(error.to_string()) };
            }
        };
        self.store = Some(store);
        for key in &added.flows {
            self.reach.meet(key, &self.networks, self.is_first);
        }
        self.is_first = false;
        if added.pruned {
            self.learn(config).map_err(|error| error.to_string())?;
        }
        locked(&self.shared.status).written = Some(reading.since_epoch);
        Ok(())
    }
}
