//! What the page looks like, and that it fits.

use anyhow::{Result, ensure};
use camfence_tests::browser::Browser;
use camfence_tests::home::DRIVEWAY;
use camfence_tests::lab::INTERNET_V4;

use crate::fixture::{Site, URL, assert_clean, run, visit};

const SIZES: [(&str, u32, u32); 2] = [("desk", 1280, 900), ("phone", 390, 844)];

/// Fails if one would have to scroll sideways.
fn assert_fits(browser: &mut Browser, width: u32) -> Result<()> {
    let scroll = browser.eval("document.scrollingElement.scrollWidth")?;
    ensure!(scroll.as_u64().is_some_and(|scroll| scroll <= width.into()), "{scroll} of {width}");
    Ok(())
}

#[test]
fn everything_fits_a_phone() -> Result<()> {
    let site = Site::open()?;
    let camfence = site.camfence()?;
    let _daemon = run(&camfence)?;
    let Some(mut browser) = site.browser()? else { return Ok(()) };
    for (peer, frames) in INTERNET_V4.iter().zip([20, 15, 10]) {
        site.call("driveway", peer, 10_240, frames)?;
    }
    let _ = site.call("attic", INTERNET_V4[0], 10_240, 1);
    visit(&mut browser)?;
    for (size, width, height) in SIZES {
        for (scheme, dark) in [("light", false), ("dark", true)] {
            browser.look_like(width, height, dark)?;
            browser.go(URL)?;
            browser.wait("document.querySelectorAll('#unknown tbody tr').length > 0")?;
            site.call("driveway", INTERNET_V4[0], 10_240, 30)?;
            browser.wait("document.querySelector('polyline.dropped').getAttribute('points').split(' ').length > 3")?;
            assert_fits(&mut browser, width)?;
            browser.screenshot(&format!("{size}-{scheme}"))?;
            browser.eval("document.querySelector('.actions button').click()")?;
            assert_fits(&mut browser, width)?;
            browser.screenshot(&format!("{size}-{scheme}-dialog"))?;
            browser.go(&format!("{URL}?#camera={DRIVEWAY}"))?;
            browser.wait(
                "document.querySelectorAll('#detail .stacks')[0]?.tBodies[0].rows.length >= 3",
            )?;
            assert_fits(&mut browser, width)?;
            browser.screenshot(&format!("{size}-{scheme}-detail"))?;
        }
    }
    assert_clean(&mut browser)
}

/// What a screen reader goes by.
#[test]
fn everything_has_a_name() -> Result<()> {
    let site = Site::open()?;
    let camfence = site.camfence()?;
    let _daemon = run(&camfence)?;
    let Some(mut browser) = site.browser()? else { return Ok(()) };
    visit(&mut browser)?;
    browser.eval("document.querySelector('#add').click()")?;
    let unnamed = "[...document.querySelectorAll('input, select, button, a, dialog, section, article')]\
        .filter((node) => !(node.hidden || node.labels?.length || node.getAttribute('aria-label') \
            || document.getElementById(node.getAttribute('aria-labelledby')) || node.textContent.trim()))\
        .map((node) => node.outerHTML)";
    let unnamed = browser.eval(unnamed)?;
    ensure!(unnamed.as_array().is_some_and(Vec::is_empty), "{unnamed:#}");
    let headless = "[...document.querySelectorAll('table')].filter((table) => !table.querySelector('th')).length";
    ensure!(browser.eval(headless)? == 0);
    let levels = "[...document.querySelectorAll('h1, h2, h3')].filter((h) => h.checkVisibility()).map((h) => h.tagName)";
    let levels = browser.eval(levels)?;
    ensure!(levels[0] == "H1" && levels[1] == "H2" && levels[2] == "H3", "{levels}");
    assert_clean(&mut browser)
}
