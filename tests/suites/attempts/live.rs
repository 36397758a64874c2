//! Everything once more on a wire: sent by raw sockets through fenced ports of a bridge, at each
//! hook. What is to be dropped arrives nowhere, what is needed does, and the counters say why.
//!
//! All cameras are behind one port, as on a switch; the rest of the world is behind another.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, Result, ensure};
use camfence_common::reason::{Direction, Reason};
use camfence_tests::{
    BpffsRoot, Camfence, Frame, Host, Lab, Mac, RawPort,
    judge::{Expected, Fixture, Step},
    mac,
};
use serde_json::{Value, json};

use crate::{
    ATTIC, ATTIC4, CELLAR, CELLAR4, DRIVEWAY, DRIVEWAY4, HOME, PORCH, PORCH4, ROUTER, ROUTER4, VPN,
    YARD, YARD4, attempts, is_dropped, needed, sealed,
};

/// How long nothing may arrive before everything has.
const QUIET: Duration = Duration::from_millis(60);
/// A socket sends nothing shorter than an Ethernet header, and the kernel drops a frame with a tag
/// before TC sees it unless an EtherType and two bytes are behind the tag.
const SHORTEST: usize = 14;
const SHORTEST_TAGGED: usize = 20;
const TAGS: [[u8; 2]; 2] = [[0x81, 0x00], [0x88, 0xa8]];
/// Room for what behind an Ethernet header is longest among the frames.
const MTU: u32 = 2000;
/// A bridge keeps what is for itself (IEEE 802.1Q, table 8-1) unless told otherwise: here the
/// groups of EAPOL and LLDP.
const FORWARD_LINK_GROUPS: &str = "group_fwd_mask 0x4008";

/// What the cameras are behind: no camera's address.
const SWITCH: Mac = mac("02:cf:bb:00:00:01");
/// The port of all cameras, sealed.
const SEALED_PORT: &str = "[interface.p-cam]\nunknown = \"drop\"\n";

/// Packets and bytes by camera, direction and reason.
type Counts = BTreeMap<(camfence_common::mac::Mac, &'static str, Reason), (u64, u64)>;

#[test]
fn at_tc() -> Result<()> {
    everything("tc")
}

#[test]
fn at_native_xdp() -> Result<()> {
    everything("xdp")
}

#[test]
fn on_a_sealed_port_at_tc() -> Result<()> {
    sealed("tc")
}

#[test]
fn on_a_sealed_port_at_native_xdp() -> Result<()> {
    sealed("xdp")
}

fn everything(hook: &str) -> Result<()> {
    let town = Town::new(hook, HOME)?;
    let mut counts = Counts::new();
    town.introduce(&mut counts)?;
    for fixture in attempts().iter().chain(&needed::all()) {
        town.send(fixture, &mut counts).with_context(|| fixture.name().to_owned())?;
    }
    town.check(&counts)
}

fn sealed(hook: &str) -> Result<()> {
    let town = Town::new(hook, &format!("{HOME}\n{SEALED_PORT}"))?;
    let mut counts = Counts::new();
    let fixtures = sealed::attempts();
    for fixture in &fixtures {
        town.send(fixture, &mut counts).with_context(|| fixture.name().to_owned())?;
    }
    town.check(&counts)?;
    let steps = fixtures.iter().flat_map(Fixture::steps).filter(|step| travels(&step.frame));
    let strangers = steps.filter(|step| matches!(step.expected, Expected::Stranger(_)));
    let (packets, bytes) = strangers
        .fold((0, 0), |(packets, bytes), step| (packets + 1, bytes + step.frame.len() as u64));
    let shown = town.strangers()?["outbound"]["dropped"].clone();
    ensure!(shown == json!({"packets": packets, "bytes": bytes}), "{shown}");
    Ok(())
}

/// A bridge whose ports are fenced.
struct Town {
    lab: Lab,
    bpffs: BpffsRoot,
    config: String,
    cameras: RawPort,
    world: RawPort,
}

impl Town {
    fn new(hook: &str, config: &str) -> Result<Self> {
        let lab = Lab::builder()
            .mtu(MTU)
            .bridge("br-cam")
            .host(Host::new("cameras").port("p-cam").mac(SWITCH).silent())
            .host(Host::new("world").mac(ROUTER).silent())
            .build()?;
        lab.box_ns().ip(&format!("link set br-cam type bridge {FORWARD_LINK_GROUPS}"))?;
        let config = format!("[fence]\ninterfaces = [\"br-cam\"]\nhook = \"{hook}\"\n{config}");
        let cameras = RawPort::open(lab.host("cameras"), "eth0")?;
        let world = RawPort::open(lab.host("world"), "eth0")?;
        let town = Self { lab, bpffs: BpffsRoot::new()?, config, cameras, world };
        town.verb("up")?;
        Ok(town)
    }

    fn verb(&self, verb: &str) -> Result<Value> {
        Camfence::new(self.lab.box_ns(), &self.config, &self.bpffs)?.json([verb])
    }

    /// Lets the bridge learn where the cameras are, so that it floods nothing that is for them: it
    /// would be counted at every port.
    fn introduce(&self, counts: &mut Counts) -> Result<()> {
        let cameras = [
            (DRIVEWAY, DRIVEWAY4),
            (PORCH, PORCH4),
            (YARD, YARD4),
            (CELLAR, CELLAR4),
            (ATTIC, ATTIC4),
            (VPN, "192.168.1.24"),
        ];
        for (camera, address) in cameras {
            let frame = Frame::from(camera).arp_request(address, ROUTER4);
            let hello = Fixture::outbound(format!("{camera} says hello"), &frame, Reason::Link);
            self.send(&hello, counts)?;
        }
        Ok(())
    }

    /// Sends the frames of a fixture, and sees which arrive.
    fn send(&self, fixture: &Fixture, counts: &mut Counts) -> Result<()> {
        let (from, to) = match fixture.direction() {
            Direction::Outbound => (&self.cameras, &self.world),
            Direction::Inbound => (&self.world, &self.cameras),
        };
        let mut passing = Vec::new();
        for step in fixture.steps().iter().filter(|step| travels(&step.frame)) {
            from.send(&step.frame)?;
            count(step, fixture.direction(), counts);
            if !is_dropped(step) {
                passing.push(step.frame.clone());
            }
        }
        let mut arrived = Vec::new();
        while arrived.len() < passing.len() {
            arrived.push(to.capture(Duration::from_secs(3))?.context("a frame did not arrive")?);
        }
        ensure!(arrived == passing, "{arrived:?} arrived, not {passing:?}");
        nothing_arrives(to, Duration::ZERO)?;
        nothing_arrives(from, Duration::ZERO)
    }

    /// Checks that nothing arrives late, and that `status` counts what was sent.
    fn check(&self, counts: &Counts) -> Result<()> {
        nothing_arrives(&self.world, QUIET)?;
        nothing_arrives(&self.cameras, QUIET)?;
        let shown = self.counts()?;
        ensure!(shown == *counts, "{shown:#?} is not {counts:#?}");
        Ok(())
    }

    /// What `status` says of unknown sources behind the cameras' port.
    fn strangers(&self) -> Result<Value> {
        let status = self.verb("status")?;
        let ports = status["interfaces"].as_array().context("interfaces")?;
        let name = self.lab.port("cameras");
        let port = ports.iter().find(|port| port["name"] == name).context("the port")?;
        Ok(port["unknown"].clone())
    }

    /// What `status` says was counted.
    fn counts(&self) -> Result<Counts> {
        let status = self.verb("status")?;
        let cameras = status["cameras"].as_array().context("cameras")?;
        let mut counts = Counts::new();
        for camera in cameras {
            let mac = camera["mac"].as_str().context("a MAC")?.parse().ok().context("a MAC")?;
            for direction in Direction::ALL {
                let reasons = camera[direction.name()]["reasons"].as_object().context("reasons")?;
                for (name, count) in reasons {
                    let known = Reason::ALL.into_iter().find(|reason| reason.name() == name);
                    let number = |what: &str| count[what].as_u64().context("a count");
                    let key = (mac, direction.name(), known.context("a reason")?);
                    counts.insert(key, (number("packets")?, number("bytes")?));
                }
            }
        }
        Ok(counts)
    }
}

/// Whether a frame gets as far as the fence.
fn travels(frame: &[u8]) -> bool {
    let is_tagged = TAGS.iter().any(|tag| frame.get(12..14) == Some(tag));
    frame.len() >= if is_tagged { SHORTEST_TAGGED } else { SHORTEST }
}

fn count(step: &Step, direction: Direction, counts: &mut Counts) {
    let Expected::Counted(reason) = step.expected else { return };
    let (packets, bytes) =
        counts.entry((step.camera(direction), direction.name(), reason)).or_default();
    *packets += 1;
    *bytes += step.frame.len() as u64;
}

fn nothing_arrives(port: &RawPort, quiet: Duration) -> Result<()> {
    let arrived = port.capture_until_quiet(quiet)?;
    ensure!(arrived.is_empty(), "{port:?} heard {arrived:?}");
    Ok(())
}
