//! Makes events of what the programs tell and of what they count, for as long as the daemon runs.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, PoisonError},
    time::{Duration, SystemTime},
};

use camfence_common::{
    event::{Contact, Kind as ToldKind, Stranger, Told},
    mac::Mac,
};
use tokio::{
    sync::{Notify, watch},
    task::spawn_blocking,
    time::{Instant, sleep, sleep_until},
};
use tracing::{debug, warn};

use super::reading::Sources;
use crate::{
    config::{Config, Mode},
    events::{
        Event, Kind,
        contacts::Contacts,
        drops::{Dropped, Drops},
    },
    fence::Fence,
    kernel::{
        events::{Listener, Record},
        netlink::interface_name,
    },
    telemetry::now::Now,
};

/// Records that are taken at once. Others are served before the next.
const BATCH: usize = 256;

/// Records that are taken of maps that others took the place of: more than there is room for.
const REST: usize = 16_384;

/// How often drops are summed up, and how long after the last record it is looked whether some were lost.
const SECOND: Duration = Duration::from_secs(1);

/// How much longer than looking took is waited before it is looked again.
const PAUSE: u32 = 9;

/// What making events takes.
#[derive(Clone)]
pub(super) struct Context {
    pub(super) fence: Fence,
    pub(super) sources: Sources,
    pub(super) config: watch::Receiver<Arc<Config>>,
    /// Told when the fence, its maps or its openings may be others.
    pub(super) changed: Arc<Notify>,
}

impl Context {
    fn tell(&self, event: Event) {
        self.sources.hub.tell(event);
    }

    /// The event with the camera's name, and whether its verdicts are carried out.
    fn named(&self, event: Event, mac: Mac) -> Event {
        let config = self.config.borrow();
        let Some(camera) = config.cameras.iter().find(|camera| camera.mac == mac) else {
            return event;
        };
        let is_drop = event.verdict.as_deref() == Some("drop");
        let audit = is_drop && camera.mode == Mode::Audit;
        Event { camera: Some(camera.name.clone()), audit, ..event }.mac(mac)
    }

    fn name_of(&self, mac: Mac, event: Event) -> Event {
        let names = self.sources.names.lock().unwrap_or_else(PoisonError::into_inner);
        let name = event.peer.and_then(|peer| names.of(mac, peer)).cloned();
        Event { name, ..event }
    }

    fn is_camera(&self, mac: Mac) -> bool {
        self.config.borrow().cameras.iter().any(|camera| camera.mac == mac)
    }
}

/// Hears what the programs tell, until dropped.
pub(super) async fn listen(context: Context) {
    let mut ear = Ear::new(context);
    loop {
        let (look, closing) = (ear.look, ear.next_closing());
        tokio::select! {
            records = heard(ear.listener.as_mut()) => {
                ear.take(records);
                // So that a flood leaves time for others.
                tokio::task::yield_now().await;
            }
            () = ear.context.changed.notified() => ear.refresh().await,
            () = until(look) => ear.look_for_losses(),
            () = until(closing) => ear.refresh().await,
        }
    }
}

async fn heard(listener: Option<&mut Listener>) -> Vec<Record> {
    let Some(listener) = listener else { return std::future::pending().await };
    match listener.next(BATCH).await {
        Ok(records) => records,
        Err(error) => {
            warn!("{error}");
            sleep(SECOND).await;
            Vec::new()
        }
    }
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

struct Ear {
    context: Context,
    listener: Option<Listener>,
    contacts: Contacts,
    seeded: bool,
    strangers: BTreeSet<(u32, Mac)>,
    /// What was lost as far as it was said.
    said: Told,
    /// When to look for losses.
    look: Option<Instant>,
    /// The cameras that the fence is open for, and until when.
    open: BTreeMap<Mac, Instant>,
}

impl Ear {
    fn new(context: Context) -> Self {
        Self {
            context,
            listener: None,
            contacts: Contacts::default(),
            seeded: false,
            strangers: BTreeSet::new(),
            said: Told::default(),
            look: None,
            open: BTreeMap::new(),
        }
    }

    fn take(&mut self, records: Vec<Record>) {
        let now = Now::awake();
        for record in records {
            match record {
                Record::Contact(contact) => self.contact(&contact, now),
                Record::Stranger(stranger) => self.stranger(&stranger, now),
                Record::Answer(answer) if answer.is_cut() => {}
                Record::Answer(answer) => {
                    let names = &self.context.sources.names;
                    let mut names = names.lock().unwrap_or_else(PoisonError::into_inner);
                    names.learn(answer.mac, answer.message(), SystemTime::now());
                }
            }
        }
        self.look.get_or_insert_with(|| Instant::now() + SECOND);
    }

    fn contact(&mut self, Contact { header, key }: &Contact, now: Now) {
        if !self.contacts.is_first(key, header.time) {
            return;
        }
        let time = now.timestamp(Duration::from_nanos(header.time));
        let event = Event::new(Kind::FirstContact, time).flow(key);
        let event = Event { interface: interface_name(header.ifindex), ..event };
        let event = self.context.named(event, key.mac());
        self.context.tell(self.context.name_of(key.mac(), event));
    }

    /// The kernel forgets those seen longest ago, and tells them again: they are told once.
    fn stranger(&mut self, Stranger { header, mac, .. }: &Stranger, now: Now) {
        const MOST_STRANGERS: usize = 16_384;
        if self.context.is_camera(*mac) || self.strangers.contains(&(header.ifindex, *mac)) {
            return;
        }
        if self.strangers.len() < MOST_STRANGERS {
            self.strangers.insert((header.ifindex, *mac));
        }
        let time = now.timestamp(Duration::from_nanos(header.time));
        let event = Event::new(Kind::UnknownSource, time).mac(*mac);
        self.context.tell(Event { interface: interface_name(header.ifindex), ..event });
    }

    /// Says what was lost since it was said last.
    fn look_for_losses(&mut self) {
        self.look = None;
        let Some(Ok(told)) = self.listener.as_ref().map(Listener::told) else { return };
        for kind in ToldKind::ALL {
            let lost = told.lost[kind.index()].saturating_sub(self.said.lost[kind.index()]);
            if lost > 0 {
                let of = match kind {
                    ToldKind::Contact => Kind::FirstContact.name(),
                    ToldKind::Stranger => Kind::UnknownSource.name(),
                    ToldKind::Answer => "dns-answer",
                };
                let (of, by) = (Some(of.into()), Some("too many at once".into()));
                self.context.tell(Event { of, by, count: Some(lost), ..now_event(Kind::Lost) });
            }
        }
        // As long as something was told there may be more that was not.
        if told.told != self.said.told || told.lost != self.said.lost {
            self.look = Some(Instant::now() + SECOND);
        }
        self.said = told;
    }

    /// Listens to the fence in use, and looks who is opened.
    async fn refresh(&mut self) {
        let fence = self.context.fence.clone();
        if self.listener.as_ref().is_none_or(|listener| !fence.is_heard_by(listener)) {
            self.change_listener().await;
        }
        if let Ok(Ok(opened)) = spawn_blocking(move || fence.opened()).await {
            self.note_opened(opened);
        }
    }

    async fn change_listener(&mut self) {
        if let Some(mut before) = self.listener.take() {
            self.take(before.rest(REST));
            self.listener = Some(before);
            self.look_for_losses();
            self.listener = None;
        }
        let fence = self.context.fence.clone();
        match fence.listen() {
            Ok(listener) => {
                self.said = listener.told().unwrap_or_default();
                self.listener = Some(listener);
            }
            Err(error) => debug!("nothing to listen to: {error}"),
        }
        if !self.seeded && self.listener.is_some() {
            // What it has by now, the programs have told, or before there was anyone to listen.
            if let Ok(Ok(contents)) = spawn_blocking(move || fence.ledger()).await {
                self.contacts.seed(&contents.flows);
                self.seeded = true;
            }
        }
    }

    fn note_opened(&mut self, opened: BTreeMap<Mac, Duration>) {
        let now = Instant::now();
        for (mac, until) in &self.open {
            if *until <= now && !opened.contains_key(mac) {
                let event = self.context.named(now_event(Kind::Closed).mac(*mac), *mac);
                self.context.tell(Event { by: Some("deadline".into()), ..event });
            }
        }
        self.open = opened.into_iter().map(|(mac, left)| (mac, now + left)).collect();
    }

    fn next_closing(&self) -> Option<Instant> {
        // A moment later, so that it is over by then.
        self.open.values().min().map(|until| *until + Duration::from_millis(5))
    }
}

/// Sums up what is dropped, as long as somebody wants to know, until dropped.
pub(super) async fn sum_drops(context: Context) {
    loop {
        context.sources.hub.drops_wanted().await;
        let mut summing = Summing::default();
        while context.sources.hub.are_drops_wanted() {
            let begun = Instant::now();
            summing.look(&context).await;
            let took = begun.elapsed();
            sleep((took * PAUSE).max(SECOND.saturating_sub(took))).await;
        }
    }
}

/// What was counted as far as it was told.
#[derive(Default)]
struct Summing {
    drops: Option<Drops>,
    generation: Option<crate::kernel::root::Generation>,
    since: Option<u64>,
}

impl Summing {
    async fn look(&mut self, context: &Context) {
        let (fence, since) = (context.fence.clone(), self.since);
        let read = spawn_blocking(move || fence.dropped(since)).await;
        let Ok(Ok((generation, reading))) = read else { return };
        self.since = Some(reading.time);
        let is_other = generation != self.generation;
        self.generation = generation;
        let Some(drops) = &mut self.drops else {
            self.drops = Some(Drops::since(reading));
            return;
        };
        if is_other {
            drops.forget_flows();
        }
        for dropped in drops.observe(&reading) {
            context.tell(dropped_event(context, &dropped));
        }
    }
}

fn dropped_event(context: &Context, dropped: &Dropped) -> Event {
    let (whose, direction, reason) = dropped.group;
    let event = now_event(Kind::Dropped).reason(reason);
    let event = match &dropped.flow {
        Some(key) => event.flow(key),
        None => Event { direction: Some(direction.name().into()), ..event },
    };
    let (packets, bytes) = (Some(dropped.tally.packets), Some(dropped.tally.bytes));
    let event = Event { packets, bytes, ..event };
    match whose {
        Some(mac) => context.name_of(mac, context.named(event, mac)),
        None => event,
    }
}

/// Something that happens now.
pub(super) fn now_event(kind: Kind) -> Event {
    Event::new(kind, Now::awake().text())
}
