//! The fence: everything that changes it, and what it says of itself.
//!
//! [`Fence::up`], [`Fence::reload`] and [`Fence::apply_policy`] are one reconcile over more or
//! less of the state: compute what should be, compare with what the kernel holds, write the
//! difference. Run twice, it writes nothing the second time.

mod capture;
mod error;
mod follow;
mod ports;
mod proof;
mod reading;
mod report;
mod sightings;
mod standing;
mod switch;
mod told;

use std::{collections::BTreeMap, time::Duration};

use camfence_common::{
    abi::{CANARY, Subject},
    mac::Mac,
};

use self::ports::Ports;
pub use self::{
    capture::Capturing,
    error::{FenceError, Result},
    follow::{Followed, FollowedPort, Memory},
    ports::Demand,
    proof::Side,
    reading::Reading,
    report::Report,
    sightings::{Seen, Sightings},
    standing::{LiveCamera, PortState, Standing, Strangers},
};
use crate::{
    config::{Config, Unknown},
    kernel::{
        KernelError, clsact,
        ledger::Contents,
        links::{self, Programs},
        maps::Maps,
        netlink::{self, Netlink},
        object::{Object, Options, Room},
        root::{Lock, Root},
    },
    policy::{
        compile::{CompiledPolicy, Surroundings, compile},
        diff::diff,
        topology::{self, Link},
    },
};

/// How many times the fence is read again because it was switched meanwhile.
const READ_AGAIN: usize = 4;

/// A fence, standing or not, under a pin root.
#[derive(Debug, Clone)]
pub struct Fence {
    root: Root,
    netlink: Netlink,
    tcx: bool,
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

    /// Does something with the fence on a runtime and by a connection of this thread's own: what rtnetlink
    /// answers comes without waking another. Panics on a thread that drives a runtime.
    pub fn apart<T>(&self, task: impl AsyncFnOnce(&Self) -> T) -> Result<T> {
        netlink::runtime()?.block_on(async {
            let fence = Self { netlink: Netlink::connect()?, ..self.clone() };
            Ok(task(&fence).await)
        })
    }

    /// Puts the fence up, or brings one that stands in line with the configuration and with this
    /// version's programs. If it fails, nothing new is left behind and what stood still stands.
    pub async fn up(&self, config: &Config, demand: Demand) -> Result<Report> {
        let target = self.target(config, demand).await?;
        let _lock = self.root.create()?;
        let mut report = Report::of(config, &target.ports);
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
        let mut report = Report::of(config, &target.ports);
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
        Ok(Maps::are_ready(&self.root)?)
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
