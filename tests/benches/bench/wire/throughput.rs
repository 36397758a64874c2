//! What a fenced port costs those who are no cameras: TCP between two hosts on a bridge.
//!
//! One lab for all: between two samples the fence is put up, down, or up with another hook, so that
//! nothing else differs. Client and server share a CPU, so that whatever is done for a segment is
//! paid for; on a CPU each, they would mostly wait for each other.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use camfence_common::limits::DEFAULT_MAX_CAMERAS;
use camfence_tests::cmd::Daemon;
use camfence_tests::measure::{Measurement, Unit, measure};
use camfence_tests::{BpffsRoot, Camfence, Host, Lab, Netns};
use serde_json::Value;

use super::scene::{BRIDGE, camera, config};
use crate::report::{Part, Row, Table};
use crate::{Plan, peers};

/// The row that the others are held against.
pub(crate) const UNFENCED: &str = "unfenced";
const SERVER: &str = "192.168.1.2";
/// As much as a processor keeps in its cache: of more, it is chance how fast it is copied.
const WINDOW: &str = "256K";
/// Connections of a sample, of which the best counts: each finds a pace of its own.
const CONNECTIONS: usize = 3;
/// How long a server may take to listen.
const PATIENCE: Duration = Duration::from_secs(10);

/// How the bridge's ports are fenced; not at all without a hook.
const FENCES: [(&str, Option<&str>); 3] =
    [(UNFENCED, None), ("fenced, hook auto", Some("auto")), ("fenced, hook xdp", Some("xdp"))];

pub(crate) fn run(plan: &Plan) -> Result<Part> {
    let mut part = Part::new("throughput");
    if !peers::is_here("iperf3") {
        part.notes.push(peers::missing("iperf3", "iperf3"));
        return Ok(part);
    }
    let lab = Lab::builder()
        .bridge(BRIDGE)
        .host(Host::new("client").ip("192.168.1.1/24"))
        .host(Host::new("server").ip(&format!("{SERVER}/24")))
        .build()?;
    let bpffs = BpffsRoot::new()?;
    let camfence = Camfence::new(lab.box_ns(), "", &bpffs)?;
    let _server = Daemon::spawn(iperf3(lab.host("server"), "-s"))?;
    wait_for_server(lab.host("client"))?;

    let seconds = 1;
    let sample = |hook: Option<&str>| {
        set(&camfence, hook)?;
        let each = (0..CONNECTIONS).map(|_| throughput(lab.host("client"), seconds));
        each.reduce(|best, other| Ok(best?.max(other?))).context("no connection")?
    };
    let all = FENCES.map(|(name, hook)| Measurement::new(name, Unit::BITS, move || sample(hook)));
    let told = |round| plan.tell(&format!("throughput: round {round} of {}", plan.rounds));
    let series = measure(all.into(), plan.rounds, told)?;
    let bases = [(UNFENCED, &series[0])];
    let rows = series.iter().map(|series| Row::new(series, &bases)).collect();
    part.tables.push(Table::new("a bystander's TCP over a bridge", rows));
    Ok(part)
}

/// Fences both ports, by a hook, or none.
fn set(camfence: &Camfence, hook: Option<&str>) -> Result<()> {
    // Links are taken off first: a fence that stands keeps its hooks' order.
    camfence.run(["down"])?.success()?;
    let Some(hook) = hook else { return Ok(()) };
    camfence.configure(&config(BRIDGE, hook, DEFAULT_MAX_CAMERAS, &[camera(0)]))?;
    camfence.run(["up"])?.success()?;
    Ok(())
}

/// Gigabits a second in the best tenth of a second of some: in the others, other processes may have
/// had the CPU.
fn throughput(client: &Netns, seconds: u32) -> Result<f64> {
    let cpu = thread::available_parallelism()?.get() - 1;
    let arguments = format!("-c {SERVER} -t {seconds} -w {WINDOW} -i 0.1 -A {cpu},{cpu} -J");
    let output = iperf3(client, &arguments).output()?;
    let result: Value = serde_json::from_slice(&output.stdout).context("iperf3 gave no JSON")?;
    let intervals = result["intervals"].as_array().into_iter().flatten();
    let bits = intervals.filter_map(|interval| interval["sum"]["bits_per_second"].as_f64());
    let best =
        bits.max_by(f64::total_cmp).with_context(|| format!("iperf3: {}", result["error"]))?;
    Ok(best / 1e9)
}

fn wait_for_server(client: &Netns) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = throughput(client, 1) {
        if Instant::now() > deadline {
            return Err(error);
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// iperf3 before whatever else the machine has to do.
fn iperf3(netns: &Netns, arguments: &str) -> Command {
    let mut command = netns.command("nice");
    command.args(["-n", "-20", "iperf3"]).args(arguments.split_whitespace());
    command
}
