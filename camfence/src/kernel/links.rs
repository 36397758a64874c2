//! Attaching programs to ports, and reading back what is attached.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use aya::{
    maps::MapInfo,
    programs::{
        LinkOrder, ProgramError, ProgramInfo, SchedClassifier, TcAttachType, Xdp,
        links::{FdLink, PinnedLink},
        tc::{SchedClassifierLink, TcAttachOptions},
        xdp::{XdpLink, XdpMode as AyaXdpMode},
    },
};
use aya_obj::programs::XdpAttachType;
use camfence_common::{abi::names, reason::Direction};
use rustix::io::Errno;

use super::{
    clsact,
    error::{KernelError, OsCode, Result, Tried as _},
    frags,
    netlink::Netlink,
    object::{Object, is_xdp},
    query::{self, tcx_programs},
    root::{Generation, Root},
    runner::{Outcome, run_tc, run_xdp},
};
use crate::policy::topology::{Attached, Hook, Link, Mode};

/// How often, and how many times, it is looked whether an XDP program is off: for two seconds.
const DETACH_POLL: Duration = Duration::from_millis(5);
const DETACH_POLLS: usize = 400;

/// The programs as they are pinned and attached, in the order in which they are brought in. The first is
/// there from when a driver first wants it, and not on a kernel before 5.18.
pub(super) const NAMES: [&str; 4] =
    [names::OUTBOUND_XDP_FRAGS, names::OUTBOUND_XDP, names::OUTBOUND_TC, names::INBOUND_TC];

/// The programs for XDP, in the order in which they are tried at a port: telling how long a frame in
/// several buffers is costs something, and is needed only where the driver would have it so.
const XDP_NAMES: [&str; 2] = [names::OUTBOUND_XDP, names::OUTBOUND_XDP_FRAGS];

/// The pinned programs of a fence.
#[derive(Debug)]
pub struct Programs {
    /// By name, in the order of [`XDP_NAMES`].
    outbound_xdp: Vec<(&'static str, Xdp)>,
    outbound_tc: SchedClassifier,
    inbound_tc: SchedClassifier,
    /// The ids of all that are pinned, by name: while programs are replaced, attachments still have
    /// others, or have others already.
    ours: BTreeMap<&'static str, Vec<u32>>,
    /// Where a program was brought in that was not there, see [`settle`](Self::settle).
    brought_in: Option<Generation>,
    root: Root,
    /// Whether TC programs are attached as links (TCX, kernel 6.6).
    tcx: bool,
}

impl Programs {
    /// Opens the pinned programs. Without `tcx`, TC programs are attached to a clsact qdisc, as
    /// on a kernel before 6.6.
    pub fn open(root: &Root, tcx: bool) -> Result<Self> {
        let generation = root.in_use()?;
        let mut ours = BTreeMap::new();
        for name in NAMES {
            ours.insert(name, pinned_ids(root, name)?);
        }
        let xdp = |name| Ok((name, open_xdp(&generation.program(name))?));
        let mut outbound_xdp = vec![xdp(names::OUTBOUND_XDP)?];
        if generation.program(names::OUTBOUND_XDP_FRAGS).exists() {
            outbound_xdp.push(xdp(names::OUTBOUND_XDP_FRAGS)?);
        }
        Ok(Self {
            outbound_xdp,
            outbound_tc: open_tc(&generation.program(names::OUTBOUND_TC))?,
            inbound_tc: open_tc(&generation.program(names::INBOUND_TC))?,
            ours,
            brought_in: None,
            root: root.clone(),
            tcx,
        })
    }

    /// What the kernel says of a port: which of our programs is attached for a direction, and how.
    pub async fn attached(
        &self,
        netlink: &Netlink,
        port: &Link,
        direction: Direction,
    ) -> Result<Option<Attached>> {
        if direction == Direction::Outbound
            && let Some(xdp) = port.xdp
            && self.is_our_xdp(xdp.program)
        {
            return Ok(Some(Attached::xdp(xdp.mode)));
        }
        let is_ours = |program| self.is_ours(tc_name(direction), program);
        if self.tcx && tcx_programs(port, direction)?.into_iter().any(is_ours) {
            return Ok(Some(Attached::tc(Mode::Tcx)));
        }
        let filters = netlink.clsact_programs(port.index, clsact::side(direction)).await?;
        let clsact = filters.iter().any(|filter| is_ours(filter.program));
        Ok(clsact.then_some(Attached::tc(Mode::Clsact)))
    }

    /// Whether a program of an attachment is this fence's.
    fn is_ours(&self, name: &str, program: u32) -> bool {
        self.ours.get(name).is_some_and(|ours| ours.contains(&program))
    }

    fn is_our_xdp(&self, program: u32) -> bool {
        XDP_NAMES.into_iter().any(|name| self.is_ours(name, program))
    }

    /// Runs a frame through the programs that may be attached for a direction at a hook.
    pub(super) fn run(
        &self,
        direction: Direction,
        hook: Hook,
        frame: &[u8],
    ) -> Result<Vec<Outcome>> {
        match hook {
            Hook::Tc => Ok(vec![run_tc(self.tc(direction), frame, frame.len())?]),
            Hook::XdpNative | Hook::XdpGeneric => {
                self.outbound_xdp.iter().map(|(_, program)| run_xdp(program, frame)).collect()
            }
        }
    }

    const fn tc(&self, direction: Direction) -> &SchedClassifier {
        match direction {
            Direction::Outbound => &self.outbound_tc,
            Direction::Inbound => &self.inbound_tc,
        }
    }

    /// Attaches the program of a direction to a port at a hook. Inbound knows only TC.
    pub async fn attach(
        &mut self,
        netlink: &Netlink,
        port: &Link,
        direction: Direction,
        hook: Hook,
    ) -> Result<()> {
        let directory = self.root.links_of(port.index);
        fs::create_dir_all(&directory).tried(|| format!("making {}", directory.display()))?;
        // Those that are left of an interface that is gone.
        for name in program_names(direction, hook) {
            release(&self.root.link(port.index, name))?;
        }
        match hook {
            Hook::Tc => self.attach_tc(netlink, port, direction).await,
            Hook::XdpNative => self.attach_xdp(netlink, port, AyaXdpMode::Driver).await,
            Hook::XdpGeneric => self.attach_xdp(netlink, port, AyaXdpMode::Skb).await,
        }
    }

    /// Attaches the first of the XDP programs that the driver takes.
    async fn attach_xdp(&mut self, netlink: &Netlink, port: &Link, mode: AyaXdpMode) -> Result<()> {
        let mut attached = Err(KernelError::XdpUnsupported { interface: port.name.clone() });
        for name in XDP_NAMES {
            let pin = self.root.link(port.index, name);
            let Some(program) = self.xdp(name)? else { break };
            attached = attach_xdp(program, port, mode, &pin);
            match attached {
                Ok(()) | Err(KernelError::XdpBusy { .. }) => break,
                Err(KernelError::NoLink { .. }) => netlink.detach_xdp(port.index).await?,
                Err(_) => {}
            }
        }
        attached
    }

    /// An XDP program, which is brought in if it is not there; none if this kernel has no such.
    fn xdp(&mut self, name: &'static str) -> Result<Option<&mut Xdp>> {
        if !self.outbound_xdp.iter().any(|(other, _)| *other == name) {
            let generation = self.root.in_use()?;
            if !frags::bring_in(&self.root, &generation)? {
                return Ok(None);
            }
            self.outbound_xdp.push((name, open_xdp(&generation.program(name))?));
            self.ours.insert(name, pinned_ids(&self.root, name)?);
            self.brought_in = Some(generation);
        }
        let program = self.outbound_xdp.iter_mut().find(|(other, _)| *other == name);
        Ok(program.map(|(_, program)| program))
    }

    /// Ends attaching: a program that was brought in for a port and that none has is not kept.
    pub fn settle(self) -> Result<()> {
        match self.brought_in {
            Some(generation) => frags::take_out(&self.root, &generation),
            None => Ok(()),
        }
    }

    /// Takes the program of a direction off a port's hook.
    pub async fn detach(
        &self,
        netlink: &Netlink,
        port: &Link,
        direction: Direction,
        hook: Hook,
    ) -> Result<()> {
        for name in program_names(direction, hook) {
            release(&self.root.link(port.index, name))?;
        }
        if hook != Hook::Tc {
            return self.await_detached(netlink, port).await;
        }
        for filter in netlink.clsact_programs(port.index, clsact::side(direction)).await? {
            if self.is_ours(tc_name(direction), filter.program) {
                clsact::take_off(port, direction, &filter)?;
            }
        }
        Ok(())
    }

    /// Waits until the kernel says that our XDP program is off a port: on 5.10 a link
    /// that was pinned detaches some time after its pin went, whoever had it open.
    async fn await_detached(&self, netlink: &Netlink, port: &Link) -> Result<()> {
        for _ in 0..DETACH_POLLS {
            let links = netlink.links().await?;
            let now = links.iter().find(|link| link.index == port.index).and_then(|link| link.xdp);
            if now.is_none_or(|xdp| !self.is_our_xdp(xdp.program)) {
                break;
            }
            tokio::time::sleep(DETACH_POLL).await;
        }
        Ok(())
    }

    async fn attach_tc(
        &mut self,
        netlink: &Netlink,
        port: &Link,
        direction: Direction,
    ) -> Result<()> {
        let pin = &self.root.link(port.index, tc_name(direction));
        let program = match direction {
            Direction::Outbound => &mut self.outbound_tc,
            Direction::Inbound => &mut self.inbound_tc,
        };
        if self.tcx {
            match attach_tcx(program, port, direction, pin) {
                // The answer of a kernel without TCX.
                Err(error) if error.errno() == Some(Errno::INVAL) => self.tcx = false,
                result => return result,
            }
        }
        clsact::attach(program, &self.root, netlink, port, direction).await
    }
}

/// Removes the pinned links of an interface; what they attached is detached.
pub fn forget(root: &Root, ifindex: u32) -> Result<()> {
    for program in NAMES {
        release(&root.link(ifindex, program))?;
    }
    let directory = root.links_of(ifindex);
    fs::remove_dir_all(&directory).tried(|| format!("removing {}", directory.display()))
}

/// Removes a pinned link, if it is there, and with it what it attached.
///
/// The link is opened first: current kernels detach at once when a descriptor closes, but some
/// time later when the last reference was a pin. Older ones always take their time.
fn release(pin: &Path) -> Result<()> {
    if !pin.exists() {
        return Ok(());
    }
    let link = PinnedLink::from_pin(pin).tried(|| format!("opening {}", pin.display()))?;
    drop(link.unpin().tried(|| format!("removing {}", pin.display()))?);
    Ok(())
}

/// Pins the programs of an object in a generation that has none yet.
pub(crate) fn pin(object: &mut Object, generation: &Generation) -> Result<()> {
    for name in object.names() {
        object.pin(name, &generation.program(name))?;
    }
    Ok(())
}

/// The names of a generation's pinned programs.
fn pinned_names(generation: &Generation) -> impl Iterator<Item = &'static str> {
    NAMES.into_iter().filter(|name| generation.program(name).exists())
}

/// Brings an object's programs in where a generation has others, which are replaced in their
/// attachments, so that there is no moment without one. Where it has the same, nothing is written.
///
/// A new program is pinned beside the old before it is attached anywhere, and takes the old one's
/// place when it is attached everywhere: what is attached always is pinned.
pub(crate) async fn install(
    object: &mut Object,
    root: &Root,
    generation: &Generation,
    netlink: &Netlink,
) -> Result<()> {
    let cameras = generation.map(names::CAMERAS);
    let cameras =
        MapInfo::from_pin(&cameras).tried(|| format!("opening {}", cameras.display()))?.id();
    frags::complete(object, root)?;
    for name in object.names() {
        finish_replacing(root, generation, name, netlink).await?;
        if !is_same(&generation.program(name), &object.info(name)?, cameras)? {
            bring_in(object, root, generation, name, netlink).await?;
        }
    }
    Ok(())
}

/// The ids of a generation's pinned programs.
pub(crate) fn ids(generation: &Generation) -> Result<Vec<u32>> {
    let ids = pinned_names(generation).map(|name| {
        let pin = generation.program(name);
        let info = ProgramInfo::from_pin(&pin).tried(|| format!("opening {}", pin.display()));
        Ok(info.map_err(|error| error.of_pin(&pin))?.id())
    });
    ids.collect()
}

/// Brings an object's programs in as [`install`] does, though they have the same instructions as
/// those that are there: what they differ in is a global.
pub(crate) async fn exchange(
    object: &mut Object,
    root: &Root,
    generation: &Generation,
    netlink: &Netlink,
) -> Result<()> {
    for name in object.names() {
        finish_replacing(root, generation, name, netlink).await?;
        bring_in(object, root, generation, name, netlink).await?;
    }
    Ok(())
}

async fn bring_in(
    object: &mut Object,
    root: &Root,
    generation: &Generation,
    name: &str,
    netlink: &Netlink,
) -> Result<()> {
    object.pin(name, &next(generation, name))?;
    finish_replacing(root, generation, name, netlink).await
}

/// Puts a program in its place that is pinned beside it, perhaps by a process that did not live to
/// attach it everywhere.
async fn finish_replacing(
    root: &Root,
    generation: &Generation,
    name: &str,
    netlink: &Netlink,
) -> Result<()> {
    let next = next(generation, name);
    if next.exists() {
        replace(root, generation, &next, name, netlink).await?;
        rename(&next, &generation.program(name))?;
    }
    Ok(())
}

/// Puts a generation's programs in the place of those that are attached.
pub(crate) async fn replace_all(
    root: &Root,
    generation: &Generation,
    netlink: &Netlink,
) -> Result<()> {
    for name in pinned_names(generation) {
        replace(root, generation, &generation.program(name), name, netlink).await?;
    }
    Ok(())
}

/// Puts a pinned program in the place of others of its name: in every pinned link, and in every
/// filter that runs one that is pinned.
async fn replace(
    root: &Root,
    generation: &Generation,
    pin: &Path,
    name: &str,
    netlink: &Netlink,
) -> Result<()> {
    if is_xdp(name) {
        return replace_xdp(root, generation, pin, name);
    }
    let mut program = open_tc(pin)?;
    replace_in_links(root, name, |_, link, what| {
        let link = SchedClassifierLink::try_from(link).tried(|| what.into())?;
        program.attach_to_link(link).map(drop).tried(|| what.into())
    })?;
    let new = id(program.info())?;
    let old = pinned_ids(root, name)?;
    for direction in Direction::ALL.into_iter().filter(|direction| tc_name(*direction) == name) {
        for port in netlink.links().await? {
            let filters = netlink.clsact_programs(port.index, clsact::side(direction)).await?;
            let is_old = |program| program != new && old.contains(&program);
            for filter in filters.iter().filter(|filter| is_old(filter.program)) {
                clsact::replace(&mut program, &port, direction, filter)?;
            }
        }
    }
    Ok(())
}

/// The same for XDP. Fences of earlier versions have the program for frames in several buffers under
/// the other's name; where a port cannot do without it, it has that of this version, under its own.
fn replace_xdp(root: &Root, generation: &Generation, pin: &Path, name: &str) -> Result<()> {
    let mut program = open_xdp(pin)?;
    let attach = |program: &mut Xdp, link: FdLink, what: &str| {
        let link = XdpLink::try_from(link).tried(|| what.into())?;
        program.attach_to_link(link).map(drop).tried(|| what.into())
    };
    let other = generation.program(names::OUTBOUND_XDP_FRAGS);
    let has_other = || match name {
        names::OUTBOUND_XDP => frags::bring_in(root, generation),
        _ => Ok(false),
    };
    replace_in_links(root, name, |path, link, what| match attach(&mut program, link, what) {
        Err(error) if error.errno() != Some(Errno::NOLINK) && has_other()? => {
            attach(&mut open_xdp(&other)?, open_link(path)?, what)?;
            rename(path, &path.with_file_name(names::OUTBOUND_XDP_FRAGS))
        }
        attached => attached,
    })
}

fn replace_in_links(
    root: &Root,
    name: &str,
    mut replace: impl FnMut(&Path, FdLink, &str) -> Result<()>,
) -> Result<()> {
    for (path, link) in pinned_links(root, name)? {
        let what = format!("replacing the program in {}", path.display());
        match replace(&path, link, &what) {
            // The interface is gone, and the link waits for its pin to be removed.
            Err(error) if error.errno() == Some(Errno::NOLINK) => {}
            replaced => replaced?,
        }
    }
    Ok(())
}

fn attach_xdp(program: &mut Xdp, port: &Link, mode: AyaXdpMode, pin: &Path) -> Result<()> {
    let what = || format!("{}: attaching the XDP program", port.name);
    let attached = program.attach_to_if_index(port.index, mode);
    let errno = attached.as_ref().err().and_then(OsCode::os_code).map(Errno::from_raw_os_error);
    let interface = port.name.clone();
    let id = match errno {
        Some(Errno::BUSY | Errno::EXIST) => return Err(KernelError::XdpBusy { interface }),
        Some(Errno::OPNOTSUPP) => return Err(KernelError::XdpUnsupported { interface }),
        Some(Errno::RANGE) => return Err(KernelError::XdpMtu { interface }),
        _ => attached.tried(what)?,
    };
    let link = program.take_link(id).tried(what)?;
    // What is not a link was attached by netlink, and nothing would keep or find it.
    let link = FdLink::try_from(link).map_err(|_| KernelError::NoLink { interface })?;
    link.pin(pin).tried(|| format!("pinning {}", pin.display()))?;
    Ok(())
}

fn attach_tcx(
    program: &mut SchedClassifier,
    port: &Link,
    direction: Direction,
    pin: &Path,
) -> Result<()> {
    let what = || format!("{}: attaching the TC program", port.name);
    let order = TcAttachOptions::TcxOrder(LinkOrder::first());
    let id = program.attach_with_options(&port.name, attach_type(direction), order).tried(what)?;
    let link = FdLink::try_from(program.take_link(id).tried(what)?).tried(what)?;
    link.pin(pin).tried(|| format!("pinning {}", pin.display()))?;
    Ok(())
}

/// The pinned links of a program on all interfaces, with their pins.
fn pinned_links(root: &Root, program: &str) -> Result<Vec<(PathBuf, FdLink)>> {
    let mut links = Vec::new();
    for ifindex in root.linked()? {
        let path = root.link(ifindex, program);
        if path.exists() {
            let link = open_link(&path)?;
            links.push((path, link));
        }
    }
    Ok(links)
}

fn open_link(pin: &Path) -> Result<FdLink> {
    Ok(PinnedLink::from_pin(pin).tried(|| format!("opening {}", pin.display()))?.into())
}

/// Pin of a program that is about to replace the one of a generation.
fn next(generation: &Generation, name: &str) -> PathBuf {
    generation.program(&format!("next_{name}"))
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).tried(|| format!("replacing {}", to.display()))
}

/// The ids of the programs of a name that are pinned in any generation.
pub(super) fn pinned_ids(root: &Root, name: &str) -> Result<Vec<u32>> {
    let mut ids = Vec::new();
    for generation in root.generations()? {
        for pin in [generation.program(name), next(&generation, name)] {
            match ProgramInfo::from_pin(&pin) {
                Ok(info) => ids.push(info.id()),
                Err(error) if error.os_code() == Some(Errno::NOENT.raw_os_error()) => {}
                Err(error) => return Err(error).tried(|| format!("opening {}", pin.display())),
            }
        }
    }
    Ok(ids)
}

/// Whether the pinned program has the same instructions as another, and works on the camera map of
/// the id `cameras` rather than on one of a fence that is gone.
fn is_same(pin: &Path, other: &ProgramInfo, cameras: u32) -> Result<bool> {
    if !pin.exists() {
        return Ok(false);
    }
    let what = || format!("comparing {}", pin.display());
    let pinned = ProgramInfo::from_pin(pin).tried(what)?;
    Ok(query::maps_of(pin)?.contains(&cameras) && pinned.tag() == other.tag())
}

/// The ids of the programs that are a fence's.
pub fn own_programs(root: &Root) -> Result<Vec<u32>> {
    let mut own = Vec::new();
    for name in NAMES {
        own.extend(pinned_ids(root, name)?);
    }
    Ok(own)
}

/// Whether the pinned programs have the same instructions as those of an object. None if none are
/// pinned.
pub(super) fn are_pinned(object: &mut Object, root: &Root) -> Result<Option<bool>> {
    let Some(generation) = root.current()? else { return Ok(None) };
    frags::complete(object, root)?;
    let mut same = None;
    for name in object.names() {
        let pin = generation.program(name);
        let what = || format!("comparing {}", pin.display());
        if pin.try_exists().tried(what)? {
            let pinned = ProgramInfo::from_pin(&pin).tried(what)?;
            same = Some(same.unwrap_or(true) && pinned.tag() == object.info(name)?.tag());
        }
    }
    Ok(same)
}

fn id(info: std::result::Result<ProgramInfo, ProgramError>) -> Result<u32> {
    Ok(info.tried(|| "reading a program's id".into())?.id())
}

fn open_xdp(path: &Path) -> Result<Xdp> {
    Xdp::from_pin(path, XdpAttachType::Interface)
        .tried(|| format!("opening {}", path.display()))
        .map_err(|error| error.of_pin(path))
}

fn open_tc(path: &Path) -> Result<SchedClassifier> {
    SchedClassifier::from_pin(path)
        .tried(|| format!("opening {}", path.display()))
        .map_err(|error| error.of_pin(path))
}

/// The names that the program of a direction at a hook can have.
fn program_names(direction: Direction, hook: Hook) -> Vec<&'static str> {
    match hook {
        Hook::Tc => vec![tc_name(direction)],
        Hook::XdpNative | Hook::XdpGeneric => XDP_NAMES.to_vec(),
    }
}

pub(super) const fn tc_name(direction: Direction) -> &'static str {
    match direction {
        Direction::Outbound => names::OUTBOUND_TC,
        Direction::Inbound => names::INBOUND_TC,
    }
}

pub(super) const fn attach_type(direction: Direction) -> TcAttachType {
    match direction {
        Direction::Outbound => TcAttachType::Ingress,
        Direction::Inbound => TcAttachType::Egress,
    }
}
