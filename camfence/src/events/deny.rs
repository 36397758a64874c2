//! The deny log: what is dropped, by destination and second, a line each.
//!
//! A thread of its own writes it. Whatever it waits for, nothing else waits for it: lines that find no
//! place in its queue, or on a disk that is full, are lost and counted.

mod file;
mod journal;

use std::{
    io::{self, Write as _},
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread,
};

use tokio::sync::watch;
use tracing::warn;

use self::{file::LogFile, journal::Journal};
use super::{
    Event, Hub, Kind,
    hub::{Heard, Listening},
};
use crate::config::{Config, DenyLog, Format, Sink};

/// Lines that may wait to be written.
const QUEUE: usize = 1_024;

/// What lines are counted under that could not be written.
const LOST: &str = "deny-log";

/// Writes the log as the configuration wants it, until dropped.
pub(crate) async fn log_drops(hub: Hub, mut config: watch::Receiver<Arc<Config>>) {
    loop {
        let log = config.borrow_and_update().log.clone();
        let goes_on = match log {
            Some(log) => write(&hub, &mut config, &log).await,
            None => config.changed().await.is_ok(),
        };
        if !goes_on {
            return;
        }
    }
}

/// Writes a log until the configuration wants another. False if there will be no other.
async fn write(hub: &Hub, config: &mut watch::Receiver<Arc<Config>>, log: &DenyLog) -> bool {
    let _wants = hub.want_drops();
    // None of those that are remembered: they were written, or are of a time without a log.
    let (_, mut listening) = hub.listen(u64::MAX);
    let queue = start(log.clone(), hub.clone());
    loop {
        tokio::select! {
            changed = config.changed() => {
                if changed.is_err() || config.borrow_and_update().log.as_ref() != Some(log) {
                    return changed.is_ok();
                }
            }
            event = next(hub, &mut listening) => enqueue(hub, &queue, event),
        }
    }
}

/// The next that is to be logged.
async fn next(hub: &Hub, listening: &mut Listening) -> Arc<Event> {
    loop {
        match listening.next().await {
            Some(Heard::Event(event)) if event.event == Kind::Dropped => return event,
            Some(Heard::Event(_)) => {}
            Some(Heard::Missed(count)) => hub.count_lost(LOST, count),
            None => std::future::pending().await,
        }
    }
}

fn enqueue(hub: &Hub, queue: &SyncSender<Arc<Event>>, event: Arc<Event>) {
    match queue.try_send(event) {
        Ok(()) => {}
        Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => hub.count_lost(LOST, 1),
    }
}

/// Starts the thread that writes what comes from the queue, and ends with it.
fn start(log: DenyLog, hub: Hub) -> SyncSender<Arc<Event>> {
    let (queue, events) = sync_channel(QUEUE);
    let started = thread::Builder::new()
        .name("deny-log".into())
        .spawn(move || write_all(&log, &hub, &events));
    if let Err(error) = started {
        warn!("what is dropped cannot be logged: {error}");
    }
    queue
}

fn write_all(log: &DenyLog, hub: &Hub, events: &Receiver<Arc<Event>>) {
    let mut writer = Writer::new(log);
    // Said when it begins, and not for each line.
    let mut fails = false;
    for event in events {
        let written = writer.write(&event, log.format);
        if let Err(error) = &written {
            hub.count_lost(LOST, 1);
            if !fails {
                warn!("what is dropped cannot be logged, and is counted as lost: {error}");
            }
        }
        fails = written.is_err();
    }
}

/// Where lines are written.
enum Writer {
    Stdout,
    Journal(Journal),
    File(LogFile),
}

impl Writer {
    fn new(log: &DenyLog) -> Self {
        match &log.deny {
            Sink::Stdout => Self::Stdout,
            Sink::Journal => Self::Journal(Journal::default()),
            Sink::File(path) => Self::File(LogFile::new(path.clone(), log.max_size)),
        }
    }

    fn write(&mut self, event: &Event, format: Format) -> io::Result<()> {
        let line = || {
            let line = match format {
                Format::Logfmt => event.logfmt(),
                Format::Json => serde_json::to_string(event).unwrap_or_default(),
            };
            line + "\n"
        };
        match self {
            Self::Stdout => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(line().as_bytes())?;
                stdout.flush()
            }
            Self::Journal(journal) => journal.write(event, line().trim_end()),
            Self::File(file) => file.write(line().as_bytes()),
        }
    }
}
