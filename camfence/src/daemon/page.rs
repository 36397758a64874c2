//! What the page needs of the daemon.

mod past;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use camfence_common::mac::Mac;
use tokio::{
    net::TcpListener,
    runtime::Handle,
    sync::{mpsc, watch},
    task::spawn_blocking,
};
use tracing::info;

use super::{
    error::DaemonError,
    protocol::{Failure, Request, Response},
    reading::Sources,
    server::{self, Asked},
};
use crate::{
    config::{self, Config, Page},
    fence::{Fence, FenceError},
    http,
    kernel::clock,
    networks::Networks,
    page::{self, MOST_EVENTS, MOST_FLOWS, Told, Unknown, View, session::Door},
    telemetry::{
        history::HistoryReport,
        ledger::{Context, Ledger, Selection},
        now::Now,
        report::StatusReport,
        unknown::UnknownReport,
    },
};

/// A page that is about to be served.
pub(super) struct Opened {
    listener: TcpListener,
    door: Door,
    changes: bool,
}

impl Opened {
    /// Listens, and reads the token, for which privileges may be needed.
    pub(super) fn new(page: &Page) -> Result<Self, DaemonError> {
        let listen: SocketAddr = page.listen;
        let failed = |source| DaemonError::Page { listen, source };
        let door = Door::new(page.token_file.as_deref())?;
        let listener = http::listen(listen).map_err(failed)?;
        info!("page at http://{}/", listener.local_addr().map_err(failed)?);
        Ok(Self { listener, door, changes: page.changes })
    }

    /// Serves it until dropped.
    pub(super) async fn serve(self, source: Source) {
        page::serve(self.listener, source, self.door, self.changes).await;
    }
}

/// Reads the fence when somebody looks at the page, and asks for what is asked there.
#[derive(Clone)]
pub(super) struct Source {
    fence: Fence,
    config: watch::Receiver<Arc<Config>>,
    requests: mpsc::Sender<Asked>,
    sources: Sources,
    networks: Arc<Mutex<Known>>,
}

/// The databases of addresses, as a configuration names them.
#[derive(Default)]
struct Known {
    named: config::Networks,
    networks: Arc<Networks>,
}

impl Source {
    /// A source that names cameras as the latest configuration does.
    pub(super) fn new(
        fence: Fence,
        config: watch::Receiver<Arc<Config>>,
        requests: mpsc::Sender<Asked>,
        sources: Sources,
    ) -> Self {
        Self { fence, config, requests, sources, networks: Arc::default() }
    }

    /// Does work on a thread of its own: reading of very many cameras takes a while.
    async fn read<T: Send + 'static>(
        self,
        work: impl FnOnce(&Self, &Config) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let config = self.config.borrow().clone();
        let read = spawn_blocking(move || work(&self, &config)).await;
        read.unwrap_or_else(|error| Err(Failure { message: error.to_string(), hint: None }))
    }

    /// What is known of addresses. What cannot be read, the history's writer tells.
    fn networks(&self, config: &Config) -> Arc<Networks> {
        let mut known = self.networks.lock().unwrap_or_else(PoisonError::into_inner);
        if known.named != config.networks {
            let networks = Arc::new(Networks::load(&config.networks).0);
            *known = Known { named: config.networks.clone(), networks };
        }
        Arc::clone(&known.networks)
    }

    /// Names the peers as the camera asked DNS for them.
    fn name(&self, ledger: &mut Ledger) {
        let names = self.sources.names.lock().unwrap_or_else(PoisonError::into_inner);
        for entry in &mut ledger.entries {
            entry.name = names.of(entry.mac, entry.peer).cloned();
        }
    }
}

impl page::Source for Source {
    async fn view(self) -> Result<View, Failure> {
        let runtime = Handle::current();
        self.read(move |source, config| {
            let view = runtime.block_on(view(&source.fence, config)).map_err(of_fence)?;
            let events = source.sources.hub.last(MOST_EVENTS);
            Ok(View { events: events.iter().map(|event| Told::new(event)).collect(), ..view })
        })
        .await
    }

    async fn ledger(self, mac: Mac) -> Result<Option<Ledger>, Failure> {
        self.read(move |source, config| {
            if !config.cameras.iter().any(|camera| camera.mac == mac) {
                return Ok(None);
            }
            let (flows, missing) = past::flows(&source.fence, config, mac, MOST_FLOWS)?;
            let networks = source.networks(config);
            let now = Now::awake().since_epoch();
            let last_names = BTreeMap::new();
            let context = Context { config, last_names, networks: &networks, now };
            let selection = Selection { mac: Some(mac), ..Selection::default() };
            let mut ledger = Ledger::new(&flows, &missing, selection, &context);
            source.name(&mut ledger);
            Ok(Some(ledger))
        })
        .await
    }

    async fn timeline(self, mac: Mac) -> Result<HistoryReport, Failure> {
        self.read(move |source, config| past::day(&source.fence, config, mac)).await
    }

    async fn ask(&self, request: Request) -> Result<Response, Failure> {
        server::ask(&self.requests, request).await
    }
}

async fn view(fence: &Fence, config: &Config) -> Result<View, FenceError> {
    let standing = fence.read(config).await?;
    let now = Now::awake();
    let clock_ms = u64::try_from(clock::awake().as_millis()).unwrap_or(u64::MAX);
    let sightings = fence.sightings().await?;
    let unknown = UnknownReport::new(&sightings.seen, Now::since_boot());
    let profiles = config.profiles.iter().map(|profile| profile.name.clone()).collect();
    Ok(View::new(
        clock_ms,
        StatusReport::new(config, &standing, now),
        profiles,
        Unknown::new(sightings.watched, unknown),
    ))
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn of_fence(error: FenceError) -> Failure {
    Failure { message: one_line(&error), hint: error.hint() }
}

fn one_line(error: &impl ToString) -> String {
    error.to_string().lines().collect::<Vec<_>>().join(" ")
}
