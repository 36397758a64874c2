//! Where frames are dropped: a box between a camera and a gateway.

use std::fmt::Write as _;

use anyhow::Result;
use camfence_tests::{BpffsRoot, Frame, Host, Lab, Mac, mac};

/// The box's end of the camera's cable.
pub(crate) const PORT: &str = "port-camera";
/// The camera's end.
pub(crate) const CABLE: &str = "eth0";
/// The bridge that both are ports of.
pub(crate) const BRIDGE: &str = "br-cam";
/// An address that is not local.
const OUTSIDE: &str = "203.0.113.7";
/// The gateway that frames are for where the box is a bridge.
const GATEWAY: Mac = mac("02:cf:aa:00:00:01");
/// The port of the box where it is the router.
const ROUTER: Mac = mac("02:cf:aa:00:00:02");
/// Payload of a frame of 60 bytes, the shortest that Ethernet has.
const PAYLOAD: usize = 18;

/// What the box is to the camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Bridge,
    Router,
}

/// One box, for one filter.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) lab: Lab,
    pub(crate) bpffs: BpffsRoot,
    role: Role,
}

impl Scene {
    /// Makes it; nothing is filtered yet.
    pub(crate) fn new(role: Role) -> Result<Self> {
        let lab = match role {
            Role::Bridge => bridge()?,
            Role::Router => router()?,
        };
        // A cable takes redirected frames at once only if its receiver polls.
        lab.box_ns().enable_gro(PORT)?;
        Ok(Self { lab, bpffs: BpffsRoot::new()?, role })
    }

    /// A camera's frame to an address outside.
    pub(crate) fn frame(&self, camera: Mac) -> Vec<u8> {
        let to = if self.role == Role::Bridge { GATEWAY } else { ROUTER };
        let frame = Frame::from(camera).to(to).ipv4("192.168.1.31", OUTSIDE).ttl(u8::MAX);
        frame.udp(5000, 10240).payload_of(PAYLOAD).build()
    }

    /// Frames that came in by the camera's cable.
    pub(crate) fn received(&self) -> Result<u64> {
        let stats = self.lab.box_ns().link_stats(PORT)?;
        Ok(stats["rx"]["packets"].as_u64().unwrap_or_default())
    }

    /// Frames that left by the gateway's cable.
    pub(crate) fn forwarded(&self) -> Result<u64> {
        let stats = self.lab.box_ns().link_stats("port-gw")?;
        Ok(stats["tx"]["packets"].as_u64().unwrap_or_default())
    }
}

/// A camera's address, by its number. The interface that its frames come from has another: what the
/// kernel sends from there by itself is not the camera's.
pub(crate) fn camera(number: u32) -> Mac {
    let [_, high, mid, low] = number.to_be_bytes();
    Mac([0x02, 0xcf, 0xca, high, mid, low])
}

/// A configuration with room for so many cameras.
pub(crate) fn config(interface: &str, hook: &str, room: u32, cameras: &[Mac]) -> String {
    let mut text = format!(
        "[fence]\ninterfaces = [\"{interface}\"]\nhook = \"{hook}\"\nmax_cameras = {room}\n"
    );
    for (number, camera) in cameras.iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "[[camera]]\nmac = \"{camera}\"\nname = \"camera {number}\"");
    }
    text
}

fn bridge() -> Result<Lab> {
    let lab = Lab::builder()
        .bridge(BRIDGE)
        .host(Host::new("camera").silent())
        .host(Host::new("gw").mac(GATEWAY).silent())
        .build()?;
    // It never sends, so that the bridge could not learn where it is.
    lab.box_ns().bridge(&format!("fdb replace {GATEWAY} dev port-gw master static"))?;
    Ok(lab)
}

fn router() -> Result<Lab> {
    let lab = Lab::builder()
        .host(Host::new("camera").silent().direct(&["192.168.1.1/24"]))
        .host(Host::new("gw").silent().direct(&["192.168.2.1/24"]))
        .box_forwards()
        .build()?;
    let lines = [
        format!("link set {PORT} address {ROUTER}"),
        format!("neigh replace 192.168.2.2 lladdr {GATEWAY} dev port-gw nud permanent"),
        "route add default via 192.168.2.2".to_owned(),
    ];
    lab.box_ns().ip_batch(&lines)?;
    Ok(lab)
}
