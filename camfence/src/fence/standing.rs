//! What the kernel says of the fence: its ports and its cameras.

use std::{collections::BTreeMap, time::Duration};

use bytemuck::Zeroable as _;
use camfence_common::{
    abi::{CANARY, Camera, CameraCounters, Subject},
    mac::Mac,
    reason::Direction,
};

use super::{
    Fence, READ_AGAIN, Result,
    proof::{Prover, Side},
};
use crate::{
    config::{Config, Mode},
    kernel::{links::Programs, maps::Maps, slots::SlotsInUse},
    policy::topology::{self, Attached, Link},
};

/// What the kernel says of the fence.
#[derive(Debug)]
pub struct Standing {
    /// The ports that the configuration names, each with what is attached.
    pub ports: Vec<PortState>,
    /// The cameras in the live map.
    pub cameras: BTreeMap<Mac, LiveCamera>,
}

/// What the kernel says of a camera, or of what stands for unknown sources.
#[derive(Debug, Clone)]
pub struct LiveCamera {
    /// Its counters: a kilobyte, which stays where it is while cameras are put in order.
    pub counters: Box<CameraCounters>,
    /// Whether its verdicts are carried out.
    pub mode: Mode,
    /// How long it stays opened; none if it is not.
    pub opened: Option<Duration>,
    /// When it last sent something, as time since boot without suspension; none if it never did.
    pub last_seen: Option<Duration>,
}

/// What the kernel says of the unknown sources of a port that has a policy for them.
#[derive(Debug, Clone)]
pub struct Strangers {
    /// Whether they are dropped without being looked at.
    pub sealed: bool,
    /// What they have in common with a camera.
    pub live: LiveCamera,
}

/// What the kernel says of a port.
#[derive(Debug)]
pub struct PortState {
    /// Its name.
    pub name: String,
    /// Its index; none if there is no such interface.
    pub ifindex: Option<u32>,
    /// Its ingress.
    pub outbound: Side,
    /// Its egress.
    pub inbound: Side,
    /// Its unknown sources; none if they are let through.
    pub strangers: Option<Strangers>,
}

impl PortState {
    fn absent(name: String) -> Self {
        let (outbound, inbound) = (Side::default(), Side::default());
        Self { name, ifindex: None, outbound, inbound, strangers: None }
    }

    /// The side that a direction's frames come in by, or leave by.
    pub const fn side(&self, direction: Direction) -> &Side {
        match direction {
            Direction::Outbound => &self.outbound,
            Direction::Inbound => &self.inbound,
        }
    }

    /// Why what is attached does not enforce, if so.
    pub fn doubt(&self) -> Option<&str> {
        self.outbound.doubt.as_deref().or(self.inbound.doubt.as_deref())
    }

    /// What is attached for a direction.
    pub const fn attached(&self, direction: Direction) -> Option<Attached> {
        self.side(direction).attached
    }
}

impl Standing {
    /// Whether a port's frames are judged in both directions and verdicts carried out.
    pub fn is_enforcing(&self, port: &PortState) -> bool {
        Direction::ALL.into_iter().all(|direction| self.is_enforcing_in(port, direction))
    }

    /// Whether a port's frames are judged in a direction and verdicts carried out.
    pub fn is_enforcing_in(&self, port: &PortState, direction: Direction) -> bool {
        port.side(direction).is_enforcing() && !self.only_audits()
    }

    /// Whether every camera is in audit, and so are the unknown sources that are judged.
    pub fn only_audits(&self) -> bool {
        let strangers = self.ports.iter().filter_map(|port| port.strangers.as_ref());
        let strangers = strangers.map(|strangers| &strangers.live);
        let judged: Vec<&LiveCamera> = self.cameras.values().chain(strangers).collect();
        !judged.is_empty() && judged.iter().all(|live| live.mode == Mode::Audit)
    }
}

impl Fence {
    /// Reads back what the kernel holds.
    pub async fn read(&self, config: &Config) -> Result<Standing> {
        let mut before = self.root.view()?;
        for _ in 0..READ_AGAIN {
            let standing = self.read_once(config).await;
            let after = self.root.view()?;
            if after == before {
                return standing;
            }
            before = after;
        }
        self.read_once(config).await
    }

    async fn read_once(&self, config: &Config) -> Result<Standing> {
        let maps = Maps::open(&self.root)?;
        let programs = Programs::open(&self.root, self.tcx)?;
        let links = self.netlink.links().await?;
        let (mut cameras, mut strangers) = (BTreeMap::new(), BTreeMap::new());
        let entries = maps.cameras()?;
        for (subject, live) in live_cameras(&maps, &entries)? {
            match subject {
                Subject::Camera(CANARY) => {}
                Subject::Camera(mac) => {
                    cameras.insert(mac, live);
                }
                Subject::Strangers(ifindex) => {
                    let sealed = entries.get(&subject).is_some_and(|it| it.is(Camera::SEALED));
                    strangers.insert(ifindex, Strangers { sealed, live });
                }
            }
        }
        let mut prover = Prover::new(self, &maps, &programs);
        let mut ports = Vec::new();
        for (name, port) in named_ports(config, &links) {
            let mut state = PortState::absent(name);
            if let Some(port) = port {
                state.ifindex = Some(port.index);
                state.outbound = prover.side(port, Direction::Outbound).await?;
                state.inbound = prover.side(port, Direction::Inbound).await?;
                state.strangers = strangers.remove(&port.index);
            }
            ports.push(state);
        }
        Ok(Standing { ports, cameras })
    }
}

/// What the kernel says of cameras, and of what stands for unknown sources.
fn live_cameras(
    maps: &Maps,
    cameras: &BTreeMap<Subject, Camera>,
) -> Result<BTreeMap<Subject, LiveCamera>> {
    let slots = SlotsInUse::of(cameras.iter().map(|(subject, camera)| (*subject, camera.slot)));
    let (opened, last_seen) = (maps.all_opened(&slots)?, maps.all_last_seen(&slots)?);
    let live = |(subject, camera): (&Subject, &Camera)| {
        let live = LiveCamera {
            counters: Box::new(CameraCounters::zeroed()),
            mode: if camera.is(Camera::AUDIT) { Mode::Audit } else { Mode::Enforce },
            opened: opened.get(subject).copied(),
            last_seen: last_seen.get(subject).copied(),
        };
        (*subject, live)
    };
    let mut live: BTreeMap<Subject, LiveCamera> = cameras.iter().map(live).collect();
    maps.count(&slots, |subject, counters| {
        live.entry(subject).and_modify(|live| live.counters.add(counters));
    })?;
    Ok(live)
}

/// The ports of a configuration as far as they are there: a named interface that is missing has
/// none, a bridge without ports stands for itself.
fn named_ports<'a>(config: &Config, links: &'a [Link]) -> Vec<(String, Option<&'a Link>)> {
    let mut found: Vec<(String, Option<&Link>)> = Vec::new();
    for name in &config.fence.interfaces {
        let ports = topology::ports(std::slice::from_ref(name), links).unwrap_or_default();
        let named = ports
            .iter()
            .map(|port| (port.name.clone(), links.iter().find(|link| link.index == port.index)));
        let missing = ports.is_empty().then(|| (name.clone(), None));
        for port in named.chain(missing) {
            if !found.iter().any(|(name, _)| *name == port.0) {
                found.push(port);
            }
        }
    }
    found
}
