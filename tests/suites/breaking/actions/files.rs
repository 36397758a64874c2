//! Blows to the configuration and its disk. None of them may open a window.

use std::fs;

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;

use crate::books::Expect;
use crate::home::SILENT;
use crate::scene::{EXACT, Scene};

/// A reload of garbage, or of half a file, changes nothing.
pub(super) fn corrupt_configuration(scene: &mut Scene<'_>) -> Result<[Expect; 3]> {
    corrupt(scene)?;
    scene.refuse(&["reload"])?;
    scene.refuse(&["add", &SILENT.to_string(), "--name", "shed"])?;
    scene.daemon()?.signal(Signal::SIGHUP)?;
    scene.moment();
    scene.configure()?;
    scene.must(&["reload"])?;
    Ok(EXACT)
}

/// A daemon does not start on it, and leaves what stands alone.
pub(super) fn restart_with_corrupt_configuration(scene: &mut Scene<'_>) -> Result<[Expect; 3]> {
    corrupt(scene)?;
    scene.end(Signal::SIGKILL)?;
    scene.refuse(&["run"])?;
    scene.refuse(&["up"])?;
    scene.moment();
    scene.configure()?;
    scene.start()?;
    Ok(EXACT)
}

/// Without room a change fails, and changes neither the file nor the fence.
pub(super) fn fill_disk(scene: &mut Scene<'_>) -> Result<[Expect; 3]> {
    let with_daemon = scene.rng.bool();
    if !with_daemon {
        scene.end(Signal::SIGKILL)?;
    }
    let (before, names) = (fs::read(scene.camfence.config_path())?, scene.disk.names()?);
    scene.disk.fill()?;
    scene.refuse(&["add", &SILENT.to_string(), "--name", "shed"])?;
    scene.refuse(&["remove", "driveway"])?;
    // What writes nothing needs no room.
    scene.must(&["reload"])?;
    scene.disk.clear()?;
    ensure!(fs::read(scene.camfence.config_path())? == before, "the file was changed");
    ensure!(scene.disk.names()? == names, "it left {:?} of {names:?}", scene.disk.names()?);
    if !with_daemon {
        scene.start()?;
    }
    Ok(EXACT)
}

fn corrupt(scene: &mut Scene<'_>) -> Result<()> {
    let path = scene.camfence.config_path();
    let mut text = fs::read(&path)?;
    if scene.rng.bool() {
        // Within a line: a file that ends with a whole table would be a smaller configuration.
        let name = text.windows(5).rposition(|bytes| bytes == b"name ").unwrap_or(0);
        text.truncate(name + 2);
    } else {
        text = std::iter::repeat_with(|| scene.rng.u8(..)).take(4096).collect();
    }
    Ok(fs::write(path, text)?)
}
