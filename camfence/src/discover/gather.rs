//! Puts the steps together: what the kernel knows, what is heard, and what is answered.

use std::{cmp::Reverse, collections::BTreeSet, path::Path, thread, time::Duration};

use camfence_common::mac::Mac;
use thiserror::Error;
use tokio::{
    sync::oneshot,
    time::{Instant, MissedTickBehavior, interval},
};

use super::{
    Site,
    fact::Fact,
    heard::{Heard, Source},
    likeness::{Evidence, Likeness},
    listen::{ListenError, Listener},
    probe::{self, Asked},
    report::{Discovery, Material},
    vendor::{self, Vendors},
};
use crate::{
    config::Config,
    fence::{Fence, FenceError},
    kernel::KernelError,
    policy::topology::{self, Link, TopologyError},
    telemetry::{
        ledger::{Ledger, Selection},
        now::Now,
    },
};

/// How often it is told how far it is.
const TELL_EVERY: Duration = Duration::from_millis(500);

/// What is wanted.
#[derive(Debug)]
pub struct Inquiry<'a> {
    /// The interfaces to listen on; a bridge means its ports.
    pub interfaces: &'a [String],
    /// For how long.
    pub time: Duration,
    /// Whether to ask as well.
    pub probe: bool,
    /// The configuration, if there is one.
    pub config: Option<&'a Config>,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Listening.
    Listening {
        /// The time that is left.
        left: Duration,
    },
    /// Asking for RTSP.
    Asking {
        /// How many addresses.
        addresses: usize,
    },
}

/// Nobody can be discovered.
#[derive(Debug, Error)]
pub enum DiscoverError {
    /// The kernel does not tell.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// The interfaces are not there, or no Ethernet interfaces.
    #[error(transparent)]
    Topology(#[from] TopologyError),
    /// Nobody can listen.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// There is nothing to listen on.
    #[error("no interface is named, and there is no configuration that names one")]
    NoInterface,
    /// The thread that listens came to an untimely end.
    #[error("listening ended before its time")]
    Ended,
}

impl DiscoverError {
    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Kernel(error) => error.hint(),
            Self::Topology(error) => Some(error.hint()),
            Self::Listen(error) => error.hint(),
            Self::NoInterface => {
                Some("name one: --interface br-cam; or let `camfence init` find one".into())
            }
            Self::Ended => None,
        }
    }
}

/// Listens, asks if that is wanted, and tells who is there. Needs a tokio runtime.
pub async fn discover(
    fence: &Fence,
    site: &Site,
    inquiry: &Inquiry<'_>,
    mut tell: impl FnMut(Step),
) -> Result<Discovery, DiscoverError> {
    if inquiry.interfaces.is_empty() {
        return Err(DiscoverError::NoInterface);
    }
    let ports = topology::ports(inquiry.interfaces, &site.links())?;
    let listener = Listener::open(&ports)?;
    let mut heard = Heard::new(site.surroundings(&ports));
    add_known(&mut heard, site, &ports);
    let mut notices = Vec::new();
    add_sightings(&mut heard, site, &ports, fence, &mut notices).await;
    let asked = if inquiry.probe { ask(site, &ports, &mut notices).await } else { Vec::new() };
    let (mut heard, lost) = listen(listener, inquiry.time, heard, &mut tell).await?;
    drop(asked);
    if inquiry.probe {
        ask_for_rtsp(&mut heard, site, &ports, &mut tell).await;
    }
    let ledger = ledger(fence, inquiry.config);
    add_cameras(&mut heard, inquiry.config, ledger.as_ref());
    let mut discovery = Discovery::new(&Material {
        heard: &heard,
        site,
        config: inquiry.config,
        ledger: ledger.as_ref(),
        vendors: Path::new(vendor::DIRECTORY),
    });
    let names = ports.iter().map(|port| port.name.clone()).collect();
    discovery.did(names, inquiry.time, inquiry.probe);
    discovery.lost = lost;
    discovery.notices = notices;
    Ok(discovery)
}

/// What bridges and the neighbour tables know.
fn add_known(heard: &mut Heard, site: &Site, ports: &[Link]) {
    for (port, mac) in site.learned(ports) {
        heard.source(mac, Some(port));
    }
    for (port, neighbour) in site.behind(ports) {
        if let Some(source) = heard.source(neighbour.mac, port) {
            source.take_all(vec![Fact::Address(neighbour.address)], &[], 0);
        }
    }
}

/// Those whom the fence has seen where it has a policy for strangers. XDP drops them before anybody
/// hears them.
async fn add_sightings(
    heard: &mut Heard,
    site: &Site,
    ports: &[Link],
    fence: &Fence,
    notices: &mut Vec<String>,
) {
    let sightings = match fence.sightings().await {
        Ok(sightings) => sightings,
        Err(FenceError::Kernel(KernelError::Down { .. })) => return,
        Err(error) => return notices.push(format!("the fence does not tell whom it saw: {error}")),
    };
    for seen in sightings.seen {
        let port = ports.iter().find(|port| Some(&port.name) == seen.interface.as_ref());
        if let Some(port) = port.and_then(|port| site.link(port.index)) {
            heard.source(seen.mac, Some(port.index));
        }
    }
}

/// Cameras that the fence has seen and nobody has heard now.
fn add_cameras(heard: &mut Heard, config: Option<&Config>, ledger: Option<&Ledger>) {
    let seen = ledger.into_iter().flat_map(|ledger| &ledger.entries).map(|entry| entry.mac);
    let seen: BTreeSet<Mac> = seen.collect();
    for camera in config.into_iter().flat_map(|config| &config.cameras) {
        if seen.contains(&camera.mac) {
            heard.source(camera.mac, None);
        }
    }
}

fn ledger(fence: &Fence, config: Option<&Config>) -> Option<Ledger> {
    let contents = fence.ledger().ok()?;
    let nothing = Config::parse(Path::new(""), "").ok()?;
    let config = config.unwrap_or(&nothing);
    Some(Ledger::new(&contents, config, Selection::default(), Now::awake()))
}

/// Listens on a thread of its own, and tells meanwhile how far it is.
async fn listen(
    listener: Listener,
    time: Duration,
    mut heard: Heard,
    tell: &mut impl FnMut(Step),
) -> Result<(Heard, u64), DiscoverError> {
    let (done, mut result) = oneshot::channel();
    thread::spawn(move || {
        let lost = listener.listen(time, &mut heard);
        // Nobody waits any more if the program is about to end.
        let _ = done.send((heard, lost));
    });
    let end = Instant::now() + time;
    let mut ticks = interval(TELL_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            heard = &mut result => return heard.map_err(|_| DiscoverError::Ended),
            _ = ticks.tick() => {
                tell(Step::Listening { left: end.saturating_duration_since(Instant::now()) });
            }
        }
    }
}

/// The interfaces that ports are asked by.
fn interfaces(site: &Site, ports: &[Link]) -> Vec<probe::Interface> {
    let mut found: Vec<probe::Interface> = Vec::new();
    for port in ports {
        let link = site.host_side(port);
        if found.iter().all(|known| known.index != link.index) {
            let near = site.prefixes.get(&link.index).cloned().unwrap_or_default();
            found.push(probe::Interface { index: link.index, name: link.name.clone(), near });
        }
    }
    found
}

async fn ask(site: &Site, ports: &[Link], notices: &mut Vec<String>) -> Vec<Asked> {
    let mut all = Vec::new();
    for interface in interfaces(site, ports) {
        let (asked, said) = probe::ask_groups(&interface).await;
        all.push(asked);
        notices.extend(said);
    }
    all
}

/// Asks those first that look like cameras already.
async fn ask_for_rtsp(heard: &mut Heard, site: &Site, ports: &[Link], tell: &mut impl FnMut(Step)) {
    let mut sources: Vec<(Mac, &Source)> =
        heard.sources().iter().map(|(mac, source)| (*mac, source)).collect();
    let vendors = Vendors::of(sources.iter().map(|(mac, _)| *mac), Path::new(vendor::DIRECTORY));
    let likeness = |mac: Mac, source| -> Likeness {
        Evidence { source, vendor: vendors.name(mac), ledger: &[] }.judge().0
    };
    sources.sort_by_cached_key(|(mac, source)| Reverse(likeness(*mac, source)));
    let of_interface =
        |interface| probe::targets(&interface, sources.iter().map(|(mac, source)| (*mac, *source)));
    let mut targets: Vec<probe::Target> =
        interfaces(site, ports).into_iter().flat_map(of_interface).collect();
    targets.truncate(probe::MAX_ASKED);
    tell(Step::Asking { addresses: targets.len() });
    for (mac, facts) in probe::ask_for_rtsp(&targets).await {
        let Some(source) = heard.source(mac, None) else { continue };
        source.take_all(facts, &[], 0);
    }
}
