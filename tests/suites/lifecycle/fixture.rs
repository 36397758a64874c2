//! A silent home with the daemon on its bridge.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use camfence_tests::{
    BpffsRoot, Camfence, Frame, Host, Lab, Mac, RawPort,
    cmd::Daemon,
    kernel::{self, slowed},
    mac,
};
use serde_json::Value;

pub(crate) const CAM: Mac = mac("b0:c5:54:25:5b:0e");
pub(crate) const CAM2: Mac = mac("b0:c5:54:25:5b:1f");
pub(crate) const GW: Mac = mac("02:cf:aa:00:00:01");

/// How long nothing may arrive before everything has.
const QUIET: Duration = Duration::from_millis(40);
/// How long the daemon may take to start: on a machine that is emulated it is this slow.
const START: Duration = Duration::from_mins(1);
/// How long it may take for what it hears of.
pub(crate) const SOON: Duration = Duration::from_secs(5);
/// How long it may take for what nobody tells it: it looks every five seconds.
pub(crate) const NEXT_LOOK: Duration = Duration::from_secs(20);

pub(crate) struct Home {
    pub(crate) lab: Lab,
    pub(crate) bpffs: BpffsRoot,
}

impl Home {
    pub(crate) fn new() -> Result<Self> {
        let lab = Lab::builder()
            .bridge("br-cam")
            .host(Host::new("driveway").mac(CAM).silent())
            .host(Host::new("garage").mac(CAM2).silent())
            .host(Host::new("gw").mac(GW).silent())
            .build()?;
        Ok(Self { lab, bpffs: BpffsRoot::new()? })
    }

    /// The daemon on some interfaces, with lines of `[fence]` and lines behind the cameras.
    pub(crate) fn run(&self, interfaces: &[&str], lines: &str, more: &str) -> Result<Fence<'_>> {
        let text = config(interfaces, lines) + more;
        let camfence = Camfence::new(self.lab.box_ns(), &text, &self.bpffs)?;
        let daemon = camfence.start(["run"])?;
        daemon.wait_for_log(START, |log| log.contains("fenced for 2 cameras"))?;
        Ok(Fence { home: self, camfence, daemon })
    }

    /// Renames an interface of the box.
    pub(crate) fn rename(&self, from: &str, to: &str) -> Result<()> {
        let rename = format!("link set dev {from} name {to}");
        if kernel::version()? >= (6, 2) {
            return self.ip(&rename).map(drop);
        }
        // Kernels before 6.2 rename none that is up (commit bd039b5ea2a9).
        self.ip(&format!("link set dev {from} down"))?;
        self.ip(&rename)?;
        self.ip(&format!("link set dev {to} up"))?;
        self.lab.box_ns().wait_running(&[to])
    }

    /// A host's wire.
    pub(crate) fn wire(&self, host: &str) -> Result<RawPort> {
        RawPort::open(self.lab.host(host), "eth0")
    }

    pub(crate) fn ip(&self, arguments: &str) -> Result<String> {
        self.lab.box_ns().ip(arguments)
    }
}

fn config(interfaces: &[&str], lines: &str) -> String {
    format!(
        "[fence]\ninterfaces = {interfaces:?}\nmax_cameras = 64\n{lines}\n\
         [[camera]]\nmac = \"{CAM}\"\nname = \"driveway\"\n\
         [[camera]]\nmac = \"{CAM2}\"\nname = \"garage\"\n\
         [metrics]\nlisten = \"127.0.0.1:9477\"\n"
    )
}

/// A running daemon.
pub(crate) struct Fence<'a> {
    pub(crate) home: &'a Home,
    pub(crate) camfence: Camfence<'a>,
    pub(crate) daemon: Daemon,
}

impl Fence<'_> {
    /// Waits until the daemon has logged something.
    pub(crate) fn said(&self, words: &str) -> Result<()> {
        self.daemon.wait_for_log(slowed(NEXT_LOOK + SOON), |log| log.contains(words))
    }

    /// How often it has said something.
    pub(crate) fn times_said(&self, words: &str) -> Result<usize> {
        Ok(self.daemon.log()?.matches(words).count())
    }

    /// What `status` says of an interface.
    pub(crate) fn port(&self, name: &str) -> Result<Value> {
        let status = self.camfence.json(["status"])?;
        let ports = status["interfaces"].as_array().context("interfaces")?;
        ports.iter().find(|port| port["name"] == name).cloned().context("the port")
    }

    /// Waits until a forbidden frame of a camera no longer gets to the gateway; gives how many did.
    pub(crate) fn leaks_until_fenced(&self, host: &str, patience: Duration) -> Result<Leaks> {
        let (camera, gw) = (self.home.wire(host)?, self.home.wire("gw")?);
        let frame = calling_home(self.home.lab.mac(host)).build();
        let (start, mut leaks) = (Instant::now(), Leaks::default());
        while start.elapsed() < patience {
            camera.send(&frame)?;
            let is_ours = |other: &[u8]| other == frame;
            if gw.capture_matching(Duration::from_millis(2), is_ours)?.is_none() {
                gw.capture_until_quiet(QUIET)?;
                camera.send(&frame)?;
                ensure!(gw.capture_matching(QUIET, is_ours)?.is_none(), "it leaks again");
                return Ok(leaks);
            }
            (leaks.frames, leaks.time) = (leaks.frames + 1, start.elapsed());
        }
        bail!("{} frames leaked in {patience:?}: {}", leaks.frames, self.daemon.log()?)
    }

    /// Fails if a forbidden frame of a camera gets to the gateway.
    pub(crate) fn holds(&self, host: &str) -> Result<()> {
        let leaks = self.leaks_until_fenced(host, SOON)?;
        ensure!(leaks.frames == 0, "{host} leaked {leaks:?}: {}", self.daemon.log()?);
        Ok(())
    }

    /// `camfence_unfenced_seconds_total` of an interface, as soon as the daemon has looked at it.
    pub(crate) fn unfenced(&self, interface: &str) -> Result<Duration> {
        let series = format!("camfence_unfenced_seconds_total{{interface=\"{interface}\"}} ");
        let deadline = Instant::now() + slowed(NEXT_LOOK);
        loop {
            let metrics = self.metrics()?;
            if let Some(seconds) = metrics.lines().find_map(|line| line.strip_prefix(&series)) {
                return Ok(Duration::from_secs_f64(seconds.parse()?));
            }
            ensure!(Instant::now() < deadline, "no {series} in {metrics}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn metrics(&self) -> Result<String> {
        use std::{
            io::{Read as _, Write as _},
            net::TcpStream,
        };
        let mut stream = self.home.lab.box_ns().run(|| TcpStream::connect("127.0.0.1:9477"))?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    /// Waits until `status` says that an interface is enforcing, or not.
    pub(crate) fn is_enforcing(&self, interface: &str, wanted: bool) -> Result<Value> {
        let deadline = Instant::now() + slowed(NEXT_LOOK);
        loop {
            let port = self.port(interface);
            if port.as_ref().is_ok_and(|port| port["enforcing"] == wanted) {
                return port;
            }
            ensure!(Instant::now() < deadline, "{port:?}: {}", self.daemon.log()?);
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// A file or directory below the pin root, whichever generation it is in.
    pub(crate) fn remove_pins(&self, name: &str) -> Result<()> {
        let path = self.home.bpffs.path().join(name);
        if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) }
            .with_context(|| format!("removing {}", path.display()))
    }
}

/// What got through before a port was fenced.
#[derive(Debug, Default)]
pub(crate) struct Leaks {
    pub(crate) frames: u32,
    pub(crate) time: Duration,
}

/// A frame of a camera to a station that nobody knows, so that a bridge floods it: what leaks is
/// seen everywhere.
pub(crate) fn calling_home(camera: Mac) -> Frame {
    Frame::from(camera).ipv4("192.168.1.31", "203.0.113.7").udp(5000, 10240).payload(b"hello")
}
