//! A home whose fence `camfence run` serves: what the suites of the daemon have in common.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::addr::{Mac, mac};
use crate::bpffs::BpffsRoot;
use crate::cmd::{Camfence, Daemon};
use crate::lab::{Bridge, Host, INTERNET, INTERNET_V4, Lab};
use crate::netns::Netns;
use crate::traffic::{self, UdpEcho};

/// The camera that the configuration knows.
pub const DRIVEWAY: Mac = mac("b0:c5:54:25:5b:0e");
/// The camera that it does not know.
pub const ATTIC: Mac = mac("b0:c5:54:25:5b:0f");
/// Where the metrics are, in the box.
pub const METRICS: &str = "127.0.0.1:9477";
/// Longer than anything takes that is to happen.
pub const SOON: Duration = Duration::from_mins(1);

/// Two cameras, of which the configuration knows one, and a way to the internet.
#[derive(Debug)]
pub struct Home {
    /// The hosts.
    pub lab: Lab,
    /// Where its fence is pinned.
    pub bpffs: BpffsRoot,
    _echo: UdpEcho,
}

impl Home {
    /// Sets it up; nothing is fenced yet.
    pub fn new() -> Result<Self> {
        let camera = |name, mac, ip| Host::new(name).mac(mac).ip(ip).via("192.168.1.1");
        let lab = Lab::builder()
            .bridge(Bridge::new("br-cam"))
            .host(camera("driveway", DRIVEWAY, "192.168.1.31/24"))
            .host(camera("attic", ATTIC, "192.168.1.32/24"))
            .host(Host::new("gw").ip("192.168.1.1/24").router())
            .host(Host::internet_behind("gw"))
            .build()?;
        let echo = UdpEcho::open(lab.host(INTERNET), 7)?;
        Ok(Self { lab, bpffs: BpffsRoot::new()?, _echo: echo })
    }

    /// The command line, with a configuration that knows [`DRIVEWAY`].
    pub fn camfence(&self) -> Result<Camfence<'_>> {
        Camfence::new(self.lab.box_ns(), &config(&[("driveway", DRIVEWAY)]), &self.bpffs)
    }

    /// Whether a camera gets an answer from the internet.
    pub fn reaches_internet(&self, camera: &str) -> Result<bool> {
        let address: IpAddr = INTERNET_V4[0].parse()?;
        let host = self.lab.host(camera);
        Ok(traffic::udp_request(host, SocketAddr::new(address, 7), b"hello").is_ok())
    }

    /// Fails unless exactly these of the two cameras are fenced in.
    ///
    /// # Panics
    /// If they are not.
    #[track_caller]
    pub fn assert_fenced(&self, fenced: &[&str]) -> Result<()> {
        for camera in ["driveway", "attic"] {
            assert_eq!(self.reaches_internet(camera)?, !fenced.contains(&camera), "{camera}");
        }
        Ok(())
    }
}

/// A configuration of the bridge and these cameras.
pub fn config(cameras: &[(&str, Mac)]) -> String {
    let fence = "[fence]\ninterfaces = [\"br-cam\"]\nmax_cameras = 64\n";
    let metrics = format!("[metrics]\nlisten = \"{METRICS}\"\n");
    let camera =
        |(name, mac): &(&str, Mac)| format!("[[camera]]\nmac = \"{mac}\"\nname = \"{name}\"\n");
    fence.to_owned() + &metrics + &cameras.iter().map(camera).collect::<String>()
}

/// Starts the daemon; the fence is up when this returns.
pub fn run(camfence: &Camfence) -> Result<Daemon> {
    await_up(camfence, camfence.start(["run"])?)
}

/// Waits until the fence of a daemon that was started is up.
pub fn await_up(camfence: &Camfence, mut daemon: Daemon) -> Result<Daemon> {
    let deadline = Instant::now() + SOON;
    while socket(camfence).is_err() {
        ensure!(daemon.is_running()? && Instant::now() < deadline, "{}", daemon.log()?);
        std::thread::sleep(Duration::from_millis(5));
    }
    // The reload waits for the start.
    let answer = ask(camfence, json!({"verb": "reload"}))?;
    ensure!(answer["ok"]["live"] == true, "{answer} {}", daemon.log()?);
    Ok(daemon)
}

/// The one socket in the daemon's directory, when somebody listens.
pub fn socket(camfence: &Camfence) -> Result<UnixStream> {
    let stream = UnixStream::connect(socket_path(camfence)?)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    Ok(stream)
}

/// Where that is.
pub fn socket_path(camfence: &Camfence) -> Result<PathBuf> {
    let files = fs::read_dir(camfence.dir())?.flatten().map(|entry| entry.path());
    files.into_iter().find(|path| path.extension() == Some("sock".as_ref())).context("no socket")
}

/// Asks about the daemon's own configuration.
pub fn ask(camfence: &Camfence, mut request: Value) -> Result<Value> {
    request["config"] = json!(camfence.config_path().canonicalize()?);
    say(camfence, format!("{request}\n").as_bytes())
}

/// Sends bytes; the answer is a line of JSON.
pub fn say(camfence: &Camfence, bytes: &[u8]) -> Result<Value> {
    let mut stream = socket(camfence)?;
    // A daemon that has read enough closes before all is sent, and then there is no orderly end
    // behind the answer either: it is one line.
    let _ = stream.write_all(bytes);
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    Ok(serde_json::from_str(&answer)?)
}

/// What the server of the metrics answers, headers included.
pub fn get(netns: &Netns, path: &str) -> Result<String> {
    get_at(netns, METRICS, path)
}

/// The same of another HTTP server.
pub fn get_at(netns: &Netns, server: &str, path: &str) -> Result<String> {
    let mut stream = netns.run(|| TcpStream::connect(server))?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: {server}\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
