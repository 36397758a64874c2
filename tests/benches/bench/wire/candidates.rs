//! What is measured.

use anyhow::{Context as _, Result, bail};
use aya::programs::xdp::XdpMode;
use camfence_common::limits::DEFAULT_MAX_CAMERAS;
use camfence_tests::cmd::Daemon;
use camfence_tests::measure::{Flood, Program, own};
use camfence_tests::{Camfence, Mac, Netns, home};
use serde_json::Value;

use super::Way;
use super::scene::{CABLE, PORT, Role, Scene, camera, config};
use crate::peers::Filter;
use crate::peers::ebtables::Ebtables;
use crate::peers::iptables::Iptables;
use crate::peers::nft::Nft;
use crate::peers::xdp_filter::XdpFilter;

/// All of them.
pub(super) const KINDS: [Kind; 9] = [
    Kind::DropOnly,
    Kind::CamfenceXdp,
    Kind::XdpFilter,
    Kind::CamfenceTc,
    Kind::NftNetdev,
    Kind::NftBridge,
    Kind::Ebtables,
    Kind::Iptables,
    Kind::IptablesMiddle,
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    DropOnly,
    CamfenceXdp,
    CamfenceTc,
    XdpFilter,
    NftNetdev,
    NftBridge,
    Ebtables,
    Iptables,
    /// The same with frames of the camera in the middle of its list.
    IptablesMiddle,
}

/// A filter in its box, and the frames for it.
pub(super) struct Candidate<'a> {
    pub(super) kind: Kind,
    pub(super) way: Way,
    pub(super) filter: Box<dyn Filter + 'a>,
    pub(super) flood: Flood<'a>,
}

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::DropOnly => "drop only",
            Self::CamfenceXdp => "camfence XDP",
            Self::CamfenceTc => "camfence TC",
            Self::XdpFilter => "xdp-filter",
            Self::NftNetdev => "nft netdev",
            Self::NftBridge => "nft bridge",
            Self::Ebtables => "ebtables",
            Self::Iptables => "iptables",
            Self::IptablesMiddle => "iptables, middle of its list",
        }
    }

    pub(super) fn role(self) -> Role {
        if matches!(self, Self::Iptables | Self::IptablesMiddle) {
            Role::Router
        } else {
            Role::Bridge
        }
    }

    /// The program that it takes, and Debian's package of it; none if it is there anyway.
    pub(super) const fn takes(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::DropOnly | Self::CamfenceXdp | Self::CamfenceTc => None,
            Self::XdpFilter => Some(("xdp-filter", "xdp-tools")),
            Self::NftNetdev | Self::NftBridge => Some(("nft", "nftables")),
            Self::Ebtables => Some(("ebtables", "ebtables")),
            Self::Iptables | Self::IptablesMiddle => Some(("iptables", "iptables")),
        }
    }

    fn is_xdp(self) -> bool {
        matches!(self, Self::DropOnly | Self::CamfenceXdp | Self::XdpFilter)
    }
}

impl<'a> Candidate<'a> {
    /// Puts a filter for so many cameras up.
    pub(super) fn start(kind: Kind, scene: &'a Scene, cameras: u32, way: Way) -> Result<Self> {
        let macs: Vec<Mac> = (0..cameras).map(camera).collect();
        let netns = scene.lab.box_ns();
        let filter: Box<dyn Filter> = match kind {
            Kind::DropOnly => Box::new(DropOnly::attach(scene)?),
            Kind::CamfenceXdp => Box::new(Fence::start(scene, "xdp", &macs)?),
            Kind::CamfenceTc => Box::new(Fence::start(scene, "tc", &macs)?),
            Kind::XdpFilter => {
                Box::new(Peer { netns, filter: XdpFilter::new(netns, PORT, &macs)? })
            }
            Kind::NftNetdev => Box::new(Nft::netdev(netns, PORT, &macs)?),
            Kind::NftBridge => Box::new(Nft::bridge(netns, &macs)?),
            Kind::Ebtables => Box::new(Ebtables::load(netns, &macs)?),
            Kind::Iptables | Kind::IptablesMiddle => Box::new(Iptables::load(netns, &macs)?),
        };
        let from = if kind == Kind::IptablesMiddle { macs.len() / 2 } else { macs.len() - 1 };
        let frame = scene.frame(macs[from]);
        let flood = match way {
            Way::Cable => Flood::out_of(scene.lab.host("camera"), CABLE, &frame)?,
            Way::Driver if kind.is_xdp() => Flood::through(netns, PORT, xdp_at(netns)?, &frame)?,
            Way::Driver => Flood::into(netns, PORT, &frame)?,
        };
        let flood = if kind.role() == Role::Router { flood.routed() } else { flood };
        Ok(Self { kind, way, filter, flood })
    }
}

/// The program at the port.
fn xdp_at(netns: &Netns) -> Result<Program> {
    let links: Value = serde_json::from_str(&netns.ip(&format!("-j link show dev {PORT}"))?)?;
    let id = links[0]["xdp"]["prog"]["id"].as_u64().context("no XDP program at the port")?;
    Program::numbered(id.try_into()?)
}

/// A program that drops everything: what no filter can be faster than.
struct DropOnly<'a> {
    scene: &'a Scene,
    /// It stays attached as long as this is here.
    _program: Program,
}

impl<'a> DropOnly<'a> {
    fn attach(scene: &'a Scene) -> Result<Self> {
        let netns = scene.lab.box_ns();
        let port = netns.ifindex(PORT)?;
        let Program::Xdp(mut program) = own::drop()? else { bail!("not an XDP program") };
        netns.run(|| program.attach_to_if_index(port, XdpMode::Driver))?;
        Ok(Self { scene, _program: Program::Xdp(program) })
    }
}

impl Filter for DropOnly<'_> {
    fn dropped(&self) -> Result<u64> {
        Ok(self.scene.received()? - self.scene.forwarded()?)
    }
}

/// xdp-filter in its namespace.
struct Peer<'a> {
    netns: &'a Netns,
    filter: XdpFilter,
}

impl Filter for Peer<'_> {
    fn dropped(&self) -> Result<u64> {
        self.filter.dropped(self.netns)
    }
}

/// camfence with its daemon, all of it as it is by default.
struct Fence<'a> {
    camfence: Camfence<'a>,
    _daemon: Daemon,
}

impl<'a> Fence<'a> {
    fn start(scene: &'a Scene, hook: &str, cameras: &[Mac]) -> Result<Self> {
        let config = config(PORT, hook, DEFAULT_MAX_CAMERAS, cameras);
        let camfence = Camfence::new(scene.lab.box_ns(), &config, &scene.bpffs)?;
        let daemon = home::run(&camfence)?;
        Ok(Self { camfence, _daemon: daemon })
    }
}

impl Filter for Fence<'_> {
    fn dropped(&self) -> Result<u64> {
        let status = self.camfence.json(["status"])?;
        let cameras = status["cameras"].as_array().context("no cameras")?;
        let dropped = cameras.iter().map(|c| c["outbound"]["dropped"]["packets"].as_u64());
        Ok(dropped.map(Option::unwrap_or_default).sum())
    }
}
