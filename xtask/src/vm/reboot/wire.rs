//! The two wires of the machine: frames go in at one of its ports and are read at the other.

use std::{
    fs,
    io::ErrorKind,
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use etherparse::PacketBuilder;

const CAMERA: [u8; 6] = [0xb0, 0xc5, 0x54, 0x25, 0x5b, 0x0e];
const PHONE: [u8; 6] = [0x02, 0xcf, 0xaa, 0x00, 0x00, 0x33];
/// Nobody the bridge knows: it floods what is for them.
const NOBODY: [u8; 6] = [0x02, 0xcf, 0xaa, 0x00, 0x00, 0x01];
const CAMERA4: [u8; 4] = [192, 168, 1, 31];
const PHONE4: [u8; 4] = [192, 168, 1, 33];
const VENDOR4: [u8; 4] = [203, 0, 113, 7];
const RECORDER4: [u8; 4] = [192, 168, 1, 10];

/// How long between two rounds of frames.
const PAUSE: Duration = Duration::from_millis(2);

/// A port of the machine at its other end.
struct Port {
    socket: UnixDatagram,
    own: PathBuf,
    machine: PathBuf,
}

/// The port that cameras are on, and the uplink.
pub(crate) struct Wire {
    cameras: Port,
    uplink: Port,
}

/// Frames that left by the uplink.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Heard {
    /// Of the camera, for its vendor: not one may.
    pub(crate) camera: u64,
    /// Of the phone, for whomever.
    pub(crate) phone: u64,
    /// Of the camera, for the recorder.
    pub(crate) home: u64,
}

impl Port {
    fn open(directory: &Path, name: &str) -> Result<Self> {
        let (own, machine) = (directory.join(name), directory.join(format!("{name}-machine")));
        for path in [&own, &machine] {
            let _ = fs::remove_file(path);
        }
        let socket = UnixDatagram::bind(&own).with_context(|| format!("binding {name}"))?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, own, machine })
    }

    fn arguments(&self, id: &str, last: u8) -> [String; 4] {
        let (own, machine) = (self.own.display(), self.machine.display());
        [
            "-netdev".to_owned(),
            format!(
                "dgram,id={id},local.type=unix,local.path={machine},remote.type=unix,\
                 remote.path={own}"
            ),
            "-device".to_owned(),
            format!("virtio-net-pci,netdev={id},mac=02:cf:00:00:00:{last:02x}"),
        ]
    }

    /// Sends a frame, if there is room and a machine.
    fn send(&self, frame: &[u8]) {
        let _ = self.socket.send_to(frame, &self.machine);
    }

    fn receive(&self, buffer: &mut [u8]) -> Result<Option<usize>> {
        match self.socket.recv(buffer) {
            Ok(length) => Ok(Some(length)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error).context("reading the uplink"),
        }
    }
}

impl Wire {
    /// Opens both; frames can be sent before the machine is.
    pub(crate) fn open(directory: &Path) -> Result<Self> {
        let cameras = Port::open(directory, "cameras")?;
        Ok(Self { cameras, uplink: Port::open(directory, "uplink")? })
    }

    /// The machine's network cards, in the order of their names.
    pub(crate) fn arguments(&self) -> Vec<String> {
        [self.cameras.arguments("cameras", 1), self.uplink.arguments("uplink", 2)].concat()
    }

    /// Sends frames and reads what comes through until the machine has ended, for each of its
    /// lives. `look` tells whether it has, and how many lives are over.
    pub(crate) fn watch(
        &self,
        limit: Duration,
        mut look: impl FnMut() -> Result<(bool, usize)>,
    ) -> Result<Vec<Heard>> {
        let frames = [
            frame(CAMERA, CAMERA4, VENDOR4)?,
            frame(PHONE, PHONE4, VENDOR4)?,
            frame(CAMERA, CAMERA4, RECORDER4)?,
        ];
        let mut lives = Vec::new();
        let mut buffer = [0; 2048];
        let deadline = Instant::now() + limit;
        loop {
            ensure!(Instant::now() < deadline, "it still ran after {} seconds", limit.as_secs());
            let (ended, over) = look()?;
            lives.resize_with(lives.len().max(over + 1), Heard::default);
            for frame in &frames {
                self.cameras.send(frame);
            }
            while let Some(length) = self.uplink.receive(&mut buffer)? {
                let arrived = &buffer[..length];
                let heard = &mut lives[over];
                for (frame, count) in
                    frames.iter().zip([&mut heard.camera, &mut heard.phone, &mut heard.home])
                {
                    *count += u64::from(arrived == frame);
                }
            }
            while self.cameras.receive(&mut buffer)?.is_some() {}
            if ended {
                return Ok(lives);
            }
            thread::sleep(PAUSE);
        }
    }
}

fn frame(from: [u8; 6], source: [u8; 4], destination: [u8; 4]) -> Result<Vec<u8>> {
    let builder =
        PacketBuilder::ethernet2(from, NOBODY).ipv4(source, destination, 64).udp(5000, 10_240);
    let payload = b"from power-on on";
    let mut frame = Vec::with_capacity(builder.size(payload.len()));
    builder.write(&mut frame, payload)?;
    Ok(frame)
}
