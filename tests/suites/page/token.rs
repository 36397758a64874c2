//! A page that is not on loopback, and whoever has its token.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use camfence_tests::home::{self, SOON};
use serde_json::json;
use tempfile::TempDir;

use crate::fixture::{AT, Site, body, exchange, opening, request, run, status};

const TOKEN: &str = "a3JhbmRvbS10b2tlbi1mb3ItdGVzdHM=";
/// An address of the box on the cameras' bridge.
const LAN: &str = "192.168.1.2:9478";

/// A home whose page wants the token, at an address.
fn locked(listen: &str, mode: u32) -> Result<(Site, TempDir)> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("page.token");
    fs::write(&path, format!("{TOKEN}\n"))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
    let page = format!("listen = \"{listen}\"\ntoken_file = \"{}\"\n", path.display());
    let site = Site::new(&page, "driveway")?;
    site.netns().ip("addr add 192.168.1.2/24 dev br-cam")?;
    Ok((site, directory))
}

const LAN_OWN: [(&str, &str); 3] =
    [("Host", LAN), ("Origin", "http://192.168.1.2:9478"), ("Content-Type", "application/json")];

#[test]
fn only_who_has_the_token_gets_in() -> Result<()> {
    let (site, _directory) = locked(LAN, 0o600)?;
    let camfence = site.camfence()?;
    let daemon = run(&camfence)?;
    // From another machine.
    let there = site.home.lab.host("gw");
    let ask = |method: &str, path: &str, headers: &[(&str, &str)], body: &str| {
        exchange(there, LAN, &request(method, path, headers, body))
    };
    for path in ["/api/session", "/api/view", "/api/cameras/b0:c5:54:25:5b:0e/ledger"] {
        ensure!(status(&ask("GET", path, &LAN_OWN[..1], "")?)? == 401, "{path}");
    }
    for path in ["/api/changes", "/api/sign-out"] {
        ensure!(status(&ask("POST", path, &LAN_OWN, &opening())?)? == 401, "{path}");
    }
    let begun = Instant::now();
    let wrong = ask("POST", "/api/sign-in", &LAN_OWN, "{\"token\": \"no\"}")?;
    ensure!(status(&wrong)? == 401 && !wrong.to_lowercase().contains("set-cookie"), "{wrong}");
    ensure!(begun.elapsed() >= Duration::from_millis(900), "{:?}", begun.elapsed());
    daemon.wait_for_log(SOON, |log| log.contains("has a wrong token"))?;

    let token = json!({"token": TOKEN}).to_string();
    let from_elsewhere = [LAN_OWN[0], ("Origin", "http://evil.example"), LAN_OWN[2]];
    ensure!(status(&ask("POST", "/api/sign-in", &from_elsewhere, &token)?)? == 403);
    let answer = ask("POST", "/api/sign-in", &LAN_OWN, &token)?;
    ensure!(status(&answer)? == 200, "{answer}");
    let csrf = body(&answer)?["csrf"].as_str().context("csrf")?.to_owned();
    let cookie =
        answer.lines().find_map(|line| line.strip_prefix("set-cookie: ")).context("cookie")?;
    for attribute in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"] {
        ensure!(cookie.contains(attribute), "{cookie}");
    }
    let cookie = cookie.split(';').next().context("cookie")?;
    let headers = [&LAN_OWN[..], &[("Cookie", cookie)]].concat();
    ensure!(status(&ask("GET", "/api/view", &headers, "")?)? == 200);
    ensure!(status(&ask("POST", "/api/changes", &headers, &opening())?)? == 403, "no secret");
    let headers = [&headers[..], &[("X-Camfence-Csrf", &csrf)]].concat();
    let answer = ask("POST", "/api/changes", &headers, &opening())?;
    ensure!(status(&answer)? == 200, "{answer}");
    ensure!(site.home.reaches_internet("driveway")?, "it is not open");
    ensure!(status(&ask("POST", "/api/sign-out", &headers, "{}")?)? == 204);
    ensure!(status(&ask("GET", "/api/view", &headers, "")?)? == 401);
    ensure!(!daemon.log()?.contains(TOKEN), "the token is in the log");
    Ok(())
}

#[test]
fn people_sign_in_once() -> Result<()> {
    let (site, _directory) = locked(AT, 0o640)?;
    let camfence = site.camfence()?;
    let _daemon = run(&camfence)?;
    let Some(mut browser) = site.browser()? else { return Ok(()) };
    browser.go(&format!("http://{AT}/"))?;
    browser.wait("document.activeElement.id === 'token'")?;
    ensure!(browser.eval("document.querySelectorAll('.card').length")? == 0);
    browser.screenshot("sign-in")?;
    browser.type_text("wrong")?;
    browser.press("Enter")?;
    browser.wait(
        "document.querySelector('#sign-in .problem').textContent.includes('not the token')",
    )?;
    browser.eval("document.activeElement.select()")?;
    browser.type_text(TOKEN)?;
    browser.press("Enter")?;
    browser.wait("document.querySelectorAll('.card').length === 1")?;
    ensure!(browser.eval("document.cookie")? == "", "scripts read the cookie");
    browser.go(&format!("http://{AT}/"))?;
    browser.wait("document.querySelectorAll('.card').length === 1")?;
    browser.eval("document.querySelector('#sign-out').click()")?;
    browser.wait("document.activeElement.id === 'token'")
}

#[test]
fn with_a_token_that_everybody_can_read_there_is_a_fence_and_no_page() -> Result<()> {
    let (site, _directory) = locked(AT, 0o644)?;
    let daemon = home::run(&site.camfence()?)?;
    let log = daemon.log()?;
    ensure!(log.contains("everybody can read it") && log.contains("chmod 640"), "{log}");
    ensure!(site.netns().run(|| TcpStream::connect(AT)).is_err(), "it is served");
    Ok(())
}
