//! What `dist/` has for Prometheus and Grafana, against a real Prometheus that scrapes a real fence.

mod prometheus;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use camfence_tests::cmd::Daemon;
use camfence_tests::home::{DRIVEWAY, Home, METRICS, SOON, await_up, config, run};
use camfence_tests::lab::INTERNET_V4;
use camfence_tests::mmdb;
use serde_json::Value;

use crate::prometheus::{Prometheus, program};

/// Frames that the camera sends to an address outside.
const CALLS: u32 = 45;

fn dist(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../dist").join(path)
}

/// Has promtool do something with a file, where both are.
fn promtool(arguments: &[&str]) -> Result<()> {
    let Some(promtool) = program("promtool") else { return Ok(()) };
    let output = Command::new(promtool)
        .args(arguments)
        .current_dir(dist("prometheus"))
        .output()
        .context("running promtool")?;
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    ensure!(output.status.success(), "{out}{err}");
    Ok(())
}

#[test]
fn the_alerts_are_rules() -> Result<()> {
    promtool(&["check", "rules", "camfence.rules.yml"])
}

#[test]
fn the_alerts_come_when_they_should() -> Result<()> {
    promtool(&["test", "rules", "camfence.rules.test.yml"])
}

/// The names of camfence's metrics in a text.
fn metrics_in(text: &str) -> BTreeSet<&str> {
    let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
    let words = text.split(|c| !is_name(c)).filter(|word| word.starts_with("camfence_"));
    words.collect()
}

#[test]
fn only_documented_metrics_are_asked_for() -> Result<()> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operations.md");
    let page = fs::read_to_string(page)?;
    let known = metrics_in(&page);
    for file in ["prometheus/camfence.rules.yml", "grafana/camfence.json"] {
        let text = fs::read_to_string(dist(file))?;
        let asked = metrics_in(&text);
        ensure!(asked.len() > 3, "{file}: {asked:?}");
        let unknown: Vec<_> = asked.difference(&known).collect();
        ensure!(unknown.is_empty(), "{file}: {unknown:?}");
    }
    Ok(())
}

/// What the panels of the dashboard ask for, with their titles.
fn queries() -> Result<Vec<(String, String)>> {
    let text = fs::read_to_string(dist("grafana/camfence.json"))?;
    let dashboard: Value = serde_json::from_str(&text)?;
    let panels = dashboard["panels"].as_array().context("panels")?;
    let query = |panel: &Value| -> Option<(String, String)> {
        let expression = panel["targets"][0]["expr"].as_str()?;
        let expression = [("$instance", ".*"), ("$camera", ".*"), ("$__rate_interval", "1m")]
            .iter()
            .chain(&[("$__range", "1h")])
            .fold(expression.to_owned(), |text, (variable, value)| text.replace(variable, value));
        Some((panel["title"].as_str()?.to_owned(), expression))
    };
    panels.iter().map(|panel| query(panel).with_context(|| panel.to_string())).collect()
}

/// Lets the camera send frames to an address outside, and only them.
fn call_outside(home: &Home, address: &str, calls: u32) -> Result<()> {
    let address: IpAddr = address.parse()?;
    home.lab.host("driveway").run(|| -> Result<()> {
        let socket = UdpSocket::bind("0.0.0.0:0")?;
        for _ in 0..calls {
            socket.send_to(b"hello", SocketAddr::new(address, 10_240))?;
        }
        Ok(())
    })
}

/// Databases that know where the camera calls, and the lines that name them.
fn networks(directory: &Path) -> Result<String> {
    let [countries, networks] = ["country.mmdb", "network.mmdb"].map(|name| directory.join(name));
    mmdb::write(&countries, &[("203.0.113.0/24", mmdb::country("CN"))])?;
    mmdb::write(&networks, &[("203.0.113.0/24", mmdb::network(64_500, "Example Cloud"))])?;
    let [countries, networks] = [countries, networks].map(|path| path.display().to_string());
    Ok(format!("[networks]\ncountry = \"{countries}\"\nnetwork = \"{networks}\"\n"))
}

#[test]
fn every_panel_shows_what_a_fence_did() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence()?;
    let sealed = format!("[interface.{}]\nunknown = \"drop\"\n", home.lab.port("attic"));
    let networks = networks(camfence.dir())?;
    camfence.configure(&(config(&[("driveway", DRIVEWAY)]) + &sealed + &networks))?;
    let mut daemon = camfence.command(["run"])?;
    daemon.env("CAMFENCE_HISTORY_INTERVAL", "200ms");
    let _daemon = await_up(&camfence, Daemon::spawn(daemon)?)?;
    let Some(prometheus) = Prometheus::start(home.lab.box_ns(), METRICS, &dist("prometheus"))?
    else {
        return Ok(());
    };
    let calls = "sum(camfence_packets_total{camera=\"driveway\", reason=\"not-local\"})";
    // A rate takes what was before.
    call_outside(&home, INTERNET_V4[0], CALLS)?;
    prometheus.await_value(calls, CALLS, SOON)?;
    call_outside(&home, INTERNET_V4[0], CALLS)?;
    prometheus.await_value(calls, 2 * CALLS, SOON)?;
    home.assert_fenced(&["driveway", "attic"])?;
    camfence.run(["open", "driveway", "--for", "1m"])?.success()?;
    prometheus.await_value("sum(camfence_camera_open_seconds > 0) > bool 0", 1, SOON)?;

    let places = "sum(camfence_camera_new_countries_total + camfence_camera_new_networks_total)";
    prometheus.await_value(places, 2, SOON)?;
    for (title, query) in queries()? {
        let deadline = Instant::now() + SOON;
        while prometheus.query(&query)?.is_empty() {
            ensure!(Instant::now() < deadline, "{title}: nothing for {query}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }
    prometheus.rules_are_healthy()
}

/// What the panel of destinations shows of the camera: where each row leads, and its packets.
fn destinations(prometheus: &Prometheus<'_>, query: &str) -> Result<BTreeMap<String, f64>> {
    let rows = prometheus.samples(query)?;
    let row = |(labels, packets): &(Value, f64)| {
        ensure!(labels["camera"] == "driveway" && labels["verdict"] == "drop", "{labels}");
        ensure!(labels["direction"] == "outbound" && labels["reason"] == "not-local", "{labels}");
        let [to, protocol, port] =
            ["destination", "protocol", "port"].map(|label| labels[label].as_str());
        let to = to.zip(protocol).zip(port).context("a destination")?;
        let ((to, protocol), port) = to;
        Ok((format!("{to} {protocol}/{port}"), *packets))
    };
    let shown: BTreeMap<_, _> = rows.iter().map(row).collect::<Result<_>>()?;
    ensure!(shown.len() == rows.len(), "a destination has two rows: {rows:?}");
    Ok(shown)
}

/// The field report: a camera on a shelf, and three addresses that it calls all day.
#[test]
fn the_dashboard_has_the_destinations_with_what_was_sent() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence()?;
    let _daemon = run(&camfence)?;
    let Some(prometheus) = Prometheus::start(home.lab.box_ns(), METRICS, &dist("prometheus"))?
    else {
        return Ok(());
    };
    let found = queries()?.into_iter().find(|(title, _)| title == "Destinations");
    let (_, query) = found.context("no panel of destinations")?;
    let mut sent = BTreeMap::new();
    for round in 1..=2 {
        for (address, calls) in INTERNET_V4.iter().zip([45, 18, 7]) {
            call_outside(&home, address, calls)?;
            sent.insert(format!("{address} udp/10240"), f64::from(round * calls));
        }
        let deadline = Instant::now() + SOON;
        loop {
            let shown = destinations(&prometheus, &query)?;
            if shown == sent {
                break;
            }
            ensure!(Instant::now() < deadline, "{shown:?}, not {sent:?}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }
    Ok(())
}
