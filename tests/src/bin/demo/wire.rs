//! What was really on the wire, seen without camfence.
//!
//! A packet socket on each host's own `eth0` sees every frame that the host sends, the
//! kernel's own (ARP, neighbour discovery, MLD, retransmissions) among them, before the fence
//! can drop it. Here they are sorted by address in a few plain lines; no code is shared with
//! camfence.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use camfence_tests::{Mac, Netns, RawPort};
use etherparse::{NetSlice, SlicedPacket};
use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::sockopt::RcvBufForce;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, bind, recv, setsockopt, socket,
};

use crate::town::{self, CAMERA_NAMES, OTHERS, Town};

const FRAME_MAX: usize = 70_000;
const RECEIVE_BUFFER: usize = 32 << 20;

/// How long no camera's frame may have come for the wire to be called quiet.
const QUIET: Duration = Duration::from_millis(200);
/// How long to wait for that.
const PATIENCE: Duration = Duration::from_secs(8);

/// Frames and their bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Count {
    /// Frames.
    pub(crate) packets: u64,
    /// Their bytes, without FCS.
    pub(crate) bytes: u64,
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} packets / {} bytes", self.packets, self.bytes)
    }
}

/// Camera, "outbound" or "inbound", reason.
pub(crate) type Key = (String, &'static str, String);

/// Counts by camera, direction and reason.
pub(crate) type Ledger = BTreeMap<Key, Count>;

/// What came to `now` since `before`, without what did not occur.
pub(crate) fn since(now: &Ledger, before: &Ledger) -> Ledger {
    let grown = now.iter().map(|(key, count)| {
        let old = before.get(key).copied().unwrap_or_default();
        let packets = count.packets.saturating_sub(old.packets);
        (key.clone(), Count { packets, bytes: count.bytes.saturating_sub(old.bytes) })
    });
    grown.filter(|(_, count)| *count != Count::default()).collect()
}

/// All that the hosts on the bridge send, as far as it is from or to a camera.
#[derive(Debug)]
pub(crate) struct Wire {
    taps: Vec<(OwnedFd, Mac)>,
    cameras: Vec<(&'static str, Mac)>,
    /// What was sent so far.
    pub(crate) ledger: Ledger,
}

impl Wire {
    /// Begins to listen on every host of the bridge.
    pub(crate) fn tap(town: &Town) -> Result<Self> {
        let hosts = CAMERA_NAMES.iter().chain(&OTHERS);
        let taps = hosts.map(|host| Ok((tap(town.host(host))?, town.lab.mac(host))));
        Ok(Self {
            taps: taps.collect::<Result<_>>()?,
            cameras: CAMERA_NAMES.map(|name| (name, town.lab.mac(name))).to_vec(),
            ledger: Ledger::new(),
        })
    }

    /// Takes in what was sent; whether any of it was from or to a camera.
    pub(crate) fn read(&mut self) -> Result<bool> {
        let mut buffer = vec![0; FRAME_MAX];
        let mut any = false;
        for (socket, host) in &self.taps {
            while let Some(length) = receive(socket, &mut buffer)? {
                let frame = &buffer[..length];
                // Only what the host itself sends; it also hears what it receives.
                if frame.get(6..12) == Some(&host.0[..]) {
                    any |= enter(&self.cameras, frame, &mut self.ledger)?;
                }
            }
        }
        Ok(any)
    }

    /// Waits until the wire is quiet.
    pub(crate) fn settle(&mut self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let mut last = Instant::now();
        while last.elapsed() < QUIET {
            if self.read()? {
                last = Instant::now();
            }
            ensure!(Instant::now() < deadline, "the cameras do not stop talking");
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

/// Counts a frame for the cameras that sent it and that it is sent to.
fn enter(cameras: &[(&str, Mac)], frame: &[u8], ledger: &mut Ledger) -> Result<bool> {
    let mut any = false;
    for (direction, mac) in [("outbound", &frame[6..12]), ("inbound", &frame[..6])] {
        let Some((name, _)) = cameras.iter().find(|(_, camera)| camera.0 == mac) else { continue };
        let reason = classify(frame, direction == "outbound")?;
        let count = ledger.entry(((*name).into(), direction, reason.into())).or_default();
        count.packets += 1;
        count.bytes += frame.len() as u64;
        any = true;
    }
    Ok(any)
}

/// The reason that camfence should give: by the destination of what a camera sends, by the
/// source of what it is sent.
fn classify(frame: &[u8], outbound: bool) -> Result<&'static str> {
    let Some((source, destination)) = addresses(frame)? else { return Ok("link") };
    let peer = if outbound { destination } else { source };
    Ok(match peer {
        _ if town::is_home(peer) => "local",
        _ if stays_on_link(peer) => "on-link",
        _ if outbound => "not-local",
        _ => "inbound",
    })
}

/// Link-local addresses, broadcast, and groups of the link or the site.
fn stays_on_link(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            ip.is_broadcast()
                || ip.is_link_local()
                || [a, b, c] == [224, 0, 0]
                || [a, b] == [239, 255]
        }
        IpAddr::V6(ip) => {
            ip.is_unicast_link_local() || ip.segments()[0] & 0xff0f <= 0xff08 && ip.is_multicast()
        }
    }
}

/// Source and destination of an IP packet; none of ARP.
fn addresses(frame: &[u8]) -> Result<Option<(IpAddr, IpAddr)>> {
    let packet = SlicedPacket::from_ethernet(frame).context("a frame that makes no sense")?;
    Ok(match packet.net {
        Some(NetSlice::Ipv4(ip)) => {
            Some((ip.header().source_addr().into(), ip.header().destination_addr().into()))
        }
        Some(NetSlice::Ipv6(ip)) => {
            Some((ip.header().source_addr().into(), ip.header().destination_addr().into()))
        }
        Some(NetSlice::Arp(_)) => None,
        None => bail!("a frame that nobody here should send: {frame:02x?}"),
    })
}

/// How many frames of each source reached the port since this was last asked.
pub(crate) fn arrivals(port: &RawPort) -> Result<BTreeMap<IpAddr, u64>> {
    let mut arrived = BTreeMap::new();
    for frame in port.capture_until_quiet(Duration::ZERO)? {
        if let Some((source, _)) = addresses(&frame)? {
            *arrived.entry(source).or_default() += 1;
        }
    }
    Ok(arrived)
}

/// A packet socket that sees what the host's interface sends and receives.
fn tap(netns: &Netns) -> Result<OwnedFd> {
    netns.run(|| {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let all = SockProtocol::EthAll;
        let fd = socket(AddressFamily::Packet, SockType::Raw, flags, all)?;
        setsockopt(&fd, RcvBufForce, &RECEIVE_BUFFER)?;
        let eth0 = getifaddrs()?
            .filter(|found| found.interface_name == "eth0")
            .find_map(|found| found.address?.as_link_addr().copied())
            .context("no eth0")?;
        bind(fd.as_raw_fd(), &eth0)?;
        let mut buffer = vec![0; FRAME_MAX];
        // Until it was bound it heard all interfaces.
        while receive(&fd, &mut buffer)?.is_some() {}
        Ok(fd)
    })
}

fn receive(socket: &OwnedFd, buffer: &mut [u8]) -> Result<Option<usize>> {
    match recv(socket.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT) {
        Ok(length) => Ok(Some(length)),
        Err(Errno::EAGAIN | Errno::EINTR) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
