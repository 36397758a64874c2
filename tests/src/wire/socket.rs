//! Packet sockets of this thread's namespace, and their options.

use std::os::fd::OwnedFd;

use anyhow::{Context as _, Result};
use nix::ifaddrs::getifaddrs;
use nix::libc;
use nix::sys::socket::sockopt::{RcvBufForce, SndBufForce};
use nix::sys::socket::{
    AddressFamily, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, bind, getsockopt, recv,
    setsockopt, socket,
};
use nix::{getsockopt_impl, setsockopt_impl, sockopt_impl};
use std::os::fd::AsRawFd as _;

/// Room for a few hundred thousand small frames.
const RECEIVE_BUFFER: usize = 256 << 20;
const SEND_BUFFER: usize = 8 << 20;

sockopt_impl!(
    /// Whether metadata (VLAN tags among it) comes with each frame.
    AuxData, SetOnly, libc::SOL_PACKET, libc::PACKET_AUXDATA, bool
);
sockopt_impl!(
    /// Whether frames that leave through the interface are not captured.
    IgnoreOutgoing, SetOnly, libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, bool
);
sockopt_impl!(
    /// Whether each frame has a `virtio_net_hdr` before it.
    VnetHeader, SetOnly, libc::SOL_PACKET, libc::PACKET_VNET_HDR, bool
);
sockopt_impl!(
    /// Frames seen and lost; reading it starts anew.
    Statistics, GetOnly, libc::SOL_PACKET, libc::PACKET_STATISTICS, libc::tpacket_stats
);

/// A socket that receives what arrives at the interface.
pub(super) fn receiver(interface: &str) -> Result<OwnedFd> {
    let fd = open(SockProtocol::EthAll)?;
    setsockopt(&fd, RcvBufForce, &RECEIVE_BUFFER)?;
    setsockopt(&fd, AuxData, &true)?;
    setsockopt(&fd, IgnoreOutgoing, &true).context("this needs Linux 4.20")?;
    bind(fd.as_raw_fd(), &link(interface)?)?;
    // Until it was bound it received from all interfaces.
    while recv(fd.as_raw_fd(), &mut [], MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_TRUNC).is_ok() {}
    lost(&fd)?;
    Ok(fd)
}

/// A socket that only sends.
pub(super) fn sender(interface: &str) -> Result<OwnedFd> {
    let fd = open(None)?;
    setsockopt(&fd, SndBufForce, &SEND_BUFFER)?;
    bind(fd.as_raw_fd(), &link(interface)?)?;
    Ok(fd)
}

/// A socket that only sends, and takes a `virtio_net_hdr` before each frame.
pub(super) fn offloader(interface: &str) -> Result<OwnedFd> {
    let fd = sender(interface)?;
    setsockopt(&fd, VnetHeader, &true)?;
    Ok(fd)
}

/// How many frames found no room since this was last asked.
pub(super) fn lost(fd: &OwnedFd) -> Result<u32> {
    Ok(getsockopt(fd, Statistics)?.tp_drops)
}

/// The VLAN tag, type and control information, that a `tpacket_auxdata` of `linux/if_packet.h`
/// holds.
pub(super) fn vlan_tag(auxdata: &[u8]) -> Option<[u8; 4]> {
    let u16_at = |at: usize| Some(u16::from_ne_bytes(auxdata.get(at..at + 2)?.try_into().ok()?));
    let status = u32::from_ne_bytes(auxdata.get(..4)?.try_into().ok()?);
    if status & libc::TP_STATUS_VLAN_VALID == 0 {
        return None;
    }
    let tpid = match status & libc::TP_STATUS_VLAN_TPID_VALID {
        0 => etherparse::EtherType::VLAN_TAGGED_FRAME.0,
        _ => u16_at(18)?,
    };
    let ([a, b], [c, d]) = (tpid.to_be_bytes(), u16_at(16)?.to_be_bytes());
    Some([a, b, c, d])
}

fn open(protocol: impl Into<Option<SockProtocol>>) -> Result<OwnedFd> {
    socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)
        .context("a packet socket needs root")
}

/// The interface's address for `bind`. Its protocol is zero, which keeps the socket's own.
fn link(interface: &str) -> Result<LinkAddr> {
    getifaddrs()?
        .filter(|found| found.interface_name == interface)
        .find_map(|found| found.address?.as_link_addr().copied())
        .with_context(|| format!("no interface {interface}"))
}
