//! Programs, links and maps taken away by others.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::books::Expect;
use crate::home::CAMERAS;
use crate::pins::{Pinned, pins};
use crate::scene::{EXACT, Scene};
use crate::windows::Why;

/// A link by bpftool, as somebody would who cleans up; a filter by tc.
pub(super) fn detach_behind_its_back(scene: &mut Scene<'_>) -> Result<[Expect; 3]> {
    let camera = scene.any_camera();
    let links = links_of(scene, camera)?;
    scene.open_window(camera, Why::Unfenced);
    if links.is_empty() || !scene.tcx && scene.rng.bool() {
        let side = if scene.rng.bool() { "ingress" } else { "egress" };
        let port = scene.port(camera);
        // Where outbound is XDP there is only the other.
        let side = if links.is_empty() { side } else { "egress" };
        run(scene.lab.box_ns().command("tc").args(["filter", "del", "dev", port, side]))?;
    } else {
        let link = &links[scene.rng.usize(0..links.len())];
        run(Command::new("bpftool").args(["link", "detach", "pinned"]).arg(link))?;
    }
    scene.await_fenced(camera)?;
    Ok(Scene::all_but(camera, Expect::Sent))
}

/// What holds a port's links goes, and with it what they attached. A filter is no link, and stays.
pub(super) fn delete_link_pins(scene: &mut Scene<'_>) -> Result<[Expect; 3]> {
    let camera = scene.any_camera();
    let links = links_of(scene, camera)?;
    if links.is_empty() {
        return Ok(EXACT);
    }
    scene.open_window(camera, Why::Unfenced);
    for link in links {
        fs::remove_file(link)?;
    }
    scene.await_fenced(camera)?;
    Ok(Scene::all_but(camera, Expect::Sent))
}

/// Attached programs stay without their pins.
pub(super) fn delete_program_pins(scene: &mut Scene<'_>) -> Result<[Expect; 3]> {
    delete(scene, Pinned::Programs)?;
    scene.await_whole()?;
    Ok(EXACT)
}

/// Programs keep their maps, and the fence stands. The maps have no name any more by which they
/// could be found: the fence that takes over counts anew, and this alone may make it.
pub(super) fn delete_map_pins(scene: &mut Scene<'_>) -> Result<[Expect; 3]> {
    delete(scene, Pinned::Maps)?;
    scene.await_whole()?;
    Ok([Expect::Anew; 3])
}

/// Nothing is left, until the daemon builds it anew.
pub(super) fn delete_root(scene: &mut Scene<'_>) -> Result<[Expect; 3]> {
    for camera in 0..CAMERAS.len() {
        scene.open_window(camera, Why::Unfenced);
    }
    for entry in fs::read_dir(scene.bpffs.path())? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else if entry.path().extension() != Some("debug".as_ref()) {
            // Those are the kernel's own.
            fs::remove_file(entry.path())?;
        }
    }
    scene.await_whole()?;
    for camera in 0..CAMERAS.len() {
        scene.await_fenced(camera)?;
    }
    Ok([Expect::Anew; 3])
}

fn delete(scene: &Scene<'_>, of: Pinned) -> Result<()> {
    let pins = pins(scene.bpffs.path(), of)?;
    ensure!(!pins.is_empty(), "nothing is pinned: {of:?}");
    Ok(pins.into_iter().try_for_each(fs::remove_file)?)
}

/// The pinned links of a camera's port.
fn links_of(scene: &Scene<'_>, camera: usize) -> Result<Vec<PathBuf>> {
    let index = scene.lab.box_ns().ifindex(scene.port(camera))?.to_string();
    let mut links = pins(scene.bpffs.path(), Pinned::Links)?;
    links.retain(|path| path.iter().any(|part| part == index.as_str()));
    Ok(links)
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("{command:?}: `cargo xtask setup`?"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
