//! Ports that go, come and change.

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;

use crate::books::Expect;
use crate::home::{CAMERAS, UNFENCED, WATCHES};
use crate::scene::Scene;
use crate::windows::Why;

pub(super) fn remake_port(scene: &mut Scene<'_>) -> Result<[Expect; 3]> {
    let camera = scene.any_camera();
    scene.open_window(camera, Why::Unfenced);
    let before = scene.unfenced()?;
    remake(scene, camera)?;
    scene.await_fenced(camera)?;
    scene.note_unfenced(before)?;
    Ok(Scene::all_but(camera, Expect::Sent))
}

/// Nobody puts the fence back until there is a daemon again.
pub(super) fn remake_port_without_daemon(scene: &mut Scene<'_>) -> Result<[Expect; 3]> {
    let camera = scene.any_camera();
    scene.end(Signal::SIGKILL)?;
    scene.open_window(camera, Why::Allowed);
    remake(scene, camera)?;
    scene.start()?;
    scene.windows.close(scene.traffic, camera);
    Ok(Scene::all_but(camera, Expect::Sent))
}

fn remake(scene: &mut Scene<'_>, camera: usize) -> Result<()> {
    scene.lab.unplug(CAMERAS[camera].name)?;
    scene.moment();
    scene.lab.plug(CAMERAS[camera].name)
}

/// Between two bridges that are both fenced: the port keeps its fence, and no window is opened.
pub(super) fn move_to_fenced_bridge(scene: &mut Scene<'_>) -> Result<[Expect; 3]> {
    let camera = scene.any_camera();
    let home = CAMERAS[camera].home;
    for bridge in [1 - home, home] {
        scene.move_to(camera, bridge)?;
        scene.moment();
    }
    Ok(Scene::all_but(camera, Expect::Outbound))
}

/// On a bridge that nobody named a camera is free, and fenced again when it is back.
pub(super) fn move_to_other_bridge_and_back(scene: &mut Scene<'_>) -> Result<[Expect; 3]> {
    let camera = scene.any_camera();
    scene.open_window(camera, Why::Allowed);
    let before = scene.traffic.leaks().len();
    scene.move_to(camera, UNFENCED)?;
    scene.wait("the port of another bridge is still fenced", |scene| {
        let seen = scene.traffic.leaks();
        Ok(seen[before..].iter().any(|leak| leak.seen_by == WATCHES[UNFENCED]))
    })?;
    scene.moment();
    scene.windows.close(scene.traffic, camera);
    scene.open_window(camera, Why::Unfenced);
    let before = scene.unfenced()?;
    scene.move_to(camera, CAMERAS[camera].home)?;
    scene.await_fenced(camera)?;
    scene.note_unfenced(before)?;
    Ok(Scene::all_but(camera, Expect::Sent))
}

/// A port keeps its fence under another name. The hook may depend on the name, and a change of hooks
/// may count a frame twice: only ports for which it does not.
pub(super) fn rename_port(scene: &mut Scene<'_>) -> Result<[Expect; 3]> {
    let mut camera = scene.any_camera();
    if CAMERAS[camera].hook != "tc" {
        camera = 0;
    }
    let (port, box_ns) = (scene.port(camera).to_owned(), scene.lab.box_ns());
    box_ns.ip(&format!("link set {port} name renamed0"))?;
    scene.moment();
    let status = scene.await_enforcing()?;
    let ports = status["interfaces"].as_array().into_iter().flatten();
    let names: Vec<_> = ports.map(|port| port["name"].as_str().unwrap_or_default()).collect();
    ensure!(names.contains(&"renamed0"), "{names:?}");
    scene.lab.box_ns().ip(&format!("link set renamed0 name {port}"))?;
    Ok(Scene::all_but(camera, Expect::Exact))
}

pub(super) fn change_mtu(scene: &mut Scene<'_>) -> Result<[Expect; 3]> {
    let camera = scene.any_camera();
    for mtu in [scene.rng.u32(1280..3400), 1500] {
        scene.lab.box_ns().ip(&format!("link set {} mtu {mtu}", scene.port(camera)))?;
        scene.moment();
    }
    Ok(Scene::all_but(camera, Expect::Exact))
}

/// Down, a port carries nothing; up again, it is the port it was. But while it goes down, the veth
/// driver takes XDP programs off before it stops receiving (`veth_close` and `veth_disable_xdp` in
/// `drivers/net/veth.c`): now and then a frame gets through.
pub(super) fn port_down_and_up(scene: &mut Scene<'_>) -> Result<[Expect; 3]> {
    let camera = scene.any_camera();
    let is_xdp = CAMERAS[camera].hook == "xdp";
    if is_xdp {
        scene.open_window(camera, Why::Unfenced);
    }
    for state in ["down", "up"] {
        scene.lab.box_ns().ip(&format!("link set {} {state}", scene.port(camera)))?;
        scene.moment();
    }
    if is_xdp {
        scene.await_fenced(camera)?;
    }
    Ok(Scene::all_but(camera, Expect::Sent))
}
