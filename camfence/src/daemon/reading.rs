//! The verbs that only read, and are answered by as many lines as there are.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use futures_util::stream::{self, BoxStream, StreamExt as _};
use humantime::format_rfc3339_millis;
use serde::Serialize;

use super::protocol::Request;
use crate::{
    events::{
        Event, Hub, Kind,
        hub::{Heard, Listening, WantsDrops},
    },
    names::{NameLine, Names},
};

/// Lines of JSON, each with its end. They may never end.
pub(super) type Lines = BoxStream<'static, String>;

/// What there is to read.
#[derive(Debug, Clone, Default)]
pub(super) struct Sources {
    pub(super) hub: Hub,
    pub(super) names: Arc<Mutex<Names>>,
}

impl Sources {
    /// The answer to a verb that reads; none to one that does not.
    pub(super) fn lines(&self, request: &Request) -> Option<Lines> {
        match *request {
            Request::Events { follow, drops, since } => Some(self.events(follow, drops, since)),
            Request::Names => Some(self.names()),
            _ => None,
        }
    }

    fn events(&self, follow: bool, drops: bool, since: u64) -> Lines {
        let (remembered, listening) = self.hub.listen(since);
        let wants = (follow && drops).then(|| self.hub.want_drops());
        let follower = Follower {
            hub: self.hub.clone(),
            remembered: remembered.into(),
            listening: follow.then_some(listening),
            drops,
            _wants: wants,
        };
        let next = |mut follower: Follower| async { Some((follower.next().await?, follower)) };
        stream::unfold(follower, next).boxed()
    }

    fn names(&self) -> Lines {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let lines: Vec<String> = names
            .iter()
            .map(|(mac, address, named)| {
                line(&NameLine {
                    mac: mac.to_string(),
                    address,
                    name: named.name.clone(),
                    learned: format_rfc3339_millis(named.learned).to_string(),
                })
            })
            .collect();
        stream::iter(lines).boxed()
    }
}

/// Somebody who reads events.
struct Follower {
    hub: Hub,
    remembered: VecDeque<Arc<Event>>,
    listening: Option<Listening>,
    drops: bool,
    _wants: Option<WantsDrops>,
}

impl Follower {
    async fn next(&mut self) -> Option<String> {
        while let Some(event) = self.remembered.pop_front() {
            if self.is_wanted(&event) {
                return Some(line(&*event));
            }
        }
        let listening = self.listening.as_mut()?;
        loop {
            match listening.next().await? {
                Heard::Event(event) if self.drops || event.event != Kind::Dropped => {
                    return Some(line(&*event));
                }
                Heard::Event(_) => {}
                Heard::Missed(count) => {
                    self.hub.count_lost(SLOW, count);
                    return Some(line(&missed(count)));
                }
            }
        }
    }

    fn is_wanted(&self, event: &Event) -> bool {
        self.drops || event.event != Kind::Dropped
    }
}

/// What events are counted under that a follower was too slow for.
const SLOW: &str = "follower";

fn missed(count: u64) -> Event {
    let time = format_rfc3339_millis(SystemTime::now()).to_string();
    let (of, by) = (Some("all".into()), Some("a slow reader".into()));
    Event { count: Some(count), of, by, ..Event::new(Kind::Lost, time) }
}

fn line(value: &impl Serialize) -> String {
    // What is written here has no maps with other keys than text, and so becomes JSON.
    serde_json::to_string(value).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(lines: &[String]) -> Vec<Kind> {
        lines.iter().map(|line| serde_json::from_str::<Event>(line).unwrap().event).collect()
    }

    fn tell(hub: &Hub, kind: Kind) {
        hub.tell(Event::new(kind, "t".into()));
    }

    #[tokio::test]
    async fn events_that_are_remembered_come_first() {
        let sources = Sources::default();
        tell(&sources.hub, Kind::Up);
        tell(&sources.hub, Kind::Dropped);
        let all = sources.events(false, true, 0).collect::<Vec<_>>().await;
        assert_eq!(kinds(&all), [Kind::Up, Kind::Dropped]);
        assert!(all.iter().all(|line| line.ends_with('\n')));
        let few = sources.events(false, false, 0).collect::<Vec<_>>().await;
        assert_eq!(kinds(&few), [Kind::Up]);
        assert!(!sources.hub.are_drops_wanted(), "of those who do not stay");
        let mut live = sources.events(true, true, 2);
        assert!(sources.hub.are_drops_wanted());
        tell(&sources.hub, Kind::Down);
        assert_eq!(kinds(&[live.next().await.unwrap()]), [Kind::Down]);
        drop(live);
        assert!(!sources.hub.are_drops_wanted());
    }

    #[tokio::test]
    async fn who_is_slow_is_told_what_was_missed() {
        let sources = Sources::default();
        let mut live = sources.events(true, false, 0);
        (0..2_000).for_each(|_| tell(&sources.hub, Kind::Up));
        let first: Event = serde_json::from_str(&live.next().await.unwrap()).unwrap();
        assert_eq!((first.event, first.count), (Kind::Lost, Some(2_000 - 1_024)));
        assert_eq!(sources.hub.counts().lost[SLOW], 2_000 - 1_024);
    }
}
