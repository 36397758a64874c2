//! What the page needs of the daemon.

use std::{
    net::SocketAddr,
    sync::{Arc, PoisonError},
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
    config::{Config, Page},
    fence::{Fence, FenceError},
    kernel::clock,
    page::{self, MOST_EVENTS, MOST_FLOWS, Told, Unknown, View, session::Door},
    telemetry::{
        ledger::{Ledger, Selection},
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
    pub(super) async fn new(page: &Page) -> Result<Self, DaemonError> {
        let listen: SocketAddr = page.listen;
        let failed = |source| DaemonError::Page { listen, source };
        let door = Door::new(page.token_file.as_deref())?;
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
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
}

impl Source {
    /// A source that names cameras as the latest configuration does.
    pub(super) const fn new(
        fence: Fence,
        config: watch::Receiver<Arc<Config>>,
        requests: mpsc::Sender<Asked>,
        sources: Sources,
    ) -> Self {
        Self { fence, config, requests, sources }
    }

    /// Does work on a thread of its own: reading of very many cameras takes a while.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Fence, &Config) -> Result<T, FenceError> + Send + 'static,
    ) -> Result<T, Failure> {
        let (fence, config) = (self.fence.clone(), self.config.borrow().clone());
        let read = spawn_blocking(move || work(&fence, &config)).await;
        let read = read.map_err(|error| Failure { message: error.to_string(), hint: None })?;
        read.map_err(|error| {
            let message = error.to_string().lines().collect::<Vec<_>>().join(" ");
            Failure { message, hint: error.hint() }
        })
    }
}

impl page::Source for Source {
    async fn view(&self) -> Result<View, Failure> {
        let (runtime, hub) = (Handle::current(), self.sources.hub.clone());
        self.read(move |fence, config| {
            let view = runtime.block_on(view(fence, config))?;
            let events = hub.last(MOST_EVENTS);
            Ok(View { events: events.iter().map(|event| Told::new(event)).collect(), ..view })
        })
        .await
    }

    async fn ledger(&self, mac: Mac) -> Result<Option<Ledger>, Failure> {
        let names = Arc::clone(&self.sources.names);
        self.read(move |fence, config| {
            if !config.cameras.iter().any(|camera| camera.mac == mac) {
                return Ok(None);
            }
            let contents = fence.ledger()?;
            let selection = Selection { mac: Some(mac), ..Selection::default() };
            let mut ledger = Ledger::new(&contents, config, selection, Now::awake());
            ledger.entries.truncate(MOST_FLOWS);
            let names = names.lock().unwrap_or_else(PoisonError::into_inner);
            for entry in &mut ledger.entries {
                entry.name = names.of(mac, entry.peer).cloned();
            }
            Ok(Some(ledger))
        })
        .await
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
