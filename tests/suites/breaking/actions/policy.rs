//! Changes of the policy, as people make them all day.

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;

use crate::books::Expect;
use crate::home::{CAMERAS, SILENT};
use crate::scene::{EXACT, Scene};
use crate::windows::Why;

pub(super) fn reload(scene: &mut Scene<'_>) -> Result<[Expect; 3]> {
    for _ in 0..scene.rng.u32(1..4) {
        scene.must(&["reload"])?;
    }
    Ok(EXACT)
}

pub(super) fn hang_up(scene: &mut Scene<'_>) -> Result<[Expect; 3]> {
    for _ in 0..scene.rng.u32(1..4) {
        scene.daemon()?.signal(Signal::SIGHUP)?;
        scene.moment();
    }
    // It waits for those.
    scene.must(&["reload"])?;
    Ok(EXACT)
}

/// A camera that sends nothing comes and goes: a new camera map for all.
pub(super) fn add_and_remove(scene: &mut Scene<'_>) -> Result<[Expect; 3]> {
    scene.must(&["add", &SILENT.to_string(), "--name", "shed"])?;
    scene.moment();
    scene.must(&["remove", "shed"])?;
    Ok(EXACT)
}

/// A camera is a bystander for a while, and begins anew.
pub(super) fn remove_and_add_again(scene: &mut Scene<'_>) -> Result<[Expect; 3]> {
    let camera = scene.any_camera();
    let (name, mac) = (CAMERAS[camera].name, CAMERAS[camera].mac.to_string());
    scene.open_window(camera, Why::Allowed);
    scene.must(&["remove", name])?;
    scene.moment();
    scene.must(&["add", &mac, "--name", name])?;
    scene.windows.close(scene.traffic, camera);
    Ok(Scene::all_but(camera, Expect::Anew))
}

pub(super) fn open_and_close(scene: &mut Scene<'_>) -> Result<[Expect; 3]> {
    let camera = scene.any_camera();
    let name = CAMERAS[camera].name;
    scene.open_window(camera, Why::Allowed);
    let leaked = scene.traffic.leaks().len();
    scene.must(&["open", name, "--for", "1m"])?;
    scene.moment();
    scene.traffic.settle()?;
    ensure!(scene.traffic.leaks().len() > leaked, "{name} was opened, and nothing got through");
    scene.must(&["close", name])?;
    scene.windows.close(scene.traffic, camera);
    Ok(Scene::all_but(camera, Expect::Total))
}
