//! The fence: everything that changes it, and what it says of itself.
//!
//! [`Fence::up`], [`Fence::reload`] and [`Fence::apply_policy`] are one reconcile over more or
//! less of the state: compute what should be, compare with what the kernel holds, write the
//! difference. Run twice, it writes nothing the second time.

use std::{cmp::Reverse, collections::BTreeMap, time::Duration};

use camfence_common::{
    abi::{Camera, CameraCounters, Subject, Tally},
    limits::MAX_SIGHTINGS,
    mac::Mac,
    reason::Direction,
};
use thiserror::Error;

use crate::{
    config::{Config, Hook as WantedHook, Mode},
    kernel::{
        KernelError,
        links::{self, Programs},
        maps::Maps,
        netlink::Netlink,
        object::{Object, Options},
        root::{Lock, Root},
    },
    policy::{
        compile::{CompileError, CompiledPolicy, Surroundings, compile},
        diff::diff,
        topology::{self, Attached, Hook, Link, TopologyError},
    },
};

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
    /// What the user should know.
    pub notices: Vec<String>,
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
    /// What is attached on its ingress.
    pub outbound: Option<Attached>,
    /// What is attached on its egress.
    pub inbound: Option<Attached>,
    /// Its unknown sources; none if they are let through.
    pub strangers: Option<Strangers>,
}

impl PortState {
    const fn absent(name: String) -> Self {
        Self { name, ifindex: None, outbound: None, inbound: None, strangers: None }
    }

    /// What is attached for a direction.
    pub const fn attached(&self, direction: Direction) -> Option<Attached> {
        match direction {
            Direction::Outbound => self.outbound,
            Direction::Inbound => self.inbound,
        }
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
        port.attached(direction).is_some() && !self.only_audits()
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
    /// Cameras that the fence has room for.
    pub max_cameras: u32,
    /// Whether the kernel's policy is another.
    pub policy: bool,
}

/// What should be.
struct Target {
    ports: Vec<Link>,
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
    pub async fn up(&self, config: &Config) -> Result<Report> {
        let target = self.target(config).await?;
        let _lock = self.root.create()?;
        let fresh = Maps::clear_unfinished(&self.root)?;
        let nothing_attached = self.root.linked()?.is_empty();
        let result = self.up_locked(config, &target, fresh).await;
        if fresh && nothing_attached && result.is_err() {
            self.take_down().await?;
        }
        result
    }

    /// Brings a fence that stands in line with the configuration.
    pub async fn reload(&self, config: &Config) -> Result<Report> {
        let target = self.target(config).await?;
        let (_lock, mut maps) = self.open(config)?;
        // Ports first: if one cannot be fenced, nothing has changed.
        let mut report = Report::default();
        self.fence_ports(config, &target.ports, &mut report).await?;
        write_policy(&mut maps, &target.policy, &mut report)?;
        Ok(report)
    }

    /// Brings only the cameras and their policies in line: ports stay as they are.
    pub async fn apply_policy(&self, config: &Config) -> Result<Report> {
        let links = self.netlink.links().await?;
        // A port that is gone has no prefixes; that it is gone is for `reload` and `up` to say.
        let ports = topology::ports(&config.fence.interfaces, &links).unwrap_or_default();
        let policy = compile(config, &self.surroundings(config, &ports, &links).await?)?;
        let (_lock, mut maps) = self.open(config)?;
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
        let maps = Maps::open(&self.root)?;
        let programs = Programs::open(&self.root, self.tcx)?;
        let links = self.netlink.links().await?;
        let (mut cameras, mut strangers) = (BTreeMap::new(), BTreeMap::new());
        for (subject, camera) in maps.cameras()? {
            let live = live_camera(&maps, &camera)?;
            match subject {
                Subject::Camera(mac) => {
                    cameras.insert(mac, live);
                }
                Subject::Strangers(ifindex) => {
                    let sealed = camera.is(Camera::SEALED);
                    strangers.insert(ifindex, Strangers { sealed, live });
                }
            }
        }
        let mut ports = Vec::new();
        for (name, port) in named_ports(config, &links) {
            let mut state = PortState::absent(name);
            if let Some(port) = port {
                state.ifindex = Some(port.index);
                state.outbound =
                    programs.attached(&self.netlink, port, Direction::Outbound).await?;
                state.inbound = programs.attached(&self.netlink, port, Direction::Inbound).await?;
                state.strangers = strangers.remove(&port.index);
            }
            ports.push(state);
        }
        Ok(Standing { ports, cameras })
    }

    /// Opens the fence for a camera for a time from now, or closes it again. The kernel compares
    /// the time, so that it closes without a process. Gives how long it was still open before.
    pub fn open_camera(
        &self,
        name: &str,
        mac: Mac,
        time: Option<Duration>,
    ) -> Result<Option<Duration>> {
        let (_lock, mut maps) = self.open_locked()?;
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

    /// How the fence that stands differs from what the configuration says.
    pub async fn differences(&self, config: &Config) -> Result<Differences> {
        let maps = Maps::open(&self.root)?;
        let links = self.netlink.links().await?;
        let ports = topology::ports(&config.fence.interfaces, &links).unwrap_or_default();
        let policy = compile(config, &self.surroundings(config, &ports, &links).await?)?;
        let changes = diff(&maps.observe()?, &policy);
        Ok(Differences { max_cameras: maps.max_cameras()?, policy: !changes.is_empty() })
    }

    async fn up_locked(&self, config: &Config, target: &Target, fresh: bool) -> Result<Report> {
        let wanted = config.fence.max_cameras;
        let standing =
            if fresh { None } else { Some(check_room(Maps::open_to_change(&self.root)?, config)?) };
        let options = Options { max_cameras: wanted, root: Some(&self.root), log: false };
        let mut object = Object::load(&options)?;
        let mut maps = match standing {
            Some(maps) => maps,
            None => Maps::make(&mut object, wanted, Some(&self.root))?,
        };
        Programs::install(&mut object, &self.root, &self.netlink).await?;
        // A new fence knows its cameras before its first frame; one that stands keeps its policy
        // if a port cannot be fenced.
        let mut report = Report::default();
        if fresh {
            write_policy(&mut maps, &target.policy, &mut report)?;
        }
        self.fence_ports(config, &target.ports, &mut report).await?;
        if !fresh {
            write_policy(&mut maps, &target.policy, &mut report)?;
        }
        Ok(report)
    }

    fn open(&self, config: &Config) -> Result<(Lock, Maps)> {
        let (lock, maps) = self.open_locked()?;
        Ok((lock, check_room(maps, config)?))
    }

    fn open_locked(&self) -> Result<(Lock, Maps)> {
        if !self.root.exists()? {
            return Err(KernelError::Down { path: self.root.path().into() }.into());
        }
        let lock = self.root.lock()?;
        Ok((lock, Maps::open_to_change(&self.root)?))
    }

    async fn target(&self, config: &Config) -> Result<Target> {
        let links = self.netlink.links().await?;
        let ports = topology::ports(&config.fence.interfaces, &links)?;
        let policy = compile(config, &self.surroundings(config, &ports, &links).await?)?;
        Ok(Target { ports, policy })
    }

    async fn surroundings(
        &self,
        config: &Config,
        ports: &[Link],
        links: &[Link],
    ) -> Result<Surroundings> {
        let on_link = if config.profiles.iter().any(|profile| profile.local.auto) {
            topology::on_link_prefixes(ports, &self.netlink.on_link_prefixes().await?)
        } else {
            Vec::new()
        };
        let unknown = |port: &Link| (port.index, topology::settings(config, port, links).1);
        Ok(Surroundings { on_link, ports: ports.iter().map(unknown).collect() })
    }

    /// Attaches to the ports that should be fenced and detaches from the others. If a port cannot
    /// be fenced, those attached here are detached again.
    async fn fence_ports(
        &self,
        config: &Config,
        ports: &[Link],
        report: &mut Report,
    ) -> Result<()> {
        let mut programs = Programs::open(&self.root, self.tcx)?;
        // Read anew: installing may have replaced the programs that were attached.
        let links = self.netlink.links().await?;
        let still = |link: &&Link| ports.iter().any(|port| port.index == link.index);
        let mut done: Vec<(&Link, Direction, Hook)> = Vec::new();
        for port in links.iter().filter(still) {
            let (hook, _) = topology::settings(config, port, &links);
            for direction in Direction::ALL {
                match self.fence_port(&mut programs, port, direction, hook, report).await {
                    Ok(None) => {}
                    Ok(Some(hook)) => done.push((port, direction, hook)),
                    Err(error) => {
                        for (port, direction, hook) in done {
                            programs.detach(&self.netlink, port, direction, hook).await?;
                        }
                        return Err(error);
                    }
                }
            }
        }
        for (port, ..) in done {
            if !report.attached.contains(&port.name) {
                report.attached.push(port.name.clone());
            }
        }
        self.unfence_others(&programs, ports, report).await
    }

    /// Sees to one direction of one port. Returns the hook if a program was newly attached.
    async fn fence_port(
        &self,
        programs: &mut Programs,
        port: &Link,
        direction: Direction,
        hook: WantedHook,
        report: &mut Report,
    ) -> Result<Option<Hook>> {
        let wanted: &[Hook] = match direction {
            Direction::Outbound => topology::hooks(hook, port.kind),
            Direction::Inbound => &[Hook::Tc],
        };
        let current = programs.attached(&self.netlink, port, direction).await?;
        if current.is_some_and(|current| wanted.contains(&current.hook)) {
            return Ok(None);
        }
        let old = current.map(|current| current.hook);
        // XDP's two hooks exclude each other: TC holds the fence while one makes way.
        let bridge = old.filter(|old| *old != Hook::Tc && !wanted.contains(&Hook::Tc));
        if let Some(old) = bridge {
            programs.attach(&self.netlink, port, direction, Hook::Tc).await?;
            programs.detach(&self.netlink, port, direction, old).await?;
        }
        let attached = self.attach_first(programs, port, direction, wanted, report).await;
        let hook = match (attached, bridge) {
            (Ok(hook), _) => hook,
            // Nothing that was enforcing stops: back to what was there.
            (Err(error), Some(old)) => {
                programs.attach(&self.netlink, port, direction, old).await?;
                programs.detach(&self.netlink, port, direction, Hook::Tc).await?;
                return Err(error);
            }
            (Err(error), None) => return Err(error),
        };
        if let Some(old) = if bridge.is_some() { Some(Hook::Tc) } else { old } {
            programs.detach(&self.netlink, port, direction, old).await?;
        }
        Ok(old.is_none().then_some(hook))
    }

    /// Attaches at the first of the hooks that the port takes.
    async fn attach_first(
        &self,
        programs: &mut Programs,
        port: &Link,
        direction: Direction,
        hooks: &[Hook],
        report: &mut Report,
    ) -> Result<Hook> {
        for (position, &hook) in hooks.iter().enumerate() {
            let last = position + 1 == hooks.len();
            match programs.attach(&self.netlink, port, direction, hook).await {
                Ok(()) => return Ok(hook),
                Err(error) if last => return Err(error.into()),
                // What most drivers answer; nothing to tell.
                Err(KernelError::XdpUnsupported { .. }) => {}
                Err(error) => report.notices.push(format!("{error}: fenced at TC instead")),
            }
        }
        Err(TopologyError::None.into())
    }

    /// Detaches from every interface that is not one of `ports`.
    async fn unfence_others(
        &self,
        programs: &Programs,
        ports: &[Link],
        report: &mut Report,
    ) -> Result<()> {
        let links = self.netlink.links().await?;
        for link in links.iter().filter(|link| !ports.iter().any(|port| port.index == link.index)) {
            let mut detached = false;
            for direction in Direction::ALL {
                if let Some(attached) = programs.attached(&self.netlink, link, direction).await? {
                    programs.detach(&self.netlink, link, direction, attached.hook).await?;
                    detached = true;
                }
            }
            if detached {
                report.detached.push(link.name.clone());
            }
        }
        for ifindex in self.root.linked()? {
            if !ports.iter().any(|port| port.index == ifindex) {
                links::forget(&self.root, ifindex)?;
            }
        }
        Ok(())
    }

    /// Detaches from every interface and removes the state.
    async fn take_down(&self) -> Result<()> {
        // Without pinned programs nothing but links can be attached, and those end with the root.
        if let Ok(programs) = Programs::open(&self.root, self.tcx) {
            self.unfence_others(&programs, &[], &mut Report::default()).await?;
        }
        self.root.remove()?;
        Ok(())
    }
}

/// The maps, if they have the room that the configuration wants.
fn check_room(maps: Maps, config: &Config) -> Result<Maps> {
    let (live, wanted) = (maps.max_cameras()?, config.fence.max_cameras);
    if live == wanted { Ok(maps) } else { Err(KernelError::OtherSize { live, wanted }.into()) }
}

fn live_camera(maps: &Maps, camera: &Camera) -> Result<LiveCamera> {
    Ok(LiveCamera {
        counters: maps.counters(camera.slot)?,
        mode: if camera.is(Camera::AUDIT) { Mode::Audit } else { Mode::Enforce },
        opened: maps.opened(camera.slot)?,
    })
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

fn write_policy(maps: &mut Maps, policy: &CompiledPolicy, report: &mut Report) -> Result<()> {
    let changes = diff(&maps.observe()?, policy);
    maps.apply(&changes)?;
    report.added = changes.insert.len();
    report.replaced = changes.replace.is_some();
    Ok(())
}
