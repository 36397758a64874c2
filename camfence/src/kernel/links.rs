//! Attaching programs to ports, and reading back what is attached.

use std::{
    fs, mem,
    path::{Path, PathBuf},
    time::Duration,
};

use aya::{
    maps::MapInfo,
    programs::{
        LinkOrder, ProgramError, ProgramInfo, SchedClassifier, TcAttachType, Xdp,
        links::{FdLink, PinnedLink},
        tc::{self, NlOptions, SchedClassifierLink, TcAttachOptions, TcHandle},
        xdp::{XdpLink, XdpMode as AyaXdpMode},
    },
};
use aya_obj::programs::XdpAttachType;
use camfence_common::{abi::names, reason::Direction};
use rustix::io::Errno;

use super::{
    error::{KernelError, OsCode, Result, Tried as _},
    netlink::{ClsactSide, Netlink},
    object::Object,
    query::tcx_programs,
    root::{Root, remove_file},
    runner::{Outcome, run_tc, run_xdp},
};
use crate::policy::topology::{Attached, Hook, Link, Mode};

/// Priority and handle of camfence's filters on a clsact qdisc. The highest priority: a filter
/// before it could let a frame pass unseen.
const CLSACT_PRIORITY: u16 = 1;
const CLSACT_HANDLE: u16 = 0xcf;

/// How often, and how many times, it is looked whether an XDP program is off: for two seconds.
const DETACH_POLL: Duration = Duration::from_millis(5);
const DETACH_POLLS: usize = 400;

/// The pinned programs of a fence.
#[derive(Debug)]
pub struct Programs {
    outbound_xdp: Xdp,
    outbound_tc: SchedClassifier,
    inbound_tc: SchedClassifier,
    root: Root,
    /// Whether TC programs are attached as links (TCX, kernel 6.6).
    tcx: bool,
}

impl Programs {
    /// Opens the pinned programs. Without `tcx`, TC programs are attached to a clsact qdisc, as
    /// on a kernel before 6.6.
    pub fn open(root: &Root, tcx: bool) -> Result<Self> {
        Ok(Self {
            outbound_xdp: open_xdp(&root.program(names::OUTBOUND_XDP))?,
            outbound_tc: open_tc(&root.program(names::OUTBOUND_TC))?,
            inbound_tc: open_tc(&root.program(names::INBOUND_TC))?,
            root: root.clone(),
            tcx,
        })
    }

    /// Pins the programs of an object. Where others are pinned already, they are replaced in
    /// their attachments, so that there is no moment without one; where the same are, nothing is
    /// written.
    pub(crate) async fn install(object: &mut Object, root: &Root, netlink: &Netlink) -> Result<()> {
        let cameras = root.map(names::CAMERAS);
        let cameras =
            MapInfo::from_pin(&cameras).tried(|| format!("opening {}", cameras.display()))?.id();
        install_xdp(object.xdp()?, root, cameras)?;
        for direction in Direction::ALL {
            let program = object.tc(tc_name(direction))?;
            install_tc(program, root, cameras, direction, netlink).await?;
        }
        Ok(())
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
            && xdp.program == id(self.outbound_xdp.info())?
        {
            return Ok(Some(Attached::xdp(xdp.mode)));
        }
        let program = id(self.tc(direction).info())?;
        if self.tcx && tcx_programs(port, direction)?.contains(&program) {
            return Ok(Some(Attached::tc(Mode::Tcx)));
        }
        let filters = netlink.clsact_programs(port.index, side(direction)).await?;
        let clsact = filters.iter().any(|filter| filter.program == program);
        Ok(clsact.then_some(Attached::tc(Mode::Clsact)))
    }

    /// Runs a frame through the program that is attached for a direction at a hook.
    pub(super) fn run(&self, direction: Direction, hook: Hook, frame: &[u8]) -> Result<Outcome> {
        match hook {
            Hook::Tc => run_tc(self.tc(direction), frame, frame.len()),
            Hook::XdpNative | Hook::XdpGeneric => run_xdp(&self.outbound_xdp, frame),
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
        let pin = self.root.link(port.index, program_name(direction, hook));
        let directory = self.root.links_of(port.index);
        fs::create_dir_all(&directory).tried(|| format!("making {}", directory.display()))?;
        // One that is left of an interface that is gone.
        release(&pin)?;
        let mode = match hook {
            Hook::Tc => return self.attach_tc(port, direction, &pin),
            Hook::XdpNative => AyaXdpMode::Driver,
            Hook::XdpGeneric => AyaXdpMode::Skb,
        };
        let result = attach_xdp(&mut self.outbound_xdp, port, mode, &pin);
        if let Err(KernelError::NoLink { .. }) = result {
            netlink.detach_xdp(port.index).await?;
        }
        result
    }

    /// Takes the program of a direction off a port's hook.
    pub async fn detach(
        &self,
        netlink: &Netlink,
        port: &Link,
        direction: Direction,
        hook: Hook,
    ) -> Result<()> {
        release(&self.root.link(port.index, program_name(direction, hook)))?;
        if hook != Hook::Tc {
            return self.await_detached(netlink, port).await;
        }
        let program = id(self.tc(direction).info())?;
        for filter in netlink.clsact_programs(port.index, side(direction)).await? {
            if filter.program == program {
                drop(clsact_link(port, direction)?);
            }
        }
        Ok(())
    }

    /// Waits until the kernel says that our XDP program is off a port: on 5.10 a link
    /// that was pinned detaches some time after its pin went, whoever had it open.
    async fn await_detached(&self, netlink: &Netlink, port: &Link) -> Result<()> {
        let program = id(self.outbound_xdp.info())?;
        for _ in 0..DETACH_POLLS {
            let links = netlink.links().await?;
            let now = links.iter().find(|link| link.index == port.index).and_then(|link| link.xdp);
            if now.is_none_or(|xdp| xdp.program != program) {
                break;
            }
            tokio::time::sleep(DETACH_POLL).await;
        }
        Ok(())
    }

    const fn tc(&self, direction: Direction) -> &SchedClassifier {
        match direction {
            Direction::Outbound => &self.outbound_tc,
            Direction::Inbound => &self.inbound_tc,
        }
    }

    fn attach_tc(&mut self, port: &Link, direction: Direction, pin: &Path) -> Result<()> {
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
        attach_clsact(program, port, direction)
    }
}

/// Removes the pinned links of an interface; what they attached is detached.
pub fn forget(root: &Root, ifindex: u32) -> Result<()> {
    for program in [names::OUTBOUND_XDP, names::OUTBOUND_TC, names::INBOUND_TC] {
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

fn install_xdp(program: &mut Xdp, root: &Root, cameras: u32) -> Result<()> {
    let pin = root.program(names::OUTBOUND_XDP);
    if is_same(&pin, program.info(), cameras)? {
        return Ok(());
    }
    for (path, link) in pinned_links(root, names::OUTBOUND_XDP)? {
        let what = || format!("replacing the program in {}", path.display());
        let link = XdpLink::try_from(link).tried(what)?;
        program.attach_to_link(link).tried(what)?;
    }
    remove_file(&pin)?;
    program.pin(&pin).tried(|| format!("pinning {}", pin.display()))
}

async fn install_tc(
    program: &mut SchedClassifier,
    root: &Root,
    cameras: u32,
    direction: Direction,
    netlink: &Netlink,
) -> Result<()> {
    let name = tc_name(direction);
    let pin = root.program(name);
    if is_same(&pin, program.info(), cameras)? {
        return Ok(());
    }
    for (path, link) in pinned_links(root, name)? {
        let what = || format!("replacing the program in {}", path.display());
        let link = SchedClassifierLink::try_from(link).tried(what)?;
        program.attach_to_link(link).tried(what)?;
    }
    if pin.exists() {
        replace_filters(program, id(open_tc(&pin)?.info())?, direction, netlink).await?;
    }
    remove_file(&pin)?;
    program.pin(&pin).tried(|| format!("pinning {}", pin.display()))
}

/// Replaces the program in the filters, of whatever interface, that run the program `old`.
async fn replace_filters(
    program: &mut SchedClassifier,
    old: u32,
    direction: Direction,
    netlink: &Netlink,
) -> Result<()> {
    for port in netlink.links().await? {
        let filters = netlink.clsact_programs(port.index, side(direction)).await?;
        if filters.iter().any(|filter| filter.program == old) {
            let what = || format!("{}: replacing the TC program", port.name);
            let id = program.attach_to_link(clsact_link(&port, direction)?).tried(what)?;
            mem::forget(program.take_link(id).tried(what)?);
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

fn attach_clsact(program: &mut SchedClassifier, port: &Link, direction: Direction) -> Result<()> {
    let what = || format!("{}: attaching the TC program", port.name);
    match tc::qdisc_add_clsact(&port.name) {
        Err(error) if error.os_code() == Some(Errno::EXIST.raw_os_error()) => {}
        result => result.tried(|| format!("{}: adding a clsact qdisc", port.name))?,
    }
    let options = TcAttachOptions::Netlink(NlOptions {
        priority: CLSACT_PRIORITY,
        handle: clsact_handle(),
        classid: None,
    });
    let id =
        program.attach_with_options(&port.name, attach_type(direction), options).tried(what)?;
    // Dropping it would take the filter off.
    mem::forget(program.take_link(id).tried(what)?);
    Ok(())
}

/// The filter that camfence made on a port, as a link; dropping it takes it off.
fn clsact_link(port: &Link, direction: Direction) -> Result<SchedClassifierLink> {
    let at = attach_type(direction);
    SchedClassifierLink::attached(&port.name, at, CLSACT_PRIORITY, clsact_handle(), None)
        .tried(|| format!("{}: looking for its filter", port.name))
}

const fn clsact_handle() -> TcHandle {
    TcHandle::new(0, CLSACT_HANDLE)
}

/// The pinned links of a program on all interfaces, with their pins.
fn pinned_links(root: &Root, program: &str) -> Result<Vec<(PathBuf, FdLink)>> {
    let mut links = Vec::new();
    for ifindex in root.linked()? {
        let path = root.link(ifindex, program);
        if path.exists() {
            let link =
                PinnedLink::from_pin(&path).tried(|| format!("opening {}", path.display()))?;
            links.push((path, link.into()));
        }
    }
    Ok(links)
}

/// Whether the pinned program has the same instructions as another, and works on the camera map of
/// the id `cameras` rather than on one of a fence that is gone.
fn is_same(
    pin: &Path,
    other: std::result::Result<ProgramInfo, ProgramError>,
    cameras: u32,
) -> Result<bool> {
    if !pin.exists() {
        return Ok(false);
    }
    let what = || format!("comparing {}", pin.display());
    let pinned = ProgramInfo::from_pin(pin).tried(what)?;
    let maps = pinned.map_ids().tried(what)?.unwrap_or_default();
    Ok(maps.contains(&cameras) && pinned.tag() == other.tried(what)?.tag())
}

fn id(info: std::result::Result<ProgramInfo, ProgramError>) -> Result<u32> {
    Ok(info.tried(|| "reading a program's id".into())?.id())
}

fn open_xdp(path: &Path) -> Result<Xdp> {
    Xdp::from_pin(path, XdpAttachType::Interface).tried(|| format!("opening {}", path.display()))
}

fn open_tc(path: &Path) -> Result<SchedClassifier> {
    SchedClassifier::from_pin(path).tried(|| format!("opening {}", path.display()))
}

const fn program_name(direction: Direction, hook: Hook) -> &'static str {
    match hook {
        Hook::Tc => tc_name(direction),
        Hook::XdpNative | Hook::XdpGeneric => names::OUTBOUND_XDP,
    }
}

const fn tc_name(direction: Direction) -> &'static str {
    match direction {
        Direction::Outbound => names::OUTBOUND_TC,
        Direction::Inbound => names::INBOUND_TC,
    }
}

const fn attach_type(direction: Direction) -> TcAttachType {
    match direction {
        Direction::Outbound => TcAttachType::Ingress,
        Direction::Inbound => TcAttachType::Egress,
    }
}

const fn side(direction: Direction) -> ClsactSide {
    match direction {
        Direction::Outbound => ClsactSide::Ingress,
        Direction::Inbound => ClsactSide::Egress,
    }
}
