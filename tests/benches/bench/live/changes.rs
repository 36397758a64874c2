//! How long adding a camera and removing it take, until its frames are judged so.
//!
//! Its frames flow over the bridge all the while, as fast as a CPU sends them. A program behind the
//! bridge notes the kernel's time of each that arrives: the last after `add`, and the first after
//! `remove`, are when it was judged otherwise, but for the time between two frames.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use aya::programs::xdp::XdpMode;
use camfence_common::limits::DEFAULT_MAX_CAMERAS;
use camfence_tests::measure::own::{self, Arrivals};
use camfence_tests::measure::{Flood, Measurement, Program, Unit, measure};
use camfence_tests::{Camfence, Mac, home};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

use super::row;
use crate::Plan;
use crate::report::{Row, Table};
use crate::wire::scene::{BRIDGE, CABLE, Role, Scene, camera, config};

/// How often each change is made.
const CHANGES: usize = 200;
const QUICK_CHANGES: usize = 20;
/// How often it is tried for each of these.
const TRIES: usize = 2;
/// How long the flood may take to begin.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longer than frames are on their way.
const SETTLE: Duration = Duration::from_millis(5);

/// Who is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Socket,
    Command,
}

/// What a change took, in milliseconds.
#[derive(Debug, Clone, Copy)]
struct Took {
    /// Until frames were judged by it.
    judged: f64,
    /// Until the answer was there.
    answered: f64,
}

/// Measures a fence of so many cameras.
pub(super) fn table(plan: &Plan, cameras: u32, named: &str) -> Result<Table> {
    let scene = Scene::new(Role::Bridge)?;
    let macs: Vec<_> = (0..cameras).map(camera).collect();
    let text = config(BRIDGE, "auto", DEFAULT_MAX_CAMERAS, &macs);
    let camfence = Camfence::new(scene.lab.box_ns(), &text, &scene.bpffs)?;
    let _daemon = home::run(&camfence)?;
    let newcomer = camera(cameras);
    let mut flood = Flood::out_of(scene.lab.host("camera"), CABLE, &scene.frame(newcomer))?;
    let (mut arrivals, _program) = gateway(&scene)?;

    let mut rows = vec![rate(plan, &mut flood, named)?];
    arrivals.forget()?;
    let mut changer = Changer { camfence: &camfence, newcomer, arrivals };
    let times = if plan.quick { QUICK_CHANGES } else { CHANGES };
    let told = |done| plan.tell(&format!("live, {named}: change {done} of {times}"));
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let flooding = scope.spawn(|| flood.send_until(&stop));
        let measured = changer.first_frame().and_then(|_| {
            for way in [Way::Socket, Way::Command] {
                rows.extend(changer.measure(way, named, times, told)?);
            }
            Ok(())
        });
        stop.store(true, Ordering::Relaxed);
        let flooded = flooding.join().unwrap_or_else(|_| bail!("the flood panicked"));
        measured.and(flooded)
    })?;
    Ok(Table::new(format!("a change under a flood, {named}"), rows))
}

/// How many frames flow while nobody drops them.
fn rate(plan: &Plan, flood: &mut Flood<'_>, named: &str) -> Result<Row> {
    let name = format!("frames that flow meanwhile, {named}");
    let all = vec![Measurement::new(name, Unit::FRAMES, || flood.rate())];
    Ok(Row::new(&measure(all, plan.rounds, |_| ())?[0], &[]))
}

/// Notes what arrives behind the bridge.
fn gateway(scene: &Scene) -> Result<(Arrivals, Program)> {
    let (program, arrivals) = own::arrivals()?;
    let Program::Xdp(mut program) = program else { bail!("not an XDP program") };
    let gateway = scene.lab.host("gw");
    let interface = gateway.ifindex(CABLE)?;
    gateway.run(|| program.attach_to_if_index(interface, XdpMode::Driver))?;
    Ok((arrivals, Program::Xdp(program)))
}

/// Adds a camera and removes it again.
struct Changer<'a> {
    camfence: &'a Camfence<'a>,
    newcomer: Mac,
    arrivals: Arrivals,
}

impl Changer<'_> {
    /// Waits for a frame; gives when the first came.
    fn first_frame(&self) -> Result<Duration> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some([first, _]) = self.arrivals.first_and_last()? {
                return Ok(first);
            }
            ensure!(Instant::now() < deadline, "no frame arrives behind the bridge");
            thread::sleep(SETTLE);
        }
    }

    fn measure(
        &mut self,
        way: Way,
        cameras: &str,
        times: usize,
        told: impl Fn(usize),
    ) -> Result<Vec<Row>> {
        let (mut added, mut removed) = (Vec::new(), Vec::new());
        for _ in 0..TRIES * times {
            told(added.len());
            added.extend(self.add(way).context("add")?);
            removed.push(self.remove(way).context("remove")?);
            if added.len() == times {
                break;
            }
        }
        ensure!(added.len() == times, "too few frames flow: something else has the CPU");
        let by = if way == Way::Socket { "by socket" } else { "by command" };
        let mut rows = Vec::new();
        for (verb, took) in [("add", &added), ("remove", &removed)] {
            rows.extend(percentiles(&format!("{verb} {by}, {cameras}"), took, |took| took.judged));
            let answered = format!("{verb} {by}, {cameras}, answered");
            rows.extend(percentiles(&answered, took, |took| took.answered));
        }
        Ok(rows)
    }

    /// Gives nothing if no frame came in the meantime, so that nobody knows.
    fn add(&mut self, way: Way) -> Result<Option<Took>> {
        let mac = self.newcomer.to_string();
        let (asked, answered) = match way {
            Way::Socket => self.ask(json!({"verb": "add", "mac": mac, "name": "newcomer"}))?,
            Way::Command => self.command(&["add", &mac, "--name", "newcomer"])?,
        };
        thread::sleep(SETTLE);
        let before = self.arrivals.first_and_last()?;
        thread::sleep(SETTLE);
        let arrived = self.arrivals.first_and_last()?;
        ensure!(before == arrived, "frames still arrive");
        let [_, last] = arrived.context("no frame ever arrived")?;
        Ok((last > asked).then(|| Took::between(asked, last, answered)))
    }

    fn remove(&mut self, way: Way) -> Result<Took> {
        self.arrivals.forget()?;
        let (asked, answered) = match way {
            Way::Socket => self.ask(json!({"verb": "remove", "camera": "newcomer"}))?,
            Way::Command => self.command(&["remove", "newcomer"])?,
        };
        let first = self.first_frame()?;
        ensure!(first > asked, "a frame arrived before the request was sent");
        Ok(Took::between(asked, first, answered))
    }

    /// Asks the daemon; gives when it was asked and when it had answered.
    fn ask(&self, request: Value) -> Result<(Duration, Duration)> {
        let asked = now()?;
        let answer = home::ask(self.camfence, request)?;
        let answered = now()?;
        ensure!(answer["ok"]["live"] == true, "{answer}");
        Ok((asked, answered))
    }

    /// Runs the program, which asks the daemon.
    fn command(&self, arguments: &[&str]) -> Result<(Duration, Duration)> {
        let mut command = self.camfence.command(arguments)?;
        let asked = now()?;
        let output = command.output()?;
        let answered = now()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok((asked, answered))
    }
}

impl Took {
    fn between(asked: Duration, judged: Duration, answered: Duration) -> Self {
        let since = |time: Duration| time.saturating_sub(asked).as_secs_f64() * 1e3;
        Self { judged: since(judged), answered: since(answered) }
    }
}

/// The time of the kernel's `bpf_ktime_get_ns`.
fn now() -> Result<Duration> {
    let time = clock_gettime(ClockId::Monotonic);
    Ok(Duration::new(time.tv_sec.try_into()?, time.tv_nsec.try_into()?))
}

/// Rows for the half and for 99 of a hundred.
fn percentiles(name: &str, took: &[Took], of: impl Fn(&Took) -> f64) -> [Row; 2] {
    let mut times: Vec<_> = took.iter().map(of).collect();
    times.sort_by(f64::total_cmp);
    // The smallest that so many percent do not exceed.
    let part = |percent: usize| times[(times.len() * percent).div_ceil(100) - 1];
    [row(format!("{name}, p50"), part(50)), row(format!("{name}, p99"), part(99))]
}
