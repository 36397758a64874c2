//! Countries and networks.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use camfence::config;
use camfence::networks::{Found, Networks};
use camfence::printable::Printable;
use camfence_tests::home::get;
use camfence_tests::mmdb::{self, Value, address, country, network};
use camfence_tests::{Camfence, Frame, RawPort};

use crate::fixture::{CAM, Home, OFTEN, SOON, await_sums, config as home_config, run};

/// Databases in a directory, of the documentation's networks.
fn databases(directory: &Path) -> Result<config::Networks> {
    let (countries, networks) = (directory.join("country.mmdb"), directory.join("network.mmdb"));
    mmdb::write(
        &countries,
        &[
            ("203.0.113.0/24", country("CN")),
            ("198.51.100.0/24", country("US")),
            ("2001:db8::/32", country("DE")),
        ],
    )?;
    mmdb::write(
        &networks,
        &[
            ("203.0.113.0/24", network(64_500, "Example Cloud")),
            ("198.51.100.0/25", network(64_501, "Evil\u{1b}[31m\u{202e}\nNet")),
            ("2001:db8::/32", network(64_502, "")),
        ],
    )?;
    Ok(config::Networks { country: Some(countries), network: Some(networks) })
}

fn code(found: &Found) -> Option<&str> {
    found.country.as_ref().map(Printable::as_str)
}

#[test]
fn addresses_are_found_in_the_forms_that_there_are() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let (networks, errors) = Networks::load(&databases(directory.path())?);
    ensure!(errors.is_empty(), "{errors:?}");
    let found = networks.of(address("203.0.113.7"));
    ensure!(code(&found) == Some("CN"), "{found:?}");
    let owner = found.network.context("network")?;
    ensure!(owner.asn == 64_500 && owner.owner.as_str() == "Example Cloud", "{owner:?}");
    ensure!(code(&networks.of(address("2001:db8::7"))) == Some("DE"));
    for unknown in ["192.0.2.1", "192.168.1.1", "fe80::1", "0.0.0.0", "::"] {
        ensure!(networks.of(address(unknown)) == Found::default(), "{unknown}");
    }
    let hostile = networks.of(address("198.51.100.23")).network.context("network")?;
    ensure!(hostile.owner.as_str() == r"Evil\u{1b}[31m\u{202e}\nNet", "{hostile:?}");
    let (none, _) = Networks::load(&config::Networks::default());
    ensure!(none.of(address("203.0.113.7")) == Found::default());

    // As IPinfo has them: everything in one, flat.
    let flat = directory.path().join("ipinfo.mmdb");
    let as_of = |country: Vec<(&'static str, Value)>| {
        let asn = [("asn", Value::Text("AS64503")), ("as_name", Value::Text("Flat Net"))];
        Value::Map(country.into_iter().chain(asn).collect())
    };
    mmdb::write(
        &flat,
        &[
            ("203.0.113.0/24", as_of(vec![("country", Value::Text("JP"))])),
            (
                "198.51.100.0/24",
                as_of(vec![
                    ("country", Value::Text("South Korea")),
                    ("country_code", Value::Text("KR")),
                ]),
            ),
            ("192.0.2.0/25", as_of(vec![("country", Value::Text("Nowhere"))])),
            ("192.0.2.128/25", as_of(vec![("country", Value::Bytes(b"\xff\xfe"))])),
        ],
    )?;
    let both = config::Networks { country: Some(flat.clone()), network: Some(flat) };
    let (networks, _) = Networks::load(&both);
    for (peer, expected) in [
        ("203.0.113.7", Some("JP")),
        ("198.51.100.7", Some("KR")),
        ("192.0.2.7", None),
        ("192.0.2.200", None),
    ] {
        ensure!(code(&networks.of(address(peer))) == expected, "{peer}");
    }
    ensure!(networks.of(address("203.0.113.7")).network.context("network")?.asn == 64_503);
    Ok(())
}

#[test]
fn what_is_no_database_is_left_out_and_told() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let good = databases(directory.path())?;
    let path = good.country.clone().context("a path")?;
    let bytes = fs::read(&path)?;
    for broken in [&b""[..], b"no database", &bytes[..bytes.len() / 2], &bytes[30..]] {
        fs::write(&path, broken)?;
        let (networks, errors) = Networks::load(&good);
        // What is cut off at its beginning may be taken for one, and then finds something or nothing.
        let _ = networks.of(address("203.0.113.7"));
        ensure!(networks.has_networks(), "the other one is there");
        ensure!(errors.len() == usize::from(!networks.has_countries()), "{errors:?}");
    }
    fs::remove_file(&path)?;
    let (_, errors) = Networks::load(&good);
    ensure!(errors[0].to_string().contains("country.mmdb: No such file"), "{errors:?}");
    // Damaged anywhere: an error or an answer.
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0xff;
        fs::write(&path, &damaged)?;
        let (networks, _) = Networks::load(&good);
        for peer in ["203.0.113.7", "198.51.100.7", "2001:db8::1", "255.255.255.255"] {
            let _ = networks.of(address(peer));
        }
    }
    Ok(())
}

/// The value of a metric of the camera; none if there is no such series.
fn metric(home: &Home, name: &str) -> Result<Option<u64>> {
    let text = get(home.lab.box_ns(), "/metrics")?;
    let series = format!("{name}{{camera=\"driveway\",mac=\"{CAM}\"}} ");
    let value = text.lines().find_map(|line| line.strip_prefix(&series));
    Ok(value.map(str::parse).transpose()?)
}

const NAMES: [&str; 4] = [
    "camfence_camera_countries",
    "camfence_camera_networks",
    "camfence_camera_new_countries_total",
    "camfence_camera_new_networks_total",
];

fn await_metrics(home: &Home, expected: [Option<u64>; 4]) -> Result<()> {
    let mut found = [None; 4];
    for _ in 0..200 {
        for (value, name) in found.iter_mut().zip(NAMES) {
            *value = metric(home, name)?;
        }
        if found == expected {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(50));
    }
    anyhow::bail!("{found:?}, not {expected:?}")
}

fn configured(camfence: &Camfence) -> Result<String> {
    databases(camfence.dir())?;
    let path = |name: &str| camfence.dir().join(name).display().to_string();
    let (countries, networks) = (path("country.mmdb"), path("network.mmdb"));
    Ok(home_config(&format!("[networks]\ncountry = \"{countries}\"\nnetwork = \"{networks}\"\n")))
}

#[test]
fn they_are_told_and_new_ones_counted() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence()?;
    let text = configured(&camfence)?;
    camfence.configure(&text)?;
    let daemon = run(&camfence, OFTEN)?;
    await_metrics(&home, [Some(0); 4])?;
    let sum = home.send(CAM, 5)?;
    await_sums(&camfence, sum)?;
    await_metrics(&home, [Some(2); 4])?;
    let ledger = camfence.json(["ledger"])?;
    let entries = ledger["entries"].as_array().context("entries")?;
    let of = |peer: &str| entries.iter().find(|it| it["peer"] == peer).context("the peer");
    ensure!(of("203.0.113.7")?["country"] == "CN", "{ledger}");
    ensure!(of("203.0.113.7")?["network"]["asn"] == 64_500, "{ledger}");
    ensure!(of("192.0.2.90")?.get("country").is_none(), "{ledger}");
    ensure!(of("192.0.2.90")?.get("network").is_none(), "{ledger}");
    let table = camfence.run(["ledger"])?.success()?;
    ensure!(table.contains("COUNTRY  NETWORK"), "{table}");
    ensure!(table.contains("Example Cloud") && !table.contains('\u{1b}'), "{table}");
    // What was there before is nothing new.
    ensure!(daemon.stop(SOON)?.code == Some(0));
    let daemon = run(&camfence, OFTEN)?;
    await_metrics(&home, [Some(2), Some(2), Some(0), Some(0)])?;
    let frame = Frame::from(CAM).ipv6("2001:db8:1::31", "2001:db8::7").udp(5000, 443).build();
    RawPort::open(home.lab.host("driveway"), "eth0")?.send(&frame)?;
    await_metrics(&home, [Some(3), Some(3), Some(1), Some(1)])?;
    // Without them there is nothing to tell, and with a broken one only what there is.
    camfence.configure(&home_config(""))?;
    camfence.run(["reload"])?.success()?;
    await_metrics(&home, [None; 4])?;
    let table = camfence.run(["ledger"])?.success()?;
    ensure!(!table.contains("COUNTRY") && !table.contains("NETWORK"), "{table}");
    fs::write(camfence.dir().join("country.mmdb"), "none")?;
    camfence.configure(&text)?;
    camfence.run(["reload"])?.success()?;
    await_metrics(&home, [None, Some(3), None, Some(1)])?;
    daemon.wait_for_log(SOON, |log| log.contains("country.mmdb is no database"))?;
    let outcome = camfence.run(["ledger"])?;
    ensure!(outcome.stderr.contains("notice: ") && outcome.code == Some(0), "{outcome:?}");
    Ok(())
}
