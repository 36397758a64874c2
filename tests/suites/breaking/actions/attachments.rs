//! Programs, links and maps taken away by others.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

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
    let ids = ids_of(&links)?;
    links.into_iter().try_for_each(fs::remove_file)?;
    await_gone(&ids)?;
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
    let ids = ids_of(&pins(scene.bpffs.path(), Pinned::Links)?)?;
    for entry in fs::read_dir(scene.bpffs.path())? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else if entry.path().extension() != Some("debug".as_ref()) {
            // Those are the kernel's own.
            fs::remove_file(entry.path())?;
        }
    }
    await_gone(&ids)?;
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

/// The ids of pinned links.
fn ids_of(links: &[PathBuf]) -> Result<Vec<u64>> {
    let id = |link: &PathBuf| {
        let shown = run(Command::new("bpftool").args(["-j", "link", "show", "pinned"]).arg(link))?;
        let shown: serde_json::Value = serde_json::from_slice(&shown)?;
        shown["id"].as_u64().with_context(|| format!("no id in {shown}"))
    };
    links.iter().map(id).collect()
}

/// Waits until links are gone: the kernel takes its time after the last of a link's pins. Until then
/// they enforce.
fn await_gone(ids: &[u64]) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(10);
    for id in ids.iter().map(u64::to_string) {
        while run(Command::new("bpftool").args(["link", "show", "id", &id])).is_ok() {
            ensure!(Instant::now() < deadline, "link {id} is still there");
            thread::sleep(Duration::from_millis(5));
        }
    }
    Ok(())
}

fn run(command: &mut Command) -> Result<Vec<u8>> {
    let output = command.output().with_context(|| format!("{command:?}: `cargo xtask setup`?"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(output.stdout)
}
