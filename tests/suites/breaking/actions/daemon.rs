//! Blows to the daemon. None of them may open a window.

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::Signal;
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

use crate::books::Expect;
use crate::home::MAX_CAMERAS;
use crate::pins;
use crate::scene::{EXACT, Scene, connect};

/// How long the daemon is kept without descriptors.
const STARVED: Duration = Duration::from_millis(600);
/// Peers that hold connections meanwhile.
const PEERS: usize = 40;
/// Ticks of `/proc/PID/stat` a second.
const TICKS: u64 = 100;

pub(super) fn kill_and_restart(scene: &mut Scene<'_>) -> Result<[Expect; 3]> {
    scene.end(Signal::SIGKILL)?;
    scene.moment();
    scene.start()?;
    Ok(EXACT)
}

pub(super) fn stop_and_restart(scene: &mut Scene<'_>) -> Result<[Expect; 3]> {
    scene.end(Signal::SIGTERM)?;
    scene.moment();
    scene.start()?;
    Ok(EXACT)
}

/// The other build takes over, and replaces the programs in their links.
pub(super) fn upgrade(scene: &mut Scene<'_>) -> Result<[Expect; 3]> {
    let before = pins::programs(scene.bpffs.path())?;
    let signal = if scene.rng.bool() { Signal::SIGTERM } else { Signal::SIGKILL };
    scene.end(signal)?;
    scene.build = 1 - scene.build;
    scene.start()?;
    let after = pins::programs(scene.bpffs.path())?;
    ensure!(before.iter().all(|id| !after.contains(id)), "no upgrade: {before:?} and {after:?}");
    Ok(EXACT)
}

/// Room for more cameras, or fewer: the state moves to other maps.
pub(super) fn resize(scene: &mut Scene<'_>) -> Result<[Expect; 3]> {
    let signal = if scene.rng.bool() { Signal::SIGTERM } else { Signal::SIGKILL };
    scene.end(signal)?;
    scene.max_cameras =
        if scene.max_cameras == MAX_CAMERAS { 2 * MAX_CAMERAS } else { MAX_CAMERAS };
    scene.configure()?;
    scene.start()?;
    Ok(EXACT)
}

pub(super) fn up_without_daemon(scene: &mut Scene<'_>) -> Result<[Expect; 3]> {
    scene.end(Signal::SIGKILL)?;
    for verb in ["up", "reload", "up"] {
        scene.must(&[verb])?;
    }
    scene.start()?;
    Ok(EXACT)
}

/// The daemon has no descriptor left, or a few, while peers hold connections and ask. It must
/// neither end nor spin, and go on afterwards.
pub(super) fn exhaust_descriptors(scene: &mut Scene<'_>) -> Result<[Expect; 3]> {
    let id = scene.daemon()?.id();
    let pid = Pid::from_raw(i32::try_from(id)?).context("a process id")?;
    let open = fs::read_dir(format!("/proc/{id}/fd"))?.count() as u64;
    let few = open + scene.rng.u64(0..4);
    // The daemon inherited it.
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let limit = |current| prlimit(Some(pid), Resource::Nofile, Rlimit { current, maximum });
    let before = limit(Some(few))?;
    let spent = cpu_ticks(id)?;
    let peers: Vec<_> = (0..PEERS).filter_map(|_| connect(&scene.camfence).ok()).collect();
    scene.daemon()?.signal(Signal::SIGHUP)?;
    thread::sleep(STARVED);
    let spent = cpu_ticks(id)? - spent;
    drop(peers);
    prlimit(Some(pid), Resource::Nofile, before)?;
    let share = spent * 1000 / TICKS;
    ensure!(u128::from(share) < STARVED.as_millis() / 2, "it spins: {share} ms of {STARVED:?}");
    ensure!(scene.daemon()?.is_running()?, "it ended for want of descriptors");
    scene.must(&["reload"])?;
    Ok(EXACT)
}

fn cpu_ticks(pid: u32) -> Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = stat.rsplit_once(") ").context("no stat")?;
    let times: Vec<u64> = fields.split(' ').skip(11).take(2).flat_map(str::parse).collect();
    Ok(times.iter().sum())
}
