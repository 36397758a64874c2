//! The fence broken on purpose, again and again, while frames flow.
//!
//! `CAMFENCE_BREAK_SECONDS` says for how long, at the least: every action is done at least once,
//! but for some that take seconds and that a short run does with one way to attach only.
//! `CAMFENCE_BREAK_SEED` repeats a run: the actions and their order are the seed's.
//! `CAMFENCE_BREAK_ONLY` names actions, or parts of names, with commas between.
//! `CAMFENCE_BREAK_BUSY` says that the machine has other work, so that times tell nothing of the
//! fence; all else counts as ever.

mod actions;
mod books;
mod builds;
mod bystander;
mod disk;
mod home;
mod pins;
mod report;
mod scene;
mod stamp;
mod traffic;
mod windows;

use std::env;
use std::str::FromStr;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use camfence_tests::{BpffsRoot, Camfence};
use fastrand::Rng;

use crate::actions::ALL;
use crate::disk::Disk;
use crate::report::Done;
use crate::scene::{EXACT, Scene};
use crate::traffic::Traffic;

/// How long it takes when nobody says otherwise, in seconds.
const SECONDS: u64 = 60;
/// It is done with TCX and with clsact, each for its part of the time.
const WAYS: u64 = 2;
/// From this many seconds on a run is a long one, in which every bound counts.
const LONG: u64 = 300;
/// The rate that the bystander reaches on a machine that has nothing else to do.
const IDLE: u64 = bystander::RATE * 98 / 100;
/// Traffic between two actions.
const BETWEEN: Duration = Duration::from_millis(150);

/// Two at once would disturb each other's traffic.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

#[test]
fn tcx_and_xdp() -> Result<()> {
    break_it(true)
}

#[test]
fn clsact_and_xdp() -> Result<()> {
    break_it(false)
}

fn setting<T: FromStr>(name: &str) -> Result<Option<T>> {
    let Some(value) = env::var_os(name) else { return Ok(None) };
    let value = value.to_str().and_then(|value| value.parse().ok());
    value.map(Some).with_context(|| format!("{name} is no number"))
}

fn break_it(tcx: bool) -> Result<()> {
    let _one = traffic::lock(&ONE_AT_A_TIME);
    let seconds = setting("CAMFENCE_BREAK_SECONDS")?.unwrap_or(SECONDS);
    let seed = setting("CAMFENCE_BREAK_SEED")?.unwrap_or_else(|| fastrand::u64(..));
    println!("CAMFENCE_BREAK_SEED={seed} CAMFENCE_BREAK_SECONDS={seconds}, tcx: {tcx}");

    let lab = home::lab()?;
    let bpffs = BpffsRoot::new()?;
    // The history has a disk of its own: it would fill the small one, and be what filling it finds.
    let history = tempfile::tempdir()?;
    let camfence = Camfence::new(lab.box_ns(), "", &bpffs)?.with_state(history.path());
    let disk = Disk::mount(camfence.dir())?;
    let programs = tempfile::tempdir()?;
    let builds = builds::both(programs.path())?;
    let traffic = Traffic::new(&lab)?;
    let mut scene = Scene {
        lab: &lab,
        bpffs: &bpffs,
        traffic: &traffic,
        daemon: None,
        disk,
        camfence,
        past_logs: String::new(),
        windows: windows::Windows::default(),
        books: books::Books::default(),
        rng: Rng::with_seed(seed),
        tcx,
        builds,
        build: 0,
        max_cameras: home::MAX_CAMERAS,
        accounts: vec![],
        understated: 0,
        action: "start",
    };
    scene.configure()?;
    let long = seconds >= LONG;
    let time = Duration::from_secs(seconds / WAYS);
    let result = thread::scope(|scope| {
        // The fence stands before the first frame.
        scene.start()?;
        let begin = Instant::now();
        let flowing = traffic.start(scope);
        let mut done = Done::new();
        let result = blow_by_blow(&mut scene, time, long, &mut done);
        let elapsed = begin.elapsed();
        drop(flowing);
        let overrun = scene.overrun()?;
        report::print(&scene, &done, overrun, elapsed);
        result?;
        finish(&scene, overrun, elapsed, long)
    });
    result.with_context(|| {
        format!("seed {seed}, in {}; the daemon said:\n{}", scene.action, scene.log())
    })
}

/// All actions in random order, over and over until the time is up.
fn blow_by_blow(scene: &mut Scene<'_>, time: Duration, long: bool, done: &mut Done) -> Result<()> {
    thread::sleep(BETWEEN);
    scene.check(EXACT)?;
    let begin = Instant::now();
    let only: Option<String> = setting("CAMFENCE_BREAK_ONLY")?;
    let mut round = actions::of_run(scene.tcx, long);
    round.retain(|action| {
        only.as_ref().is_none_or(|only| only.split(',').any(|only| action.name.contains(only)))
    });
    let mut rounds = 0;
    loop {
        scene.rng.shuffle(&mut round);
        for action in &round {
            scene.action = action.name;
            let expects = (action.run)(scene)?;
            thread::sleep(BETWEEN);
            scene.check(expects)?;
            *done.entry(action.name).or_default() += 1;
            if begin.elapsed() > time && rounds > 0 {
                return Ok(());
            }
        }
        rounds += 1;
        if begin.elapsed() > time {
            return Ok(());
        }
    }
}

/// What has to hold for the whole run.
fn finish(scene: &Scene<'_>, overrun: u64, elapsed: Duration, long: bool) -> Result<()> {
    let outcome = scene.traffic.bystander.outcome();
    outcome.check(overrun)?;
    let rate = outcome.rate(elapsed);
    let is_idle = rate > IDLE;
    let has_other_work = env::var_os("CAMFENCE_BREAK_BUSY").is_some();
    let may_be_busy = !long || has_other_work;
    ensure!(is_idle || may_be_busy, "a machine too busy to judge by: {rate} frames a second");
    if !is_idle && has_other_work {
        println!("the machine is too busy to judge times by");
        return Ok(());
    }
    if !is_idle {
        println!("the machine is too busy to judge short times by; only the longest are");
    }
    let understated = scene.understated;
    ensure!(understated == 0 || !is_idle, "{understated} times the daemon told of too little");
    let leaks = scene.traffic.leaks();
    for times in [scene.windows.durations(&leaks), scene.accounts.clone()] {
        for (name, times) in report::by_action(&times) {
            let action = ALL.iter().find(|action| action.name == name).context("the action")?;
            let [half, all] = action.bound.limits(long && is_idle);
            let [median, max] = [50, 100].map(|percent| report::percentile(&times, percent));
            let holds = max <= Some(all) && (median <= Some(half) || !is_idle);
            ensure!(holds, "{name}: unfenced for {median:?} in the median, {max:?} at the most");
        }
    }
    Ok(())
}
