//! Other sites in the same browser, and text that would be HTML.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Result, ensure};
use camfence_tests::Netns;
use serde_json::json;

use crate::fixture::{AT, EVIL, Site, URL, assert_clean, opening, run, visit};

/// Another site: a server that has one page.
struct OtherSite {
    stop: Arc<AtomicBool>,
    worker: Option<JoinHandle<()>>,
}

impl OtherSite {
    fn serve(netns: &Netns, at: &str) -> Result<Self> {
        let listener = netns.run(|| TcpListener::bind(at))?;
        listener.set_nonblocking(true)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let worker = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                let Ok((mut stream, _)) = listener.accept() else {
                    thread::sleep(Duration::from_millis(5));
                    continue;
                };
                let text = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<p>hello";
                // Whatever it is asked.
                let _ = stream.set_nonblocking(false);
                let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
                let _ = stream.read(&mut [0; 4096]);
                let _ = stream.write_all(text.as_bytes());
            }
        });
        Ok(Self { stop, worker: Some(worker) })
    }
}

impl Drop for OtherSite {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.worker.take().map(JoinHandle::join);
    }
}

/// What another site can have a browser send: with and without CORS, and a form.
fn attempts() -> Vec<String> {
    let body = json!(opening());
    let send = |options: &str| {
        format!(
            "fetch('{URL}api/changes', {{method: 'POST', body: {body}, {options}}}).then((a) => a.type + a.status, () => 'refused')"
        )
    };
    vec![
        send("mode: 'no-cors', credentials: 'include'"),
        send("mode: 'no-cors', headers: {'Content-Type': 'text/plain'}"),
        send("headers: {'Content-Type': 'application/json', 'X-Camfence-Csrf': '0'}"),
        format!(
            "fetch('{URL}api/session', {{mode: 'no-cors'}}).then((a) => a.text(), () => 'refused')"
        ),
        format!("fetch('{URL}api/view').then((a) => a.text(), () => 'refused')"),
    ]
}

/// A form whose only field makes a body that is JSON.
fn form() -> String {
    let name = json!("{\"a\":\"");
    let value = json!(format!("\",{}", opening().trim_start_matches('{')));
    format!(
        "(() => {{ const form = document.createElement('form'); form.method = 'post'; \
         form.action = '{URL}api/changes'; form.enctype = 'text/plain'; \
         const field = document.createElement('input'); field.name = {name}; field.value = {value}; \
         form.append(field); document.body.append(form); form.submit(); }})()"
    )
}

#[test]
fn other_sites_change_nothing() -> Result<()> {
    let site = Site::open()?;
    let camfence = site.camfence()?;
    let daemon = run(&camfence)?;
    let Some(mut browser) = site.browser()? else { return Ok(()) };
    let _other = OtherSite::serve(site.netns(), "127.0.0.1:8000")?;
    // Another site, and another port of the same host.
    for origin in [format!("http://{EVIL}:8000/"), "http://127.0.0.1:8000/".to_owned()] {
        browser.go(&origin)?;
        for attempt in attempts() {
            let answer = browser.eval(&attempt)?;
            let text = answer.as_str().unwrap_or_default();
            ensure!(["refused", "opaque0", ""].contains(&text), "{origin}: {attempt}: {answer}");
        }
        browser.eval(&form())?;
        browser.wait(&format!("location.href === '{URL}api/changes'"))?;
        browser.wait("document.body.innerText.includes('only the page itself')")?;
    }
    // The page under a name that leads to it.
    browser.go(&format!("http://{EVIL}:9478/"))?;
    browser.wait("document.body.innerText.includes('the page is at localhost')")?;
    let same_origin = "fetch('/api/session').then((a) => a.status)";
    ensure!(browser.eval(same_origin)? == 421, "names that were made to point here");
    ensure!(!site.home.reaches_internet("driveway")?, "it was opened");
    ensure!(!daemon.log()?.contains("asks: open"), "{}", daemon.log()?);
    // That the same request is heard when it is the page's.
    visit(&mut browser)?;
    let own = format!(
        "fetch('/api/session').then((a) => a.json()).then(({{csrf}}) => fetch('/api/changes', \
         {{method: 'POST', body: {}, headers: {{'Content-Type': 'application/json', \
         'X-Camfence-Csrf': csrf}}}})).then((a) => a.status)",
        json!(opening())
    );
    ensure!(browser.eval(&own)? == 200, "of the page itself");
    ensure!(site.home.reaches_internet("driveway")?);
    Ok(())
}

#[test]
fn names_that_hold_html_are_text() -> Result<()> {
    let name = "<img src=x onerror=window.bad=1><script>window.bad=1</script>";
    let site = Site::new(&format!("listen = \"{AT}\"\n"), name)?;
    let camfence = site.camfence()?;
    let _daemon = run(&camfence)?;
    let Some(mut browser) = site.browser()? else { return Ok(()) };
    visit(&mut browser)?;
    ensure!(browser.eval("document.querySelector('.card h3').textContent")? == name);
    // An event that names it, and the dialogs and the details.
    camfence.run(["open", name, "--for", "1m"])?.success()?;
    browser.wait("document.querySelector('#events').textContent.includes('opened')")?;
    ensure!(
        browser.eval("document.querySelector('#events tbody').textContent.includes('<img')")?
            == true
    );
    browser.eval(
        "[...document.querySelectorAll('button')].find((b) => b.textContent === 'Remove…').click()",
    )?;
    ensure!(
        browser.eval("document.querySelector('#dialog h2').textContent.includes('<script>')")?
            == true
    );
    browser.eval(
        "document.querySelector('#dialog').close(); document.querySelector('.card a').click()",
    )?;
    browser.wait("document.querySelector('#detail h2').textContent.startsWith('<img')")?;
    ensure!(browser.eval("window.bad === undefined && document.images.length === 0")? == true);
    assert_clean(&mut browser)
}
