//! What the page shows is what the kernel counted.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use camfence_tests::browser::Browser;
use camfence_tests::cmd::Camfence;
use camfence_tests::home::{DRIVEWAY, SOON};
use camfence_tests::lab::INTERNET_V4;
use serde_json::{Value, json};

use crate::fixture::{Site, assert_clean, run, visit};

/// Frames to each of the destinations.
const CALLS: [u32; 3] = [20, 15, 10];

/// The counts of the camera's card, by direction and verdict.
const SHOWN: &str = "Object.fromEntries([...document.querySelectorAll('[data-count]')].map((cell) => \
    [cell.dataset.count, [cell.dataset.packets, cell.dataset.bytes, cell.textContent]]))";

/// What `status --json` says of them.
fn counted(camfence: &Camfence) -> Result<Value> {
    let status = camfence.json(["status"])?;
    let camera = &status["cameras"][0];
    let mut counts = json!({});
    for direction in ["outbound", "inbound"] {
        for verdict in ["passed", "dropped"] {
            let of = &camera[direction][verdict];
            counts[format!("{direction}-{verdict}")] = of.clone();
        }
    }
    Ok(counts)
}

/// Whether a page shows what was counted.
fn shows(browser: &mut Browser, counted: &Value) -> Result<bool> {
    let shown = browser.eval(SHOWN)?;
    let counts = counted.as_object().context("counts")?;
    Ok(counts.iter().all(|(key, of)| {
        let number = |name: &str| json!(of[name].to_string());
        let text = shown[key][2].as_str().unwrap_or_default();
        let digits: String =
            text.split(char::is_whitespace).next().unwrap_or_default().replace(',', "");
        shown[key][0] == number("packets")
            && shown[key][1] == number("bytes")
            && json!(digits) == number("packets")
    }))
}

#[test]
fn the_numbers_are_the_kernels() -> Result<()> {
    let site = Site::open()?;
    let camfence = site.camfence()?;
    let _daemon = run(&camfence)?;
    let Some(mut browser) = site.browser()? else { return Ok(()) };
    visit(&mut browser)?;
    let begun = Instant::now();
    for (peer, frames) in INTERNET_V4.iter().zip(CALLS) {
        site.call("driveway", peer, 10_240, frames)?;
    }
    let deadline = Instant::now() + SOON;
    loop {
        let counted = counted(&camfence)?;
        let dropped = counted["outbound-dropped"]["packets"].as_u64().context("dropped")?;
        if dropped == u64::from(CALLS.iter().sum::<u32>()) && shows(&mut browser, &counted)? {
            break;
        }
        ensure!(Instant::now() < deadline, "{counted}\n{}", browser.eval(SHOWN)?);
        std::thread::sleep(Duration::from_millis(100));
    }
    browser.eval("document.querySelector('.card a').click()")?;
    browser.wait("document.querySelectorAll('#detail .stacks')[0].tBodies[0].rows.length >= 3")?;
    println!("the destinations were found after {:?}", begun.elapsed());
    let flows = "[...document.querySelectorAll('#detail .stacks')[0].tBodies[0].rows].map((row) => \
        [...row.cells].map((cell) => cell.textContent).slice(0, 5))";
    let flows = browser.eval(flows)?;
    for (peer, frames) in INTERNET_V4.iter().zip(CALLS) {
        let row = json!([peer, "udp/10240", "outbound", "dropped: not-local", frames.to_string()]);
        ensure!(flows.as_array().context("rows")?.contains(&row), "{row} is not in {flows:#}");
    }
    assert_clean(&mut browser)
}

#[test]
fn rates_are_those_of_the_counters() -> Result<()> {
    let site = Site::open()?;
    let camfence = site.camfence()?;
    let _daemon = run(&camfence)?;
    let Some(mut browser) = site.browser()? else { return Ok(()) };
    visit(&mut browser)?;
    let deadline = Instant::now() + SOON;
    let rate = "document.querySelector('.counts td.dropped')?.textContent";
    // Fifty a second.
    loop {
        site.call("driveway", INTERNET_V4[0], 10_240, 10)?;
        std::thread::sleep(Duration::from_millis(200));
        let text = browser.eval(rate)?;
        let text = text.as_str().unwrap_or_default();
        let rate: f64 =
            text.split(char::is_whitespace).next().unwrap_or_default().parse().unwrap_or(0.0);
        if (40.0..=55.0).contains(&rate) {
            break;
        }
        ensure!(Instant::now() < deadline, "{text}");
    }
    let points =
        "document.querySelector('polyline.dropped').getAttribute('points').split(' ').length > 3";
    browser.wait(points)?;
    assert_clean(&mut browser)
}

#[test]
fn a_port_that_does_not_enforce_is_warned_of() -> Result<()> {
    let site = Site::open()?;
    let camfence = site.camfence()?;
    let _daemon = run(&camfence)?;
    let Some(mut browser) = site.browser()? else { return Ok(()) };
    visit(&mut browser)?;
    browser.wait("document.querySelector('#warnings').textContent === ''")?;
    camfence.run(["down"])?.success()?;
    browser.wait("document.querySelector('#warnings').textContent.includes('no fence')")?;
    camfence.run(["up"])?.success()?;
    browser.wait("document.querySelector('#warnings').textContent === ''")?;
    let name = DRIVEWAY.to_string();
    browser.wait(&format!("document.querySelector('.facts').textContent.includes('{name}')"))
}
