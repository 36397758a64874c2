//! Datagrams.

use std::collections::HashMap;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use nix::sys::socket::sockopt::{Ipv6RecvPacketInfo, RcvBufForce};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn6, recvmsg, sendmsg, setsockopt,
};
use nix::{cmsg_space, libc};
use socket2::{Domain, Protocol, Socket, Type};

use super::{TICK, TIMEOUT, Workers, again, timed_out};
use crate::netns::Netns;

const RECEIVE_BUFFER: usize = 64 << 20;
const DATAGRAM_MAX: usize = 65_536;

/// Datagrams and the bytes of their payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// Datagrams.
    pub packets: u64,
    /// Bytes of payload.
    pub bytes: u64,
}

type Counts = Arc<Mutex<HashMap<(IpAddr, u16), Count>>>;

/// Counts the datagrams that reach some ports of a host, by source and destination port.
#[derive(Debug)]
pub struct UdpSink {
    counts: Counts,
    _workers: Workers,
}

impl UdpSink {
    /// Listens on ports, of all addresses of both families.
    pub fn open(netns: &Netns, ports: &[u16]) -> Result<Self> {
        let sockets = ports.iter().map(|&port| {
            let socket = netns.run(|| bound(Domain::IPV6, port))?;
            Ok((socket, port))
        });
        Ok(Self::counting(sockets.collect::<Result<_>>()?))
    }

    /// Joins a multicast group on an interface and listens on its port.
    pub fn join(netns: &Netns, interface: &str, group: SocketAddr) -> Result<Self> {
        let index = netns.ifindex(interface)?;
        let socket =
            netns.run(|| joined(index, group)).with_context(|| format!("joining {group}"))?;
        Ok(Self::counting(vec![(socket, group.port())]))
    }

    fn counting(sockets: Vec<(UdpSocket, u16)>) -> Self {
        let counts = Counts::default();
        let mut workers = Workers::default();
        for (socket, port) in sockets {
            let counts = Arc::clone(&counts);
            let mut buffer = vec![0; DATAGRAM_MAX];
            workers.repeat(move || {
                if let Ok((length, from)) = socket.recv_from(&mut buffer) {
                    let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
                    let count = counts.entry((from.ip().to_canonical(), port)).or_default();
                    count.packets += 1;
                    count.bytes += length as u64;
                }
            });
        }
        Self { counts, _workers: workers }
    }

    /// What came from `source` to `port` so far.
    pub fn count(&self, source: IpAddr, port: u16) -> Count {
        self.counts().get(&(source, port)).copied().unwrap_or_default()
    }

    /// What came so far, by source and destination port.
    pub fn counts(&self) -> HashMap<(IpAddr, u16), Count> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many datagrams came so far.
    pub fn total(&self) -> u64 {
        self.counts().values().map(|count| count.packets).sum()
    }

    /// Waits until this many datagrams have come, or `timeout`; gives how many had come then.
    pub fn wait_for(&self, packets: u64, timeout: Duration) -> u64 {
        let deadline = Instant::now() + timeout;
        while self.total() < packets && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
        self.total()
    }
}

/// Answers every datagram to a port with the same payload.
#[derive(Debug)]
pub struct UdpEcho {
    _workers: Workers,
}

impl UdpEcho {
    /// Listens on a port of all addresses of both families.
    pub fn open(netns: &Netns, port: u16) -> Result<Self> {
        let socket = netns.run(|| bound(Domain::IPV6, port))?;
        setsockopt(&socket, Ipv6RecvPacketInfo, &true)?;
        let mut workers = Workers::default();
        let mut buffer = vec![0; DATAGRAM_MAX];
        workers.repeat(move || {
            // That nothing came yet, or that the way back is closed, is the asker's to notice.
            let _ = answer_one(&socket, &mut buffer);
        });
        Ok(Self { _workers: workers })
    }
}

/// Answers from the very address that was asked, which a host with several must take care of.
fn answer_one(socket: &UdpSocket, buffer: &mut [u8]) -> nix::Result<()> {
    let mut control = cmsg_space!(libc::in6_pktinfo);
    let mut parts = [IoSliceMut::new(buffer)];
    let fd = socket.as_raw_fd();
    let asked = recvmsg::<SockaddrIn6>(fd, &mut parts, Some(&mut control), MsgFlags::empty())?;
    let asked_at = asked.cmsgs()?.find_map(|message| match message {
        ControlMessageOwned::Ipv6PacketInfo(info) => Some(info),
        _ => None,
    });
    let (length, from) = (asked.bytes, asked.address);
    let source = asked_at.as_ref().map(ControlMessage::Ipv6PacketInfo);
    let answer = [IoSlice::new(&buffer[..length])];
    sendmsg(fd, &answer, source.as_slice(), MsgFlags::empty(), from.as_ref())?;
    Ok(())
}

/// Sends one datagram from any port; gives the port.
pub fn udp_send(netns: &Netns, to: SocketAddr, payload: &[u8]) -> io::Result<u16> {
    netns.run(|| {
        let socket = UdpSocket::bind((unspecified(to), 0))?;
        socket.send_to(payload, to)?;
        Ok(socket.local_addr()?.port())
    })
}

/// Sends one datagram and gives the answer, or an error of kind `TimedOut`.
pub fn udp_request(netns: &Netns, to: SocketAddr, payload: &[u8]) -> io::Result<Vec<u8>> {
    let socket = netns.run(|| UdpSocket::bind((unspecified(to), 0)))?;
    socket.connect(to)?;
    socket.set_read_timeout(Some(TIMEOUT))?;
    socket.send(payload)?;
    let mut answer = vec![0; DATAGRAM_MAX];
    let length = again(|| socket.recv(&mut answer)).map_err(timed_out)?;
    answer.truncate(length);
    Ok(answer)
}

/// A socket of this thread's namespace with a big buffer; an IPv6 one serves IPv4 too.
fn bound(domain: Domain, port: u16) -> Result<UdpSocket> {
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    let any: IpAddr = if domain == Domain::IPV6 {
        socket.set_only_v6(false)?;
        Ipv6Addr::UNSPECIFIED.into()
    } else {
        Ipv4Addr::UNSPECIFIED.into()
    };
    socket.set_reuse_address(true)?;
    setsockopt(&socket, RcvBufForce, &RECEIVE_BUFFER)?;
    socket.set_read_timeout(Some(TICK))?;
    socket
        .bind(&SocketAddr::new(any, port).into())
        .with_context(|| format!("listening on port {port}"))?;
    Ok(socket.into())
}

fn joined(interface: u32, group: SocketAddr) -> Result<UdpSocket> {
    match group.ip() {
        IpAddr::V4(ip) => {
            let socket = Socket::from(bound(Domain::IPV4, group.port())?);
            let interface = socket2::InterfaceIndexOrAddress::Index(interface);
            socket.join_multicast_v4_n(&ip, &interface)?;
            Ok(socket.into())
        }
        IpAddr::V6(ip) => {
            let socket = bound(Domain::IPV6, group.port())?;
            socket.join_multicast_v6(&ip, interface)?;
            Ok(socket)
        }
    }
}

fn unspecified(like: SocketAddr) -> IpAddr {
    match like {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}
