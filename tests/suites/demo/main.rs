//! `cargo xtask demo --stay`, as somebody meets it who has never seen camfence: what it prints is
//! followed, from outside the lab.

mod newcomer;

use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use camfence_tests::lab::INTERNET_V4;
use camfence_tests::terminal::Terminal;
use nix::sys::signal::Signal;

use crate::newcomer::{Demo, get, json, leftovers};

/// How long a newcomer may need.
const IN_TIME: Duration = Duration::from_mins(1);

/// How often they look again when the camera called meanwhile.
const AGAIN: Duration = Duration::from_millis(300);

/// How often the camera has called at least, before it is compared.
const CALLS: u64 = 3;

/// Packets to each of the three destinations, in the order of [`INTERNET_V4`].
type Counts = [u64; 3];

/// What the camera sent, as the demo tells it.
fn sent(demo: &Demo) -> Result<Counts> {
    Ok(counts(&demo.shell("cat ")?))
}

/// What the printed command shows.
fn by_command(demo: &Demo) -> Result<Counts> {
    Ok(counts(&demo.shell(" ledger driveway")?))
}

/// The word behind `udp/10240` in the lines of the three destinations.
fn counts(table: &str) -> Counts {
    let mut counts = Counts::default();
    for (count, peer) in counts.iter_mut().zip(INTERNET_V4) {
        let lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let found: Vec<_> = lines
            .filter(|words| words.contains(&peer))
            .filter_map(|words| {
                let port = words.iter().position(|word| *word == "udp/10240")?;
                words.get(port + 1)?.parse().ok()
            })
            .collect();
        let [packets] = found[..] else { continue };
        *count = packets;
    }
    counts
}

/// What the page's own scripts are told.
fn by_page(demo: &Demo) -> Result<Counts> {
    let page = demo.url("The page:")?;
    let view = json(&get(&format!("{page}api/view"))?)?;
    let cameras = view["cameras"].as_array().context("no cameras")?;
    let driveway =
        cameras.iter().find(|camera| camera["name"] == "driveway").context("driveway")?;
    let mac = driveway["mac"].as_str().context("no MAC")?;
    let ledger = json(&get(&format!("{page}api/cameras/{mac}/ledger"))?)?;
    let flows = ledger["entries"].as_array().context("no entries")?;
    Ok(INTERNET_V4.map(|peer| {
        let is_call = |flow: &&serde_json::Value| {
            flow["peer"] == peer && flow["protocol"] == "udp" && flow["port"] == 10_240
        };
        flows.iter().find(is_call).and_then(|flow| flow["packets"].as_u64()).unwrap_or_default()
    }))
}

/// What the metrics say of the three destinations.
fn by_metrics(demo: &Demo) -> Result<Counts> {
    let metrics = get(&demo.url("The metrics:")?)?;
    Ok(INTERNET_V4.map(|peer| {
        let of_call =
            ["direction=\"outbound\"", "protocol=\"udp\"", "port=\"10240\"", "verdict=\"drop\""];
        let is_call = |line: &&str| {
            line.starts_with("camfence_destination_packets_total{camera=\"driveway\"")
                && line.contains(&format!("destination=\"{peer}\""))
                && of_call.iter().all(|label| line.contains(label))
        };
        let value = metrics.lines().find(is_call).and_then(|line| line.rsplit(' ').next());
        value.and_then(|value| value.parse().ok()).unwrap_or_default()
    }))
}

#[test]
fn a_newcomer_finds_the_three_destinations() -> Result<()> {
    let begun = Instant::now();
    let demo = Demo::start()?;
    loop {
        let before = sent(&demo)?;
        let (command, page, metrics) = (by_command(&demo)?, by_page(&demo)?, by_metrics(&demo)?);
        let equal = command == before && page == before && metrics == before;
        let enough = before.iter().all(|packets| *packets >= CALLS);
        if equal && enough && sent(&demo)? == before {
            println!("found after {:?}: {before:?}", begun.elapsed());
            break;
        }
        ensure!(
            begun.elapsed() < IN_TIME,
            "sent {before:?}, ledger {command:?}, page {page:?}, metrics {metrics:?}"
        );
        std::thread::sleep(AGAIN);
    }
    demo.end(Signal::SIGINT)
}

#[test]
fn what_is_printed_works() -> Result<()> {
    let demo = Demo::start()?;
    let mut top = Terminal::start(demo.command(" top")?, 80, 24)?;
    top.shows("driveway")?;
    top.press("q")?;
    let (code, screen) = top.ended()?;
    ensure!(code == Some(0), "{screen}");
    let events = Terminal::start(demo.command(" events --follow")?, 160, 50)?;
    for peer in INTERNET_V4 {
        events.shows(&format!("first contact  udp/10240 to {peer}  dropped not-local"))?;
    }
    let added = demo.shell(" add ")?;
    ensure!(added.contains("shed"), "{added}");
    let page = get(&demo.url("The page:")?)?;
    ensure!(page.contains("<html"), "{page}");
    drop(events);
    demo.end(Signal::SIGTERM)
}

#[test]
fn two_stay_side_by_side() -> Result<()> {
    let demos = [Demo::start()?, Demo::start()?];
    for demo in &demos {
        let begun = Instant::now();
        while by_page(demo)?.contains(&0) {
            ensure!(begun.elapsed() < IN_TIME, "{}", demo.said()?);
            std::thread::sleep(AGAIN);
        }
    }
    let [page, other] = [demos[0].url("The page:")?, demos[1].url("The page:")?];
    ensure!(page != other, "both at {page}");
    let [first, second] = demos;
    // The terminal of the first closes; at the other, somebody presses Enter.
    first.end(Signal::SIGHUP)?;
    by_page(&second)?;
    second.end_with(|demo| Ok(demo.stdin.take().context("no keyboard")?.write_all(b"\n")?))
}

#[test]
fn a_connection_that_stays_does_not_keep_the_lab() -> Result<()> {
    let demo = Demo::start()?;
    let at = demo.url("The page:")?.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let idle: Vec<_> = (0..40).map(|_| std::net::TcpStream::connect(&at)).collect();
    demo.end(Signal::SIGINT)?;
    drop(idle);
    Ok(())
}

#[test]
fn a_lab_without_its_daemon_is_gone() -> Result<()> {
    let demo = Demo::start()?;
    demo.kill_daemon()?;
    let (code, said, pid) = demo.ended()?;
    ensure!(code == Some(1) && said.contains("FAILED: camfence run ended"), "{said}");
    ensure!(leftovers(pid)?.is_empty(), "{:?}", leftovers(pid)?);
    Ok(())
}
