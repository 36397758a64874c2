//! The fence: everything that changes it, and what it says of itself.
//!
//! [`Fence::up`], [`Fence::reload`] and [`Fence::apply_policy`] are one reconcile over more or
//! less of the state: compute what should be, compare with what the kernel holds, write the
//! difference. Run twice, it writes nothing the second time.

mod capture;
mod follow;
mod ports;
mod proof;
mod reading;
mod switch;
mod told;

use std::{cmp::Reverse, collections::BTreeMap, time::Duration};

use bytemuck::Zeroable as _;
use camfence_common::{
    abi::{CANARY, Camera, CameraCounters, Subject, Tally},
    limits::MAX_SIGHTINGS,
    mac::Mac,
    reason::Direction,
};
use thiserror::Error;

pub use self::{
    capture::Capturing,
    follow::{Followed, FollowedPort, Memory},
    ports::Demand,
    proof::Side,
    reading::Reading,
};
use self::{ports::Ports, proof::Prover};

use crate::{
    config::{Config, Mode, Unknown},
    kernel::{
        KernelError, clsact,
        ledger::Contents,
        links::{self, Programs},
        maps::Maps,
        netlink::Netlink,
        object::{Object, Options, Room},
        root::{Lock, Root},
        slots::SlotsInUse,
    },
    policy::{
        compile::{CompileError, CompiledPolicy, Surroundings, compile},
        diff::diff,
        topology::{self, Attached, Link, TopologyError},
    },
};

/// How many times the fence is read again because it was switched meanwhile.
const READ_AGAIN: usize = 4;

/// The fence cannot be changed or read.
#[derive(Debug, Error)]
pub enum FenceError {
    /// The kernel, or its state.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// The interfaces.
    #[error(transparent)]
    Topology(#[from] TopologyError),
    /// The policy.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// What is attached to a port does not enforce.
    #[error("the fence is up, but {port} is not enforcing: {problem}")]
    NotEnforcing {
        /// The port.
        port: String,
        /// What is wrong.
        problem: String,
    },
    /// A camera of the configuration is not in the fence.
    #[error("{name} is not in the fence yet")]
    NotLive {
        /// Its name.
        name: String,
    },
}

impl FenceError {
    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Kernel(error) => error.hint(),
            Self::Topology(error) => Some(error.hint()),
            Self::Compile(error) => Some(error.hint()),
            Self::NotEnforcing { .. } => Some("`camfence doctor` looks further".into()),
            Self::NotLive { .. } => Some("`camfence reload` brings the configuration live".into()),
        }
    }
}

/// Result of an operation on the fence.
pub type Result<T> = std::result::Result<T, FenceError>;

/// A fence, standing or not, under a pin root.
#[derive(Debug, Clone)]
pub struct Fence {
    root: Root,
    netlink: Netlink,
    tcx: bool,
}

/// What a reconcile did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Ports that a program was attached to.
    pub attached: Vec<String>,
    /// Ports that are no longer fenced.
    pub detached: Vec<String>,
    /// Cameras that were added.
    pub added: usize,
    /// Whether cameras were removed or given another policy.
    pub replaced: bool,
    /// Named interfaces that are not fenced, with the reason.
    pub unfenced: BTreeMap<String, String>,
    /// Ports that stay fenced although they were renamed: the name that the configuration has, and
    /// the new one.
    pub renamed: Vec<(String, String)>,
    /// What the user should know.
    pub notices: Vec<String>,
}

impl Report {
    /// What the user should know, of unfenced interfaces too.
    pub fn said(&self) -> Vec<String> {
        let unfenced = self.unfenced.values().map(|problem| format!("not fenced: {problem}"));
        self.notices.iter().cloned().chain(unfenced).collect()
    }
}

/// What the kernel says of the fence.
#[derive(Debug)]
pub struct Standing {
    /// The ports that the configuration names, each with what is attached.
    pub ports: Vec<PortState>,
    /// The cameras in the live map.
    pub cameras: BTreeMap<Mac, LiveCamera>,
}

/// What the kernel says of a camera, or of what stands for unknown sources.
#[derive(Debug, Clone, Copy)]
pub struct LiveCamera {
    /// Its counters.
    pub counters: CameraCounters,
    /// Whether its verdicts are carried out.
    pub mode: Mode,
    /// How long it stays opened; none if it is not.
    pub opened: Option<Duration>,
    /// When it last sent something, as time since boot without suspension; none if it never did.
    pub last_seen: Option<Duration>,
}

/// What the kernel says of the unknown sources of a port that has a policy for them.
#[derive(Debug, Clone, Copy)]
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

/// The unknown sources that were seen last on ports that have a policy for them.
#[derive(Debug)]
pub struct Sightings {
    /// Whether there is such a port.
    pub watched: bool,
    /// The sources, those seen last first. Registered ones are left out.
    pub seen: Vec<Seen>,
}

/// What was seen of an unknown source on a port. Times are since boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its MAC.
    pub mac: Mac,
    /// The port's name; none if the port is gone.
    pub interface: Option<String>,
    /// When it was first seen.
    pub first: Duration,
    /// When it was last seen.
    pub last: Duration,
    /// Its frames.
    pub tally: Tally,
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

/// How a fence that stands differs from what a configuration says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Differences {
    /// What the fence has room for.
    pub room: Room,
    /// Whether the kernel's policy is another.
    pub policy: bool,
}

/// What should be.
struct Target {
    ports: Ports,
    policy: CompiledPolicy,
}

impl Fence {
    /// The fence under a pin root. Without `tcx`, TC programs are attached as on a kernel before
    /// 6.6. Needs a tokio runtime.
    pub fn new(root: Root, tcx: bool) -> Result<Self> {
        Ok(Self { root, netlink: Netlink::connect()?, tcx })
    }

    /// Puts the fence up, or brings one that stands in line with the configuration and with this
    /// version's programs. If it fails, nothing new is left behind and what stood still stands.
    pub async fn up(&self, config: &Config, demand: Demand) -> Result<Report> {
        let target = self.target(config, demand).await?;
        let _lock = self.root.create()?;
        let mut report = Report::default();
        let whole = self.settle(Some(&mut report.notices)).await?;
        let nothing_stood = !Maps::are_ready(&self.root)? && self.root.linked()?.is_empty();
        let result = match self.fitting(config)?.filter(|_| whole) {
            Some(maps) => self.bring_in_line(config, &target, maps, &mut report).await,
            None => self.switch(config, &target, &mut report).await,
        };
        if nothing_stood && result.is_err() {
            self.take_down().await?;
        }
        result?;
        if demand == Demand::All {
            self.prove(&target.ports).await?;
        }
        Ok(report)
    }

    /// Brings a fence that stands in line with the configuration. Programs are loaded only if the
    /// maps have to be others.
    pub async fn reload(&self, config: &Config, demand: Demand) -> Result<Report> {
        let target = self.target(config, demand).await?;
        let _lock = self.lock()?;
        let mut report = Report::default();
        let whole = self.settle(Some(&mut report.notices)).await?;
        if !Maps::are_ready(&self.root)? {
            return Err(KernelError::Down { path: self.root.path().into() }.into());
        }
        match self.fitting(config)?.filter(|_| whole) {
            Some(mut maps) => {
                // Ports first: if one cannot be fenced, nothing has changed.
                self.fence_ports(config, &target.ports, &mut report).await?;
                write_policy(&mut maps, &target.policy, &mut report)?;
            }
            None => self.switch(config, &target, &mut report).await?,
        }
        Ok(report)
    }

    /// Brings only the cameras and their policies in line: ports stay as they are.
    pub async fn apply_policy(&self, config: &Config) -> Result<Report> {
        let links = self.netlink.links().await?;
        // A port that is gone has no prefixes; that it is gone is for `reload` and `up` to say. A file
        // that names no interface is none that a fence stands by: most likely it was cut off.
        let ports = Ports::resolve(config, &links, Demand::Possible)?;
        let policy = compile(config, &self.surroundings(config, &ports, &links).await?)?;
        let (_lock, maps) = self.open_locked().await?;
        let mut maps = check_room(maps, config)?;
        let mut report = Report::default();
        write_policy(&mut maps, &policy, &mut report)?;
        Ok(report)
    }

    /// Whether a fence stands.
    pub fn stands(&self) -> Result<bool> {
        match Maps::open(&self.root) {
            Ok(_) => Ok(true),
            Err(KernelError::Down { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes the fence down. False if there was none.
    pub async fn down(&self) -> Result<bool> {
        if !self.root.exists()? {
            return Ok(false);
        }
        let _lock = self.root.lock()?;
        self.take_down().await?;
        Ok(true)
    }

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

    /// Opens the fence for a camera for a time from now, or closes it again. The kernel compares
    /// the time, so that it closes without a process. Gives how long it was still open before.
    pub async fn open_camera(
        &self,
        name: &str,
        mac: Mac,
        time: Option<Duration>,
    ) -> Result<Option<Duration>> {
        let (_lock, mut maps) = self.open_locked().await?;
        let cameras = maps.cameras()?;
        let Some(camera) = cameras.get(&Subject::Camera(mac)) else {
            return Err(FenceError::NotLive { name: name.into() });
        };
        let before = maps.opened(camera.slot)?;
        maps.open_slot(camera.slot, time)?;
        Ok(before)
    }

    /// The unknown sources that were seen last.
    pub async fn sightings(&self) -> Result<Sightings> {
        let maps = Maps::open(&self.root)?;
        let (cameras, sightings) = (maps.cameras()?, maps.sightings()?);
        let links = self.netlink.links().await?;
        let named = |ifindex| links.iter().find(|link| link.index == ifindex);
        let unknown = sightings.iter().filter(|(key, _)| {
            // What is registered by now is a camera.
            !cameras.contains_key(&Subject::Camera(key.mac))
        });
        let mut seen: Vec<Seen> = unknown
            .map(|(key, sighting)| Seen {
                mac: key.mac,
                interface: named(key.ifindex).map(|link| link.name.clone()),
                first: Duration::from_nanos(sighting.first),
                last: Duration::from_nanos(sighting.last),
                tally: sighting.tally,
            })
            .collect();
        seen.sort_by_key(|seen| (Reverse(seen.last), seen.mac));
        // More can have been there while they were read.
        seen.truncate(MAX_SIGHTINGS as usize);
        let watched = cameras.keys().any(|subject| matches!(subject, Subject::Strangers(_)));
        Ok(Sightings { watched, seen })
    }

    /// The names of the interfaces there are, by index.
    pub async fn interface_names(&self) -> Result<BTreeMap<u32, String>> {
        let links = self.netlink.links().await?;
        Ok(links.into_iter().map(|link| (link.index, link.name)).collect())
    }

    /// Whom cameras talked to.
    pub fn ledger(&self) -> Result<Contents> {
        Ok(Maps::open(&self.root)?.ledger()?)
    }

    /// How the fence that stands differs from what the configuration says.
    pub async fn differences(&self, config: &Config) -> Result<Differences> {
        let maps = Maps::open(&self.root)?;
        let links = self.netlink.links().await?;
        let ports = Ports::resolve(config, &links, Demand::Possible).unwrap_or(Ports::none());
        let policy = compile(config, &self.surroundings(config, &ports, &links).await?)?;
        let changes = diff(&maps.observe()?, &policy);
        Ok(Differences { room: maps.room()?, policy: !changes.is_empty() })
    }

    /// Brings a fence whose maps fit in line with this version's programs and the configuration.
    async fn bring_in_line(
        &self,
        config: &Config,
        target: &Target,
        mut maps: Maps,
        report: &mut Report,
    ) -> Result<()> {
        if let Some(generation) = self.root.current()? {
            // Somebody may have removed what was pinned there.
            generation.create()?;
            let mut object = Object::load(&Options::new(room(config), Some(&generation)))?;
            links::install(&mut object, &self.root, &generation, &self.netlink).await?;
        }
        // It keeps its policy if a port cannot be fenced.
        self.fence_ports(config, &target.ports, report).await?;
        write_policy(&mut maps, &target.policy, report)
    }

    fn lock(&self) -> Result<Lock> {
        if !self.root.exists()? {
            return Err(KernelError::Down { path: self.root.path().into() }.into());
        }
        Ok(self.root.lock()?)
    }

    async fn open_locked(&self) -> Result<(Lock, Maps)> {
        let lock = self.lock()?;
        self.settle(None).await?;
        Ok((lock, Maps::open_to_change(&self.root)?))
    }

    /// The maps in use, if this version and the configuration can go on with them.
    fn fitting(&self, config: &Config) -> Result<Option<Maps>> {
        match Maps::open_to_change(&self.root) {
            Ok(maps) => Ok((maps.room()? == room(config)).then_some(maps)),
            Err(
                KernelError::Down { .. }
                | KernelError::OtherAbi { .. }
                | KernelError::Damaged { .. },
            ) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn target(&self, config: &Config, demand: Demand) -> Result<Target> {
        let links = self.netlink.links().await?;
        let ports = Ports::resolve(config, &links, demand)?;
        let policy = compile(config, &self.surroundings(config, &ports, &links).await?)?;
        Ok(Target { ports, policy })
    }

    async fn surroundings(
        &self,
        config: &Config,
        ports: &Ports,
        links: &[Link],
    ) -> Result<Surroundings> {
        let on_link = if config.profiles.iter().any(|profile| profile.local.auto) {
            topology::on_link_prefixes(ports.all(), &self.netlink.on_link_prefixes().await?)
        } else {
            Vec::new()
        };
        let unknown = |port: &Link| (port.index, topology::settings(config, port, links).1);
        let is_judged = |(_, unknown): &(u32, Unknown)| *unknown != Unknown::Pass;
        let ports = ports.all().map(unknown).filter(is_judged).collect();
        Ok(Surroundings { on_link, ports, canary: true })
    }

    /// Detaches from every interface and removes the state.
    async fn take_down(&self) -> Result<()> {
        match Programs::open(&self.root, self.tcx) {
            Ok(programs) => {
                self.unfence_others(&programs, &Ports::none(), &mut Report::default()).await?;
            }
            // Links end with the root.
            Err(_) => clsact::take_all_off(&self.root, &self.netlink).await?,
        }
        self.root.remove()?;
        Ok(())
    }
}

/// The room that the configuration wants in the maps.
const fn room(config: &Config) -> Room {
    Room { cameras: config.fence.max_cameras, flows: config.ledger.entries }
}

/// The maps, if they have room for as many cameras as the configuration wants.
fn check_room(maps: Maps, config: &Config) -> Result<Maps> {
    let (live, wanted) = (maps.max_cameras()?, config.fence.max_cameras);
    if live == wanted { Ok(maps) } else { Err(KernelError::OtherSize { live, wanted }.into()) }
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
            counters: CameraCounters::zeroed(),
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

/// Whether it is a camera that somebody registered.
fn is_registered(subject: Subject) -> bool {
    matches!(subject, Subject::Camera(mac) if mac != CANARY)
}

fn write_policy(maps: &mut Maps, policy: &CompiledPolicy, report: &mut Report) -> Result<()> {
    let changes = diff(&maps.observe()?, policy);
    maps.apply(&changes)?;
    report.added = changes.insert.iter().filter(|(subject, _)| is_registered(*subject)).count();
    report.replaced = changes.replace.is_some();
    Ok(())
}
