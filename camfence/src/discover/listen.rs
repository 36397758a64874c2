//! Listens on ports for a time, with a packet socket on each. Sends nothing.
//!
//! A packet socket sees what comes in before TC does, so also what the fence drops there; what XDP drops
//! it does not see.

use std::{
    io,
    os::fd::{AsFd as _, AsRawFd as _, OwnedFd},
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    getsockopt_impl,
    ifaddrs::getifaddrs,
    libc,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    setsockopt_impl, sockopt_impl,
    sys::socket::{
        AddressFamily, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, bind, getsockopt,
        recv, setsockopt, socket, sockopt::RcvBufForce,
    },
};
use thiserror::Error;

use super::{heard::Heard, sources};
use crate::policy::topology::Link;

/// How much of a frame is read. A message that is longer is read as far as it goes.
pub const SNAP: usize = 2_048;
/// Room for frames that wait, in bytes and for each port.
const RECEIVE_BUFFER: usize = 4 << 20;
/// Frames of one port before the others and the clock are looked at.
const BATCH: usize = 256;

/// Nobody can listen.
#[derive(Debug, Error)]
#[error("cannot listen on {port}: {source}")]
pub struct ListenError {
    /// The port.
    port: String,
    /// Why not.
    source: io::Error,
}

impl ListenError {
    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        let refused = self.source.kind() == io::ErrorKind::PermissionDenied;
        refused.then(|| "run as root".into())
    }
}

sockopt_impl!(
    /// Whether frames that leave through the interface are kept out.
    IgnoreOutgoing, SetOnly, libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, bool
);
sockopt_impl!(
    /// Has the interface take frames to all groups while the socket is open.
    Membership, SetOnly, libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, libc::packet_mreq
);
sockopt_impl!(
    /// Frames seen and lost; reading it starts anew.
    Statistics, GetOnly, libc::SOL_PACKET, libc::PACKET_STATISTICS, libc::tpacket_stats
);

/// Sockets on ports, from when it is made.
#[derive(Debug)]
pub struct Listener {
    sockets: Vec<Listening>,
}

#[derive(Debug)]
struct Listening {
    port: u32,
    socket: OwnedFd,
}

impl Listener {
    /// Opens a socket on each port. Takes `CAP_NET_RAW` and, for its room, `CAP_NET_ADMIN`.
    pub fn open(ports: &[Link]) -> Result<Self, ListenError> {
        let sockets = ports.iter().map(|port| {
            let opened = open(&port.name, port.index);
            opened.map_err(|errno| ListenError { port: port.name.clone(), source: errno.into() })
        });
        Ok(Self { sockets: sockets.collect::<Result<_, _>>()? })
    }

    /// Reads what arrives until the time is over; blocks. Gives how many frames found no room.
    pub fn listen(mut self, time: Duration, heard: &mut Heard) -> u64 {
        let deadline = Instant::now() + time;
        let mut buffer = [0; SNAP];
        while let Some(left) = deadline.checked_duration_since(Instant::now()) {
            for index in self.readable(left).into_iter().rev() {
                if !self.sockets[index].read(&mut buffer, heard) {
                    self.sockets.swap_remove(index);
                }
            }
        }
        self.sockets.iter().map(Listening::lost).sum()
    }

    fn readable(&self, time: Duration) -> Vec<usize> {
        let fds = self.sockets.iter().map(|on| PollFd::new(on.socket.as_fd(), PollFlags::POLLIN));
        let mut fds: Vec<PollFd<'_>> = fds.collect();
        // Rounded up: otherwise the last millisecond is spent in circles.
        let millis = time.as_millis().saturating_add(1);
        let timeout = PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX);
        if poll(&mut fds, timeout).is_err() {
            return Vec::new();
        }
        let ready = fds.iter().enumerate().filter(|(_, fd)| fd.any() == Some(true));
        ready.map(|(index, _)| index).collect()
    }
}

impl Listening {
    /// Reads what is there; false if there will be nothing more.
    fn read(&self, buffer: &mut [u8], heard: &mut Heard) -> bool {
        for _ in 0..BATCH {
            // With this flag it is told how long the frame was that was cut.
            let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_TRUNC;
            match recv(self.socket.as_raw_fd(), buffer, flags) {
                Ok(length) => {
                    let frame = &buffer[..length.min(SNAP)];
                    if let Some(told) = sources::read(frame) {
                        heard.hear(self.port, told.mac, told.facts, length as u64);
                    }
                }
                // An interface that is down may come up again; one that is gone does not.
                Err(Errno::EAGAIN | Errno::EINTR | Errno::ENETDOWN) => return true,
                Err(_) => return false,
            }
        }
        true
    }

    fn lost(&self) -> u64 {
        getsockopt(&self.socket, Statistics).map_or(0, |statistics| statistics.tp_drops.into())
    }
}

fn open(name: &str, index: u32) -> nix::Result<Listening> {
    let (family, kind) = (AddressFamily::Packet, SockType::Raw);
    let socket = socket(family, kind, SockFlag::SOCK_CLOEXEC, SockProtocol::EthAll)?;
    // As much room as it may have; without, frames are lost a little earlier.
    let _ = setsockopt(&socket, RcvBufForce, &RECEIVE_BUFFER);
    setsockopt(&socket, IgnoreOutgoing, &true)?;
    bind(socket.as_raw_fd(), &address(name)?)?;
    // Until then it received from all interfaces.
    while recv(socket.as_raw_fd(), &mut [], MsgFlags::MSG_DONTWAIT).is_ok() {}
    let groups = libc::packet_mreq {
        mr_ifindex: i32::try_from(index).map_err(|_| Errno::ENODEV)?,
        mr_type: u16::try_from(libc::PACKET_MR_ALLMULTI).map_err(|_| Errno::EINVAL)?,
        mr_alen: 0,
        mr_address: [0; 8],
    };
    setsockopt(&socket, Membership, &groups)?;
    Ok(Listening { port: index, socket })
}

/// The interface's address for `bind`. Its protocol is zero, which keeps the socket's own.
fn address(name: &str) -> nix::Result<LinkAddr> {
    let mut of_interface = getifaddrs()?.filter(|found| found.interface_name == name);
    of_interface.find_map(|found| found.address?.as_link_addr().copied()).ok_or(Errno::ENODEV)
}
