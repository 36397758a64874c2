//! A home with a page, and a browser on it.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use camfence_tests::browser::Browser;
use camfence_tests::cmd::{Camfence, Daemon};
use camfence_tests::home::{self, DRIVEWAY, Home};
use camfence_tests::{Mac, Netns};
use serde_json::{Value, json};

/// Where the page is, in the box.
pub(crate) const AT: &str = "127.0.0.1:9478";
/// Its address.
pub(crate) const URL: &str = "http://127.0.0.1:9478/";
/// A name of another site that leads to the box all the same.
pub(crate) const EVIL: &str = "evil.example";

/// A home whose fence has a page. Where the camera is that it does not know, the port is sealed.
pub(crate) struct Site {
    pub(crate) home: Home,
    page: String,
    cameras: Vec<(String, Mac)>,
}

impl Site {
    /// With a page as these lines say, and a camera of this name.
    pub(crate) fn new(page: &str, name: &str) -> Result<Self> {
        let (page, cameras) = (page.to_owned(), vec![(name.to_owned(), DRIVEWAY)]);
        Ok(Self { home: Home::new()?, page, cameras })
    }

    /// With a page on loopback.
    pub(crate) fn open() -> Result<Self> {
        Self::new(&format!("listen = \"{AT}\"\n"), "driveway")
    }

    pub(crate) fn netns(&self) -> &Netns {
        self.home.lab.box_ns()
    }

    /// The command line.
    pub(crate) fn camfence(&self) -> Result<Camfence<'_>> {
        let camfence = self.home.camfence()?;
        let cameras: Vec<_> = self.cameras.iter().map(|(name, mac)| (&**name, *mac)).collect();
        let sealed = format!("[interface.{}]\nunknown = \"drop\"\n", self.home.lab.port("attic"));
        let config = home::config(&cameras) + &sealed + "[page]\n" + &self.page;
        camfence.configure(&config)?;
        Ok(camfence)
    }

    /// A browser in the box; none where there is none.
    pub(crate) fn browser(&self) -> Result<Option<Browser>> {
        Browser::start(self.netns(), &format!("MAP {EVIL} 127.0.0.1"))
    }

    /// Has a camera send frames outside, and only them.
    pub(crate) fn call(&self, camera: &str, peer: &str, port: u16, frames: u32) -> Result<()> {
        let peer = SocketAddr::new(peer.parse::<IpAddr>()?, port);
        self.home.lab.host(camera).run(|| -> Result<()> {
            let socket = UdpSocket::bind("0.0.0.0:0")?;
            for _ in 0..frames {
                socket.send_to(b"hello", peer)?;
            }
            Ok(())
        })
    }
}

/// Starts the daemon; the page is served when this returns.
pub(crate) fn run(camfence: &Camfence) -> Result<Daemon> {
    home::run(camfence)
}

/// Goes to the page and waits until it shows the cameras.
pub(crate) fn visit(browser: &mut Browser) -> Result<()> {
    browser.go(URL)?;
    browser.wait("document.querySelector('.card .badge')?.textContent.length > 0")
}

/// Fails if the tab asked for anything from elsewhere, or complained.
pub(crate) fn assert_clean(browser: &mut Browser) -> Result<()> {
    let seen = browser.seen()?;
    ensure!(!seen.requests.is_empty(), "nothing was asked for");
    let is_own = |url: &&String| !url.starts_with(URL);
    let others: Vec<_> = seen.requests.iter().filter(is_own).collect();
    ensure!(others.is_empty(), "asked for elsewhere: {others:?}");
    ensure!(seen.complaints.is_empty(), "{:#?}", seen.complaints);
    Ok(())
}

/// What a server answers to bytes until it closes.
pub(crate) fn exchange(netns: &Netns, at: &str, request: &[u8]) -> Result<String> {
    let mut stream = netns.run(|| TcpStream::connect(at))?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    // A server that has seen enough may close before all is sent.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// A request with headers and a body.
pub(crate) fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    (head + "\r\n" + body).into_bytes()
}

/// The status of an answer.
pub(crate) fn status(answer: &str) -> Result<u16> {
    let status = answer.split(' ').nth(1).with_context(|| format!("no answer: {answer:?}"))?;
    Ok(status.parse()?)
}

/// The JSON of an answer.
pub(crate) fn body(answer: &str) -> Result<Value> {
    let (_, body) = answer.split_once("\r\n\r\n").context("no body")?;
    serde_json::from_str(body).with_context(|| answer.to_owned())
}

/// What the page's own scripts send with a change, but for its secret.
pub(crate) const OWN: [(&str, &str); 3] =
    [("Host", AT), ("Origin", "http://127.0.0.1:9478"), ("Content-Type", "application/json")];

/// The page's secret, as its scripts read it.
pub(crate) fn csrf(netns: &Netns) -> Result<String> {
    let answer = exchange(netns, AT, &request("GET", "/api/session", &OWN[..1], ""))?;
    Ok(body(&answer)?["csrf"].as_str().context("no secret")?.to_owned())
}

/// A request to open the fence for the camera.
pub(crate) fn opening() -> String {
    json!({"verb": "open", "camera": DRIVEWAY.to_string(), "seconds": 600}).to_string()
}
