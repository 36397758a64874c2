//! A home with two cameras, and the ways to fence it.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use camfence::kernel::{links, root::Root};
use camfence_tests::{
    BpffsRoot, Camfence, Frame, Host, Lab, Mac, RawPort, cmd::Daemon, kernel, mac,
};
use serde_json::Value;

pub(crate) const CAM: Mac = mac("b0:c5:54:25:5b:0e");
pub(crate) const CAM2: Mac = mac("b0:c5:54:25:5b:1f");
pub(crate) const CAM3: Mac = mac("b0:c5:54:25:5b:2f");
pub(crate) const NVR: Mac = mac("02:cf:aa:00:00:10");
pub(crate) const GW: Mac = mac("02:cf:aa:00:00:01");

/// How long nothing may arrive before everything has.
pub(crate) const QUIET: Duration = Duration::from_millis(40);
/// How long what shall arrive may take.
pub(crate) const SOON: Duration = Duration::from_secs(3);

/// A way to attach the outbound program. Inbound is always TC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attachment {
    Tcx,
    Clsact,
    XdpNative,
    XdpGeneric,
}

impl Attachment {
    /// `hook` in the configuration.
    pub(crate) const fn hook(self) -> &'static str {
        match self {
            Self::Tcx | Self::Clsact => "tc",
            Self::XdpNative => "xdp",
            Self::XdpGeneric => "xdp-generic",
        }
    }

    /// The one of TC that this kernel prefers.
    pub(crate) fn tc() -> Self {
        if kernel::has_tcx() { Self::Tcx } else { Self::Clsact }
    }

    /// Whether this kernel has it; tells that the test is skipped if not.
    pub(crate) fn is_here(self) -> bool {
        let is_here = self != Self::Tcx || kernel::has_tcx();
        if !is_here {
            kernel::skip(kernel::NO_TCX);
        }
        is_here
    }

    /// Hook and mode in `status --json`, outbound and inbound.
    pub(crate) fn shown(self) -> [(&'static str, &'static str); 2] {
        let inbound = match self {
            Self::Clsact => ("tc", "clsact"),
            _ if kernel::has_tcx() => ("tc", "tcx"),
            _ => ("tc", "clsact"),
        };
        let outbound = match self {
            Self::Tcx | Self::Clsact => inbound,
            Self::XdpNative => ("xdp", "native"),
            Self::XdpGeneric => ("xdp", "generic"),
        };
        [outbound, inbound]
    }
}

/// Makes each scenario, a function of an [`Attachment`], a test for every attachment.
macro_rules! over_every_attachment {
    ($($scenario:ident),+ $(,)?) => {
        over_every_attachment!(@module tcx Tcx: $($scenario),+);
        over_every_attachment!(@module clsact Clsact: $($scenario),+);
        over_every_attachment!(@module xdp_native XdpNative: $($scenario),+);
        over_every_attachment!(@module xdp_generic XdpGeneric: $($scenario),+);
    };
    (@module $module:ident $attachment:ident: $($scenario:ident),+) => {
        mod $module {
            $(#[test]
            fn $scenario() -> anyhow::Result<()> {
                let attachment = crate::fixture::Attachment::$attachment;
                if attachment.is_here() { super::$scenario(attachment) } else { Ok(()) }
            })+
        }
    };
}
pub(crate) use over_every_attachment;

/// The same for one attachment of each kind, where how it is attached makes no difference.
macro_rules! over_tc_and_xdp {
    ($($scenario:ident),+ $(,)?) => {
        crate::fixture::over_every_attachment!(@module tcx Tcx: $($scenario),+);
        crate::fixture::over_every_attachment!(@module xdp_native XdpNative: $($scenario),+);
    };
}
pub(crate) use over_tc_and_xdp;

/// The configuration of a fence on `interfaces`, with these cameras and lines of `[fence]`.
pub(crate) fn config(interfaces: &[&str], hook: &str, fence: &str, cameras: &[Mac]) -> String {
    use std::fmt::Write as _;
    let mut text = format!("[fence]\ninterfaces = {interfaces:?}\nhook = \"{hook}\"\n{fence}\n");
    for mac in cameras {
        let _ = write!(text, "\n[[camera]]\nmac = \"{mac}\"\nname = \"{}\"\n", name(*mac));
    }
    text
}

/// What a camera is called.
pub(crate) fn name(mac: Mac) -> &'static str {
    match mac {
        CAM => "driveway",
        CAM2 => "garage",
        _ => "attic",
    }
}

/// A silent home: what is on its wires is what a test puts there.
pub(crate) struct Home {
    pub(crate) lab: Lab,
    pub(crate) bpffs: BpffsRoot,
    pub(crate) attachment: Attachment,
}

impl Home {
    pub(crate) fn new(attachment: Attachment) -> Result<Self> {
        Self::with_mtu(attachment, 1500)
    }

    pub(crate) fn with_mtu(attachment: Attachment, mtu: u32) -> Result<Self> {
        let lab = Lab::builder()
            .mtu(mtu)
            .bridge("br-cam")
            .host(Host::new("driveway").mac(CAM).silent())
            .host(Host::new("garage").mac(CAM2).silent())
            .host(Host::new("nvr").mac(NVR).silent())
            .host(Host::new("gw").mac(GW).silent())
            .build()?;
        Ok(Self { lab, bpffs: BpffsRoot::new()?, attachment })
    }

    /// The fence on the bridge with both cameras, up.
    pub(crate) fn fenced(&self) -> Result<Fence<'_>> {
        let fence = self.fence(&[CAM, CAM2])?;
        fence.up()?;
        Ok(fence)
    }

    /// The fence on the bridge with these cameras, not up yet.
    pub(crate) fn fence(&self, cameras: &[Mac]) -> Result<Fence<'_>> {
        self.fence_with("", cameras, "")
    }

    /// The same with lines of `[fence]`, and lines behind the cameras.
    pub(crate) fn fence_with(&self, lines: &str, cameras: &[Mac], more: &str) -> Result<Fence<'_>> {
        let text = self.config_with(lines, cameras, more);
        Fence::new(&self.lab, &self.bpffs, self.attachment, &text)
    }

    /// The configuration of such a fence.
    pub(crate) fn config_with(&self, lines: &str, cameras: &[Mac], more: &str) -> String {
        config(&["br-cam"], self.attachment.hook(), lines, cameras) + more
    }

    /// A host's wire.
    pub(crate) fn wire(&self, host: &str) -> Result<RawPort> {
        RawPort::open(self.lab.host(host), "eth0")
    }
}

/// The command line, with the options that an attachment needs.
pub(crate) struct Fence<'a> {
    pub(crate) lab: &'a Lab,
    pub(crate) bpffs: &'a BpffsRoot,
    pub(crate) camfence: Camfence<'a>,
    attachment: Attachment,
}

impl<'a> Fence<'a> {
    pub(crate) fn new(
        lab: &'a Lab,
        bpffs: &'a BpffsRoot,
        attachment: Attachment,
        config: &str,
    ) -> Result<Self> {
        let camfence = Camfence::new(lab.box_ns(), config, bpffs)?;
        Ok(Self { lab, bpffs, camfence, attachment })
    }

    /// Carries out a verb; gives what it printed, which is JSON.
    pub(crate) fn verb(&self, arguments: &[&str]) -> Result<Value> {
        self.camfence.json(self.arguments(arguments))
    }

    /// Starts a verb that stays.
    pub(crate) fn start(&self, arguments: &[&str]) -> Result<Daemon> {
        self.camfence.start(self.arguments(arguments))
    }

    fn arguments<'b>(&self, arguments: &[&'b str]) -> Vec<&'b str> {
        let without_tcx = (self.attachment == Attachment::Clsact).then_some("--without-tcx");
        without_tcx.into_iter().chain(arguments.iter().copied()).collect()
    }

    /// The ids of the pinned programs.
    pub(crate) fn programs(&self) -> Result<Vec<u32>> {
        Ok(links::own_programs(&Root::new(self.bpffs.path()))?)
    }

    pub(crate) fn up(&self) -> Result<Value> {
        self.verb(&["up"])
    }

    pub(crate) fn status(&self) -> Result<Value> {
        self.verb(&["status"])
    }

    /// The index of a host's port.
    pub(crate) fn ifindex(&self, host: &str) -> Result<u32> {
        self.lab.box_ns().ifindex(self.lab.port(host))
    }

    /// What `status` says of a camera.
    pub(crate) fn camera(&self, mac: Mac) -> Result<Value> {
        let status = self.status()?;
        let cameras = status["cameras"].as_array().context("cameras")?;
        let mac = mac.to_string();
        cameras.iter().find(|camera| camera["mac"] == mac).cloned().context("the camera")
    }

    /// What `status` says of a host's port.
    pub(crate) fn port(&self, host: &str) -> Result<Value> {
        let status = self.status()?;
        let ports = status["interfaces"].as_array().context("interfaces")?;
        let name = self.lab.port(host);
        ports.iter().find(|port| port["name"] == name).cloned().context("the port")
    }

    /// Packets that passed and were dropped, outbound.
    pub(crate) fn outbound(&self, mac: Mac) -> Result<[u64; 2]> {
        let camera = self.camera(mac)?;
        let count =
            |verdict: &str| camera["outbound"][verdict]["packets"].as_u64().context("count");
        Ok([count("passed")?, count("dropped")?])
    }
}

/// A frame of a camera to a station that nobody knows, so that a bridge floods it: what leaks
/// is seen everywhere.
pub(crate) fn calling_home(camera: Mac) -> Frame {
    Frame::from(camera).ipv4("192.168.1.31", "203.0.113.7").udp(5000, 10240).payload(b"hello")
}

/// The same to the recorder.
pub(crate) fn recording(camera: Mac) -> Frame {
    Frame::from(camera).to(NVR).ipv4("192.168.1.31", "192.168.1.10").udp(5000, 554).payload(b"hi")
}

/// Checks that these frames arrive in this order, and nothing else.
pub(crate) fn arrives(port: &RawPort, frames: &[Vec<u8>]) -> Result<()> {
    for (i, frame) in frames.iter().enumerate() {
        let arrived = port.capture(SOON)?;
        ensure!(arrived.as_ref() == Some(frame), "{port:?}: {i}: {arrived:?} for {frame:?}");
    }
    nothing_arrives(port)
}

/// Checks that nothing arrives.
pub(crate) fn nothing_arrives(port: &RawPort) -> Result<()> {
    let arrived = port.capture_until_quiet(QUIET)?;
    ensure!(arrived.is_empty(), "{port:?} heard {arrived:?}");
    Ok(())
}
