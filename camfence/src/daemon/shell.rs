//! Carries out what the state machine decides, and says so in the log.

use std::{
    collections::{HashMap, HashSet},
    future, mem,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use camfence_common::mac::Mac;
use tokio::{
    sync::{Notify, oneshot, watch},
    task::{JoinHandle, spawn_blocking},
};
use tracing::{error, info, warn};

use super::{
    error::DaemonError,
    follow_log::FollowLog,
    listen::now_event,
    memory, notify,
    protocol::{Failure, OpenedSummary, Response, Summary},
    server::Asked,
    state::{Change, Command, Ending, Input, RequestId, State},
    unfenced::Unfenced,
};
use crate::{
    config::{Config, Metrics, Page},
    events::{Event, Hub, Kind},
    fence::{Demand, Fence, Followed, Memory},
    history::writer::Writer,
    operations::{self, Done, OperationError},
};

/// Lines of an error that are logged; a broken configuration can have very many.
const MOST_LINES: usize = 20;

/// What taking the fence down is called.
const DOWN: &str = "down";

/// What putting it up is called.
const UP: &str = "up";

/// What bringing it in line is called.
const RELOAD: &str = "reload";

/// What following interfaces is called.
const FOLLOW: &str = "follow";

/// A change under way.
struct UnderWay {
    what: String,
    begun: Instant,
    end: JoinHandle<(Memory, operations::Result<Outcome>)>,
}

/// What a change did.
enum Outcome {
    /// It changed the fence as asked.
    Done(Summary),
    /// It did, and the configuration is live since.
    Live(Summary, Box<Config>),
    /// It followed the interfaces.
    Followed(Followed),
}

impl From<Done> for Outcome {
    fn from(done: Done) -> Self {
        Self::Live((&done).into(), Box::new(done.config))
    }
}

/// The hands of the state machine.
pub(super) struct Shell {
    fence: Fence,
    config_path: PathBuf,
    state: State,
    under_way: Option<UnderWay>,
    answers: HashMap<RequestId, oneshot::Sender<Response>>,
    next_id: RequestId,
    live: watch::Sender<Arc<Config>>,
    listening: Listening,
    not_up: Option<OperationError>,
    is_up: bool,
    /// When it was heard that interfaces changed, if nobody has looked since.
    noticed: Option<Instant>,
    memory: Memory,
    log: FollowLog,
    told: Told,
    history: Option<Writer>,
}

/// Where it is told what was done.
#[derive(Clone)]
pub(super) struct Told {
    pub(super) hub: Hub,
    /// Told when maps or openings may be others.
    pub(super) changed: Arc<Notify>,
}

/// What is served where until the daemon starts again.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listening {
    metrics: Option<Metrics>,
    page: Option<Page>,
}

impl Listening {
    /// As a configuration says.
    pub(super) fn of(config: &Config) -> Self {
        Self { metrics: config.metrics, page: config.page.clone() }
    }
}

impl Shell {
    /// With the configuration that the metrics are read by, and where they are served.
    pub(super) fn new(
        fence: Fence,
        config_path: PathBuf,
        live: watch::Sender<Arc<Config>>,
        listening: Listening,
        unfenced: watch::Sender<Unfenced>,
        told: Told,
        history: Option<Writer>,
    ) -> Self {
        Self {
            fence,
            config_path,
            history,
            state: State::default(),
            under_way: None,
            answers: HashMap::new(),
            next_id: 0,
            live,
            listening,
            not_up: None,
            is_up: false,
            noticed: None,
            memory: Memory::default(),
            log: FollowLog::new(unfenced, told.hub.clone()),
            told,
        }
    }

    /// Takes in what happened. The daemon ends if that says how.
    pub(super) fn take(&mut self, input: Input) -> Option<Ending> {
        let mut ending = None;
        for command in self.state.handle(input) {
            match command {
                Command::Begin(change) => self.begin(change),
                Command::Respond { id, response } => {
                    // A peer that does not wait for its answer is its own affair.
                    if let Some(answer) = self.answers.remove(&id) {
                        let _ = answer.send(response);
                    }
                }
                Command::Exit(how) => ending = Some(how),
            }
        }
        ending
    }

    /// Takes in that interfaces have changed.
    pub(super) fn notice(&mut self) -> Option<Ending> {
        self.noticed.get_or_insert_with(Instant::now);
        self.take(Input::Look)
    }

    /// Takes in a request.
    pub(super) fn ask(&mut self, Asked { request, answer }: Asked) -> Option<Ending> {
        let id = self.next_id;
        self.next_id += 1;
        self.answers.insert(id, answer);
        self.take(Input::Request { id, request })
    }

    /// Waits for the end of the change under way; forever if there is none. May be cancelled.
    pub(super) async fn finished(&mut self) -> Result<Summary, Failure> {
        let Some(under_way) = &mut self.under_way else { return future::pending().await };
        let outcome = (&mut under_way.end).await;
        let (what, begun) = (mem::take(&mut under_way.what), under_way.begun);
        self.under_way = None;
        let outcome = outcome.map(|(memory, outcome)| {
            self.memory = memory;
            outcome
        });
        // Following changes neither maps nor openings unless it mends them.
        if what != FOLLOW {
            self.told.changed.notify_one();
        }
        match outcome {
            Ok(Ok(Outcome::Followed(followed))) => {
                if followed.repaired.is_some() {
                    self.told.changed.notify_one();
                }
                self.log.followed(begun, &followed);
                Ok(Summary::default())
            }
            Ok(Ok(Outcome::Done(summary))) => {
                info!("{what}: done");
                if what == DOWN {
                    notify::status("taken down on request");
                    self.told.hub.tell(now_event(Kind::Down));
                }
                if let Some(opened) = &summary.opened {
                    self.told.hub.tell(opened_event(opened));
                }
                Ok(summary)
            }
            Ok(Ok(Outcome::Live(summary, config))) => {
                self.put_live(&what, &summary, *config);
                Ok(summary)
            }
            Ok(Err(error)) if what == FOLLOW => Err(self.log.failed(&error)),
            Ok(Err(error)) => Err(self.failed(&what, error)),
            Err(panic) => {
                error!("{what}: {panic}");
                self.tell_failed(&what);
                Err(Failure::new(
                    "the change failed unexpectedly",
                    "the daemon's log has the details; this is a bug, please report it",
                ))
            }
        }
    }

    /// Since when the change under way has been so; none if there is none.
    pub(super) fn change_since(&self) -> Option<Instant> {
        self.under_way.as_ref().map(|under_way| under_way.begun)
    }

    /// Why the fence is not up.
    pub(super) fn why_not_up(self) -> DaemonError {
        self.not_up.map_or(DaemonError::Crashed, DaemonError::Operation)
    }

    /// On a thread of its own: a change waits for locks and for the kernel, and signals, peers
    /// and metrics must not wait with it, nor it for them.
    fn begin(&mut self, change: Change) {
        let (fence, path) = (self.fence.clone(), self.config_path.clone());
        let (what, config) = (describe(&change), Arc::clone(&self.live.borrow()));
        if change == Change::Reload {
            notify::reloading();
        }
        let mut memory = mem::take(&mut self.memory);
        let mut begun = Instant::now();
        if change == Change::Follow {
            begun = self.noticed.take().unwrap_or(begun);
        }
        let history = self.history.clone().filter(|_| ends_counters(&change));
        let end = spawn_blocking(move || {
            let note = || history.iter().for_each(|history| history.note(&fence));
            note();
            let made = fence
                .apart(async |fence| make(fence, &path, &config, &mut memory, change).await)
                .unwrap_or_else(|error| Err(error.into()));
            note();
            (memory, made)
        });
        self.under_way = Some(UnderWay { what, begun, end });
    }

    fn put_live(&mut self, what: &str, summary: &Summary, config: Config) {
        let outline = outline(&config, summary);
        info!("{what}: {outline}");
        notify::ready(&outline);
        self.is_up = true;
        for notice in &summary.notices {
            warn!("{notice}");
        }
        if Listening::of(&config) != self.listening {
            warn!("[metrics] or [page] has changed: restart camfence run to serve them so");
        }
        let config = Arc::new(config);
        let before = self.live.send_replace(Arc::clone(&config));
        self.tell_live(what, &before, &config);
        drop(before);
        if matches!(what, UP | RELOAD) {
            memory::give_back();
        }
    }

    fn tell_live(&self, what: &str, before: &Config, now: &Config) {
        match what {
            UP => self.told.hub.tell(now_event(Kind::Up)),
            RELOAD => self.told.hub.tell(now_event(Kind::Reloaded)),
            _ => {}
        }
        if before.cameras == now.cameras {
            return;
        }
        for (kind, these, those) in
            [(Kind::CameraAdded, now, before), (Kind::CameraRemoved, before, now)]
        {
            let known: HashSet<Mac> = those.cameras.iter().map(|camera| camera.mac).collect();
            for camera in these.cameras.iter().filter(|camera| !known.contains(&camera.mac)) {
                let event = now_event(kind).mac(camera.mac);
                self.told.hub.tell(Event { camera: Some(camera.name.clone()), ..event });
            }
        }
    }

    fn failed(&mut self, what: &str, error: OperationError) -> Failure {
        let failure = Failure::from(&error);
        warn!("{what} failed, nothing has changed");
        for line in error.to_string().lines().take(MOST_LINES) {
            warn!("{line}");
        }
        self.tell_failed(what);
        self.not_up = Some(error);
        failure
    }

    /// Has the service manager know that a change is over, and has come to nothing.
    fn tell_failed(&self, what: &str) {
        if self.is_up {
            notify::ready(&format!("{what} failed; the fence stands as it did"));
        }
    }
}

async fn make(
    fence: &Fence,
    path: &Path,
    live: &Config,
    memory: &mut Memory,
    change: Change,
) -> operations::Result<Outcome> {
    if change != Change::Follow {
        memory.forget_policy();
    }
    let chooses_ports = matches!(change, Change::Up | Change::Reload);
    let done = match change {
        // What is missing is waited for.
        Change::Up => operations::up(fence, path, Demand::Possible).await,
        Change::Reload => operations::reload(fence, path, Demand::Possible).await,
        Change::Down => {
            let live = fence.down().await?;
            return Ok(Outcome::Done(Summary { live, ..Summary::default() }));
        }
        Change::Follow => return Ok(Outcome::Followed(fence.follow(live, memory).await?)),
        Change::Add(camera) => operations::add(fence, path, &camera).await,
        Change::Remove(camera) => operations::remove(fence, path, &camera).await,
        Change::Open(camera, time) => {
            let opened = operations::open(fence, path, &camera, time).await?;
            return Ok(Outcome::Done((&opened).into()));
        }
    };
    let done = done?;
    if let Some(report) = done.report.as_ref().filter(|_| chooses_ports) {
        memory.remember_ports(report);
    }
    Ok(done.into())
}

/// Whether counters may end with a change, so that they have to be read before; and afterwards, to know
/// of those that begin anew.
const fn ends_counters(change: &Change) -> bool {
    match change {
        Change::Up | Change::Down | Change::Reload | Change::Remove(_) => true,
        Change::Follow | Change::Add(_) | Change::Open(..) => false,
    }
}

fn describe(change: &Change) -> String {
    match change {
        Change::Up => UP.into(),
        Change::Down => DOWN.into(),
        Change::Follow => FOLLOW.into(),
        Change::Reload => RELOAD.into(),
        Change::Add(camera) => format!("add {} as {:?}", camera.mac, camera.name),
        Change::Remove(camera) => format!("remove {camera:?}"),
        Change::Open(camera, Some(time)) => format!("open {camera:?} for {time}"),
        Change::Open(camera, None) => format!("close {camera:?}"),
    }
}

fn opened_event(opened: &OpenedSummary) -> Event {
    let (kind, by) = match opened.open_seconds {
        Some(_) => (Kind::Opened, None),
        None => (Kind::Closed, Some("request".into())),
    };
    // At most a day.
    let seconds = opened.open_seconds.and_then(|seconds| u32::try_from(seconds).ok());
    let (camera, mac) = (Some(opened.camera.clone()), Some(opened.mac.clone()));
    Event { camera, mac, by, seconds: seconds.map(Into::into), ..now_event(kind) }
}

/// What a change has led to, on one line.
fn outline(config: &Config, summary: &Summary) -> String {
    if !summary.live {
        return "no fence stands, only the configuration has changed".into();
    }
    let interfaces = config.fence.interfaces.join(", ");
    let mut line = format!("{interfaces} fenced for {} cameras", config.cameras.len());
    for (what, ports) in [("attached to", &summary.attached), ("detached from", &summary.detached)]
    {
        if !ports.is_empty() {
            line.extend([", ", what, " ", &ports.join(", ")]);
        }
    }
    line
}
