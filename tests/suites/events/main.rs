//! What `camfence events` says of a fence that a daemon serves, while cameras and people do things.

mod deny;
mod drops;
mod flood;
mod follower;
mod happenings;
mod million;
mod names;

use std::{
    net::{SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use camfence_tests::{
    Camfence, Mac, RawPort,
    cmd::Daemon,
    home::{ATTIC, Home, SOON, run, socket},
};
use serde_json::{Value, json};

/// A home, its fence and the daemon.
struct Scene<'a> {
    home: &'a Home,
    camfence: Camfence<'a>,
    daemon: Daemon,
}

impl<'a> Scene<'a> {
    fn new(home: &'a Home) -> Result<Self> {
        let camfence = home.camfence()?;
        let daemon = run(&camfence)?;
        Ok(Self { home, camfence, daemon })
    }

    /// The same with more in the configuration.
    fn with(home: &'a Home, lines: &str) -> Result<Self> {
        let camfence = home.camfence()?;
        let config = std::fs::read_to_string(camfence.config_path())?;
        camfence.configure(&(config + lines))?;
        let daemon = run(&camfence)?;
        Ok(Self { home, camfence, daemon })
    }

    /// `camfence --json events --follow`, once it hears what comes.
    fn follow(&self, arguments: &[&str]) -> Result<Follower> {
        let arguments = ["--json", "events", "--follow"].iter().chain(arguments);
        let process = self.camfence.start(arguments)?;
        let follower = Follower { process };
        // Not before it hears drops, too: the first look is the base of what comes.
        std::thread::sleep(Duration::from_millis(1_500));
        Ok(follower)
    }

    /// What is remembered.
    fn events(&self, arguments: &[&str]) -> Result<Vec<Value>> {
        let arguments = ["--json", "events"].iter().chain(arguments);
        parse(&self.camfence.run(arguments)?.success()?)
    }

    /// Waits for an event that is remembered.
    fn wait_for(&self, what: &str, is_it: impl Fn(&Value) -> bool) -> Result<Value> {
        let deadline = Instant::now() + SOON;
        loop {
            let events = self.events(&[])?;
            if let Some(event) = events.iter().find(|event| is_it(event)) {
                return Ok(event.clone());
            }
            ensure!(Instant::now() < deadline, "no {what} in {events:#?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn wire(&self, host: &str) -> Result<RawPort> {
        RawPort::open(self.home.lab.host(host), "eth0")
    }
}

/// Somebody who follows the events.
struct Follower {
    process: Daemon,
}

impl Follower {
    /// What it has read so far.
    fn events(&self) -> Result<Vec<Value>> {
        // The last line may not be whole yet.
        let log = self.process.log()?;
        parse(&log[..log.rfind('\n').map_or(0, |end| end + 1)])
    }

    /// Waits until it has read enough.
    fn wait(&self, what: &str, enough: impl Fn(&[Value]) -> bool) -> Result<Vec<Value>> {
        let deadline = Instant::now() + SOON;
        loop {
            let events = self.events()?;
            if enough(&events) {
                return Ok(events);
            }
            ensure!(Instant::now() < deadline, "no {what} in {events:#?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn parse(lines: &str) -> Result<Vec<Value>> {
    lines.lines().map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect()
}

fn of_kind<'e>(events: &'e [Value], kind: &str) -> Vec<&'e Value> {
    events.iter().filter(|event| event["event"] == kind).collect()
}

/// Packets and bytes of what was dropped, of events that are meant.
fn dropped(events: &[Value], is_meant: impl Fn(&Value) -> bool) -> (u64, u64) {
    let sum = |key: &str| {
        let events = of_kind(events, "dropped").into_iter().filter(|event| is_meant(event));
        events.filter_map(|event| event[key].as_u64()).sum()
    };
    (sum("packets"), sum("bytes"))
}

/// Has a host send so many datagrams of 20 bytes; gives the bytes of their frames.
fn call(home: &Home, host: &str, to: &str, count: u64) -> Result<u64> {
    let to: SocketAddr = to.parse()?;
    home.lab.host(host).run(|| -> Result<()> {
        let socket = UdpSocket::bind("0.0.0.0:0")?;
        for _ in 0..count {
            socket.send_to(&[0; 20], to)?;
        }
        Ok(())
    })?;
    Ok(count * (14 + 20 + 8 + 20))
}

/// Sends one request on the socket, and leaves the rest to the caller.
fn request(camfence: &Camfence, mut request: Value) -> Result<std::os::unix::net::UnixStream> {
    use std::io::Write as _;
    request["config"] = json!(camfence.config_path().canonicalize()?);
    let mut stream = socket(camfence)?;
    stream.write_all(format!("{request}\n").as_bytes())?;
    Ok(stream)
}

fn attic() -> String {
    Mac::to_string(&ATTIC)
}
