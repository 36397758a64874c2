//! Groups that cameras talk to.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};

use crate::netns::Netns;

const fn v4(a: u8, b: u8, c: u8, d: u8, port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(a, b, c, d)), port)
}

/// A group of link-local scope.
const fn v6(group: u16, port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V6(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, group)), port)
}

/// Multicast DNS over IPv4 (RFC 6762).
pub const MDNS_V4: SocketAddr = v4(224, 0, 0, 251, 5353);
/// Multicast DNS over IPv6.
pub const MDNS_V6: SocketAddr = v6(0xfb, 5353);
/// Simple service discovery (UPnP) over IPv4.
pub const SSDP_V4: SocketAddr = v4(239, 255, 255, 250, 1900);
/// Simple service discovery over IPv6.
pub const SSDP_V6: SocketAddr = v6(0xc, 1900);

/// Sends one datagram to a group through an interface. [`super::UdpSink::join`] receives it.
pub fn multicast_send(
    netns: &Netns,
    interface: &str,
    group: SocketAddr,
    payload: &[u8],
) -> io::Result<()> {
    netns.run(|| {
        let domain = Domain::for_address(group);
        let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
        socket.bind_device(Some(interface.as_bytes()))?;
        socket.send_to(payload, &group.into())?;
        Ok(())
    })
}
