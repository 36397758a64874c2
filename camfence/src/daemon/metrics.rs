//! What the metrics are read from.

use std::{sync::Arc, time::Instant};

use tokio::{
    runtime::Handle,
    sync::{Mutex, watch},
    task::spawn_blocking,
};

use super::unfenced::Unfenced;
use crate::{
    config::Config,
    events::Hub,
    fence::{Fence, FenceError},
    history::writer::Writer,
    kernel::clock::awake,
    telemetry::{
        destinations::{Counted, Destinations},
        http,
        metrics::Snapshot,
    },
};

/// Reads the fence when the metrics are asked for.
#[derive(Clone)]
pub(super) struct Source {
    fence: Fence,
    config: watch::Receiver<Arc<Config>>,
    unfenced: watch::Receiver<Unfenced>,
    hub: Hub,
    history: Option<Writer>,
    /// One reading at a time is enough.
    destinations: Arc<Mutex<Destinations>>,
}

impl Source {
    /// A source that names cameras as the latest configuration does.
    pub(super) fn new(
        fence: Fence,
        config: watch::Receiver<Arc<Config>>,
        unfenced: watch::Receiver<Unfenced>,
        hub: Hub,
        history: Option<Writer>,
    ) -> Self {
        Self { fence, config, unfenced, hub, history, destinations: Arc::default() }
    }
}

impl http::Source for Source {
    async fn snapshot(&self) -> Result<Snapshot, String> {
        let mut destinations = Arc::clone(&self.destinations).lock_owned().await;
        let (fence, config) = (self.fence.clone(), self.config.borrow().clone());
        let unfenced = self.unfenced.borrow().totals(Instant::now());
        let history = self.history.as_ref().map(Writer::status).unwrap_or_default();
        let (runtime, counts) = (Handle::current(), self.hub.counts());
        let read = spawn_blocking(move || {
            let standing = runtime.block_on(fence.read(&config))?;
            let counted = count(&mut destinations, &fence, &config)?;
            drop(destinations);
            Ok(Snapshot::new(&config, standing, unfenced, counts, history, counted))
        });
        let read: Result<_, FenceError> = read.await.map_err(|error| error.to_string())?;
        read.map_err(|error| error.to_string())
    }
}

/// Adds what the ledger has of the registered cameras.
fn count(
    destinations: &mut Destinations,
    fence: &Fence,
    config: &Config,
) -> Result<Vec<Counted>, FenceError> {
    let contents = fence.ledger()?;
    let cameras = config.cameras.iter().map(|camera| camera.mac).collect();
    destinations.add(&contents.flows, &cameras, awake());
    Ok(destinations.counted())
}
