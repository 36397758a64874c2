//! `camfence run`: puts the fence up, then waits for changes and serves metrics. The fence does
//! not need it, and stays when it ends.
//!
//! [`state`] decides, this carries out. [`protocol`] is what the command line says to it through
//! [`socket_path`]; [`client`] says it.

pub mod client;
mod error;
mod follow_log;
mod listen;
mod memory;
mod metrics;
mod notify;
mod page;
mod privileges;
pub mod protocol;
mod reading;
mod server;
mod shell;
mod socket;
pub mod state;
pub mod unfenced;

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use tokio::{
    net::TcpListener,
    signal::unix::{Signal as Arrivals, SignalKind, signal},
    sync::{Notify, mpsc, watch},
    task::JoinHandle,
    time::{MissedTickBehavior, interval},
};
use tracing::{error, info, warn};

pub use self::{
    error::DaemonError,
    privileges::PrivilegeError,
    socket::{RUN_DIR, RUN_DIR_VARIABLE, SocketError, socket_path},
};
use self::{
    notify::Manager,
    reading::Sources,
    server::{Asked, Server},
    shell::{Listening, Shell, Told},
    socket::Socket,
    state::{Ending, Input, Signal},
    unfenced::Unfenced,
};
use crate::{
    config::Config,
    events::deny,
    fence::Fence,
    history::{self, writer::Writer},
    http,
    kernel::netlink::Watch,
    operations::OperationError,
    telemetry,
};

/// How often it is looked whether ports are as they were left, though nobody said that they changed:
/// the kernel does not tell when a link is detached.
const LOOK: Duration = Duration::from_secs(5);

/// Puts the fence up and serves it until SIGTERM or SIGINT. An error means that it never began to
/// serve, except for [`DaemonError::Crashed`].
pub async fn run(fence: Fence, config_path: &Path, root: &Path) -> Result<(), DaemonError> {
    memory::keep_little();
    let signals = Signals::new().map_err(DaemonError::Signals)?;
    let socket = Socket::bind(root)?;
    let config = Config::load(config_path).map_err(OperationError::Config)?;
    let metrics = config.metrics.and_then(|metrics| or_without(bind_metrics(metrics.listen)));
    let page = config.page.as_ref().and_then(|page| or_without(page::Opened::new(page)));
    privileges::reduce(root, &history::path(&config))?;
    let listen = Listening::of(&config);
    let (live, live_config) = watch::channel(Arc::new(config));
    let (unfenced, live_unfenced) = watch::channel(Unfenced::default());
    let history = start_history(&fence, &live_config);
    let (sources, changed) = (Sources::default(), Arc::new(Notify::new()));
    let context = listen::Context {
        fence: fence.clone(),
        sources: sources.clone(),
        config: live_config.clone(),
        changed: Arc::clone(&changed),
    };
    let mut tasks = vec![
        tokio::spawn(listen::listen(context.clone())),
        tokio::spawn(listen::sum_drops(context)),
        tokio::spawn(deny::log_drops(sources.hub.clone(), live_config.clone())),
    ];
    if let Some(listener) = metrics {
        let hub = sources.hub.clone();
        let (config, history) = (live_config.clone(), history.clone());
        let source = metrics::Source::new(fence.clone(), config, live_unfenced, hub, history);
        tasks.push(tokio::spawn(telemetry::http::serve(listener, source)));
    }

    let (send, requests) = mpsc::channel(server::MAX_CONNECTIONS as usize);
    if let Some(page) = page {
        let source = page::Source::new(fence.clone(), live_config, send.clone(), sources.clone());
        tasks.push(tokio::spawn(page.serve(source)));
    }
    let server = Server::new(config_path.into(), send, sources.clone());
    let serving = tokio::spawn(server.clone().serve(socket));
    let interfaces = Watch::new();
    let told = Told { hub: sources.hub, changed };
    let mut shell =
        Shell::new(fence, config_path.into(), live, listen, unfenced, told, history.clone());
    let ended = serve(&mut shell, signals, requests, interfaces).await;
    if ended == Ending::Asked {
        notify::stopping();
    }

    serving.abort();
    tasks.iter().for_each(JoinHandle::abort);
    server.drain().await;
    if let Some(history) = history {
        history.finish();
    }
    match ended {
        Ending::Asked => Ok(()),
        Ending::NotUp => Err(shell.why_not_up()),
    }
}

async fn serve(
    shell: &mut Shell,
    mut signals: Signals,
    mut requests: mpsc::Receiver<Asked>,
    mut interfaces: Watch,
) -> Ending {
    let mut manager = Manager::from_environment();
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut ending = shell.take(Input::Started);
    while ending.is_none() {
        ending = tokio::select! {
            signal = signals.next() => shell.take(Input::Signal(signal)),
            () = interfaces.changed() => shell.notice(),
            _ = look.tick() => shell.take(Input::Look),
            Some(asked) = requests.recv() => shell.ask(asked),
            outcome = shell.finished() => shell.take(Input::Finished(outcome)),
            () = manager.due() => {
                notify::alive(shell.change_since());
                None
            }
        };
    }
    ending.unwrap_or(Ending::Asked)
}

/// Starts to write the history. Without one, everything else goes on.
fn start_history(fence: &Fence, config: &watch::Receiver<Arc<Config>>) -> Option<Writer> {
    let started = Writer::start(fence.clone(), config.clone());
    started.inspect_err(|error| warn!("no history is written: {error}")).ok()
}

/// What cannot be served keeps no camera unfenced: it is said, and the fence goes up without.
fn or_without<T>(served: Result<T, DaemonError>) -> Option<T> {
    served
        .inspect_err(|error| {
            let hint = error.hint().map_or_else(String::new, |hint| format!(": {hint}"));
            error!("{error}{hint}");
        })
        .ok()
}

fn bind_metrics(listen: SocketAddr) -> Result<TcpListener, DaemonError> {
    let failed = |source| DaemonError::Metrics { listen, source };
    let listener = http::listen(listen).map_err(failed)?;
    info!("metrics at http://{}/metrics", listener.local_addr().map_err(failed)?);
    if !listen.ip().is_loopback() {
        warn!("metrics are served to everyone who can reach {listen}, unencrypted");
    }
    Ok(listener)
}

/// The signals that mean something. From here on they no longer end the process.
struct Signals {
    hangup: Arrivals,
    terminate: Arrivals,
    interrupt: Arrivals,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.hangup.recv() => Signal::Hangup,
            _ = self.terminate.recv() => Signal::Terminate,
            _ = self.interrupt.recv() => Signal::Terminate,
        }
    }
}
