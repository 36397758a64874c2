//! The home that is to be broken: three cameras on two fenced bridges, and a third bridge that
//! nobody fences.

use std::fmt::Write as _;

use anyhow::Result;
use camfence_tests::{Bridge, Host, Lab, Mac, mac};

/// A camera.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Camera {
    pub(crate) name: &'static str,
    pub(crate) mac: Mac,
    /// Index of the bridge that it is on unless it was moved.
    pub(crate) home: usize,
    /// `hook` in the configuration of its port.
    pub(crate) hook: &'static str,
}

pub(crate) const CAMERAS: [Camera; 3] = [
    Camera { name: "driveway", mac: mac("b0:c5:54:25:5b:0e"), home: 0, hook: "tc" },
    Camera { name: "garage", mac: mac("b0:c5:54:25:5b:1f"), home: 0, hook: "xdp" },
    Camera { name: "attic", mac: mac("b0:c5:54:25:5b:2f"), home: 1, hook: "tc" },
];

/// One that is added and removed, and sends nothing.
pub(crate) const SILENT: Mac = mac("b0:c5:54:25:5b:3f");

/// The configuration names the first two.
pub(crate) const BRIDGES: [&str; 3] = ["br-a", "br-b", "br-c"];
pub(crate) const UNFENCED: usize = 2;
/// On each bridge, what cameras talk to and leaks are seen by. One address: the bridges are not
/// connected.
pub(crate) const WATCHES: [&str; 3] = ["watch-a", "watch-b", "watch-c"];
pub(crate) const WATCH: Mac = mac("02:cf:aa:00:00:10");

pub(crate) const TALKER: Mac = mac("02:cf:aa:00:00:20");
pub(crate) const SINK: Mac = mac("02:cf:aa:00:00:21");

/// `max_cameras`, unless it was changed.
pub(crate) const MAX_CAMERAS: u32 = 64;
pub(crate) const METRICS: &str = "127.0.0.1:9477";

/// Builds the home.
pub(crate) fn lab() -> Result<Lab> {
    let mut builder = Lab::builder();
    for (i, bridge) in BRIDGES.into_iter().enumerate() {
        builder = builder.bridge(Bridge::new(bridge));
        builder = builder.host(Host::new(WATCHES[i]).mac(WATCH).silent());
        for camera in CAMERAS.into_iter().filter(|camera| camera.home == i) {
            builder = builder.host(Host::new(camera.name).mac(camera.mac).silent());
        }
    }
    let lab = builder
        .host(Host::new("talker").mac(TALKER).silent().on(BRIDGES[0]))
        .host(Host::new("sink").mac(SINK).silent().on(BRIDGES[0]))
        .build()?;
    // Known for good, so that nothing but a camera's calls away is flooded.
    for (host, mac) in WATCHES.map(|watch| (watch, WATCH)).into_iter().chain([("sink", SINK)]) {
        lab.box_ns().bridge(&format!("fdb replace {mac} dev {} master static", lab.port(host)))?;
    }
    Ok(lab)
}

/// The configuration.
pub(crate) fn config(max_cameras: u32) -> String {
    let mut text = format!(
        "[fence]\ninterfaces = {:?}\nhook = \"tc\"\nmax_cameras = {max_cameras}\n",
        &BRIDGES[..UNFENCED]
    );
    for camera in CAMERAS.iter().filter(|camera| camera.hook != "tc") {
        let _ = write!(text, "\n[interface.port-{}]\nhook = \"{}\"\n", camera.name, camera.hook);
    }
    let _ = write!(text, "\n[metrics]\nlisten = \"{METRICS}\"\n");
    for Camera { name, mac, .. } in CAMERAS {
        let _ = write!(text, "\n[[camera]]\nmac = \"{mac}\"\nname = \"{name}\"\n");
    }
    text
}
