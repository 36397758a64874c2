//! What is done on the page happens to the fence, by keyboard alone.

use std::fs;

use anyhow::{Result, ensure};
use camfence_tests::home::ATTIC;
use camfence_tests::lab::INTERNET_V4;

use crate::fixture::{Site, assert_clean, run, visit};

const BADGE: &str = "document.querySelector('.card .badge').textContent";

#[test]
fn a_camera_is_opened_and_closed_by_keyboard() -> Result<()> {
    let site = Site::open()?;
    let camfence = site.camfence()?;
    let daemon = run(&camfence)?;
    let Some(mut browser) = site.browser()? else { return Ok(()) };
    visit(&mut browser)?;
    ensure!(!site.home.reaches_internet("driveway")?);

    browser.tab_to("[aria-label=\"Open… driveway\"]")?;
    browser.press("Enter")?;
    browser.wait("document.activeElement.id === 'minutes'")?;
    browser.eval("document.activeElement.select()")?;
    browser.type_text("2")?;
    browser.press("Enter")?;
    browser.wait(&format!("{BADGE}.startsWith('open, closes in')"))?;
    ensure!(site.home.reaches_internet("driveway")?, "it is not open");
    let left = camfence.json(["status"])?["cameras"][0]["open_seconds"].as_u64();
    ensure!(left.is_some_and(|left| (60..=120).contains(&left)), "{left:?}");
    browser.wait(&format!("{BADGE}.includes('1:5')"))?;
    ensure!(browser.eval("document.activeElement.textContent")? == "Open…", "the focus is lost");

    browser.tab_to("[aria-label=\"Close driveway\"]")?;
    browser.press("Enter")?;
    browser.wait(&format!("{BADGE} === 'fenced'"))?;
    ensure!(!site.home.reaches_internet("driveway")?, "it is not closed");
    ensure!(camfence.json(["status"])?["cameras"][0].get("open_seconds").is_none());
    daemon.wait_for_log(camfence_tests::home::SOON, |log| {
        log.contains("page: 127.0.0.1:")
            && log.contains("asks: open")
            && log.contains("asks: close")
    })?;
    assert_clean(&mut browser)
}

#[test]
fn an_unknown_source_is_added_and_removed() -> Result<()> {
    let site = Site::open()?;
    let camfence = site.camfence()?;
    let _daemon = run(&camfence)?;
    let Some(mut browser) = site.browser()? else { return Ok(()) };
    visit(&mut browser)?;
    // On a sealed port not even its question for the gateway's address passes.
    let _ = site.call("attic", INTERNET_V4[0], 10_240, 1);
    browser.wait(&format!(
        "document.querySelector('#unknown table').textContent.includes('{ATTIC}')"
    ))?;

    browser.tab_to(&format!("[aria-label=\"Add {ATTIC}\"]"))?;
    browser.press("Enter")?;
    browser.wait("document.activeElement.id === 'name'")?;
    browser.type_text("driveway")?;
    browser.press("Enter")?;
    browser.wait("document.querySelector('#dialog .problem').textContent.includes('driveway')")?;
    browser.eval("document.activeElement.select()")?;
    browser.type_text("attic")?;
    browser.press("Enter")?;
    browser.wait("document.querySelectorAll('.card').length === 2")?;
    browser
        .wait(&format!("!document.querySelector('#unknown').textContent.includes('{ATTIC}')"))?;
    let config = fs::read_to_string(camfence.config_path())?;
    ensure!(config.contains(&ATTIC.to_string()), "{config}");
    ensure!(camfence.json(["status"])?["cameras"][1]["name"] == "attic");
    ensure!(site.home.reaches_internet("attic")? == false);

    browser.tab_to("[aria-label=\"Remove… attic\"]")?;
    browser.press("Enter")?;
    browser.wait("document.querySelector('#dialog').open")?;
    browser.press("Escape")?;
    browser.wait("!document.querySelector('#dialog').open")?;
    ensure!(browser.eval("document.querySelectorAll('.card').length")? == 2, "it asks first");
    browser.press("Enter")?;
    browser.tab_to("#dialog button.main")?;
    browser.press("Enter")?;
    browser.wait("document.querySelectorAll('.card').length === 1")?;
    let config = fs::read_to_string(camfence.config_path())?;
    ensure!(!config.contains(&ATTIC.to_string()), "{config}");
    let seen = browser.seen()?.complaints.clone();
    // The name that was taken, which the browser tells of as well.
    ensure!(seen.len() == 1 && seen[0].contains("422"), "{seen:#?}");
    Ok(())
}

#[test]
fn a_page_that_only_shows_changes_nothing() -> Result<()> {
    use crate::fixture::{AT, OWN, body, csrf, exchange, opening, request, status};
    let site = Site::new(&format!("listen = \"{AT}\"\nchanges = false\n"), "driveway")?;
    let camfence = site.camfence()?;
    let _daemon = run(&camfence)?;
    let csrf = csrf(site.netns())?;
    let headers = [&OWN[..], &[("X-Camfence-Csrf", &csrf)]].concat();
    let answer =
        exchange(site.netns(), AT, &request("POST", "/api/changes", &headers, &opening()))?;
    ensure!(status(&answer)? == 403, "{answer}");
    ensure!(body(&answer)?["message"] == "this page only shows", "{answer}");
    ensure!(!site.home.reaches_internet("driveway")?);
    let Some(mut browser) = site.browser()? else { return Ok(()) };
    visit(&mut browser)?;
    ensure!(browser.eval("document.querySelectorAll('.actions button').length")? == 0);
    ensure!(browser.eval("document.querySelector('#add').hidden")? == true);
    assert_clean(&mut browser)
}
