//! Clients of the page that are no browser, and mean it no good.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use camfence_tests::Netns;
use camfence_tests::home::get;

use crate::fixture::{AT, OWN, Site, csrf, exchange, opening, request, run, status};

/// Headers, a body, and how they are refused.
type Refused<'a> = (&'a [(&'a str, &'a str)], &'a str, u16);

const CROWD: usize = 500;
const IN_TIME: Duration = Duration::from_secs(8);

#[test]
fn only_the_page_changes_something() -> Result<()> {
    let site = Site::open()?;
    let camfence = site.camfence()?;
    let daemon = run(&camfence)?;
    let csrf = csrf(site.netns())?;
    let secret = ("X-Camfence-Csrf", &*csrf);
    let post = |headers: &[(&str, &str)], body: &str| {
        status(&exchange(site.netns(), AT, &request("POST", "/api/changes", headers, body))?)
    };
    let [host, origin, kind] = OWN;
    let opening = &*opening();
    let refused: [Refused; 11] = [
        (&[host, origin, kind], opening, 403),
        (&[host, origin, kind, ("X-Camfence-Csrf", "0")], opening, 403),
        (&[host, kind, secret], opening, 403),
        (&[host, ("Origin", "http://evil.example"), kind, secret], opening, 403),
        (&[host, ("Origin", "null"), kind, secret], opening, 403),
        (
            &[("Host", "evil.example"), ("Origin", "http://evil.example"), kind, secret],
            opening,
            421,
        ),
        (&[host, origin, ("Content-Type", "text/plain"), secret], opening, 415),
        (&[host, origin, kind, ("Sec-Fetch-Site", "cross-site"), secret], opening, 403),
        (&[host, origin, kind, secret], "{\"verb\": \"down\"}", 400),
        (&[host, origin, kind, secret], "{\"verb\": \"open\"", 400),
        (&[host, origin, kind, secret], &"x".repeat(5_000), 413),
    ];
    for (headers, body, expected) in refused {
        ensure!(post(headers, body)? == expected, "{headers:?} {expected}");
    }
    ensure!(
        !daemon.log()?.contains("page: 127.0.0.1:") && !site.home.reaches_internet("driveway")?
    );
    ensure!(post(&[host, origin, kind, secret], opening)? == 200);
    site.home.reaches_internet("driveway").map(|reaches| assert!(reaches))
}

#[test]
fn every_answer_has_the_headers_that_browsers_go_by() -> Result<()> {
    let site = Site::open()?;
    let camfence = site.camfence()?;
    let _daemon = run(&camfence)?;
    for path in ["/", "/page.js", "/page.css", "/api/view", "/nothing", "/../etc/passwd"] {
        let answer = exchange(site.netns(), AT, &request("GET", path, &OWN[..1], ""))?;
        for header in [
            "content-security-policy: default-src 'none'; script-src 'self';",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "cache-control: no-store",
            "cross-origin-resource-policy: same-origin",
        ] {
            ensure!(answer.contains(header), "{path}: {header}: {answer}");
        }
    }
    let there_is_not = exchange(site.netns(), AT, &request("GET", "/nothing", &OWN[..1], ""))?;
    ensure!(status(&there_is_not)? == 404, "{there_is_not}");
    Ok(())
}

fn served(netns: &Netns) -> Result<()> {
    let begun = Instant::now();
    let answer = exchange(netns, AT, &request("GET", "/api/view", &OWN[..1], ""))?;
    println!("a view took {:?}", begun.elapsed());
    ensure!(status(&answer)? == 200 && begun.elapsed() < IN_TIME, "{answer}");
    Ok(())
}

#[test]
fn a_crowd_keeps_nobody_out() -> Result<()> {
    let site = Site::open()?;
    let camfence = site.camfence()?;
    let mut daemon = run(&camfence)?;
    let netns = site.netns();
    served(netns)?;
    let silent = netns.run(|| -> Result<Vec<TcpStream>> {
        (0..CROWD).map(|_| Ok(TcpStream::connect(AT)?)).collect()
    })?;
    served(netns)?;
    let metrics = get(netns, "/metrics")?;
    ensure!(metrics.starts_with("HTTP/1.1 200"), "{metrics}");
    drop(silent);
    let floods = [
        vec![0xff; 1 << 20],
        [b"GET / HTTP/1.1\r\nX: ".to_vec(), vec![b'a'; 1 << 20]].concat(),
        [
            b"POST /api/changes HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n".to_vec(),
            vec![b'{'; 1 << 20],
        ]
        .concat(),
        request("GET", "/api/view", &OWN[..1], ""),
        request("POST", "/api/sign-in", &OWN, "{\"token\": \"x\"}"),
    ];
    thread::scope(|scope| {
        for flood in floods.iter().cycle().take(40) {
            scope.spawn(move || {
                let Ok(mut client) = netns.run(|| TcpStream::connect(AT)) else { return };
                // It is cut off, sooner or later.
                let _ = client.write_all(flood);
                let _ = client.read_to_end(&mut Vec::new());
            });
        }
        served(netns)
    })?;
    served(netns)?;
    ensure!(daemon.is_running()?);
    site.home.assert_fenced(&["driveway", "attic"])
}
