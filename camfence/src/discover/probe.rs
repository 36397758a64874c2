//! Asks who is there. Only what `--probe` sends is here, and all of it is for the link alone: it goes out
//! by the interface that cameras are on, to its groups and to addresses in its own networks.
//!
//! Answers to groups are not read here: the listener hears them.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher as _, RandomState},
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6},
    time::Duration,
};

use camfence_common::mac::Mac;
use ipnet::IpNet;
use simple_dns::{CLASS, Name, Packet, QCLASS, QTYPE, Question, TYPE};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream, UdpSocket},
    task::JoinSet,
    time::timeout,
};

use super::{
    fact::Fact,
    heard::{Source, is_link_local},
    sources::rtsp,
};

/// Addresses that are asked for RTSP, and of one source.
pub const MAX_ASKED: usize = 64;
/// See [`MAX_ASKED`].
const MAX_ASKED_OF_ONE: usize = 2;
/// Where RTSP servers are: the port of the protocol, and the one that many have instead.
const RTSP_PORTS: [u16; 2] = [554, 8554];
/// How long one of them may take to accept, and to answer.
const PATIENCE: Duration = Duration::from_secs(1);
/// How much of an answer is read.
const MAX_ANSWER_BYTES: usize = 1_024;

/// Group and port of WS-Discovery (OASIS WS-Discovery 1.1 §2.4) and of mDNS (RFC 6762 §3).
const WSD: (Ipv4Addr, Ipv6Addr, u16) =
    (Ipv4Addr::new(239, 255, 255, 250), Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xc), 3702);
const MDNS: (Ipv4Addr, Ipv6Addr, u16) =
    (Ipv4Addr::new(224, 0, 0, 251), Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb), 5353);

/// What is asked for by mDNS: all types there are, and those that cameras offer.
const SERVICES: [&str; 4] = [
    "_services._dns-sd._udp.local",
    "_rtsp._tcp.local",
    "_onvif._tcp.local",
    "_axis-video._tcp.local",
];

/// An interface that is asked on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Its index.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// The networks on its link.
    pub near: Vec<IpNet>,
}

/// Questions to groups, and the sockets that answers come to: while they are open nobody is told that
/// there is no such port.
#[derive(Debug, Default)]
pub struct Asked {
    sockets: Vec<UdpSocket>,
}

/// Asks the groups of an interface. What cannot be sent (there is no address, or the interface is down) is
/// left out, and told.
pub async fn ask_groups(interface: &Interface) -> (Asked, Vec<String>) {
    let mut asked = Asked::default();
    let mut notices = Vec::new();
    for any in [IpAddr::from(Ipv4Addr::UNSPECIFIED), Ipv6Addr::UNSPECIFIED.into()] {
        match ask(interface, any).await {
            Ok(socket) => asked.sockets.push(socket),
            Err(error) => {
                let family = if any.is_ipv4() { "IPv4" } else { "IPv6" };
                notices.push(format!("{}: nobody was asked by {family}: {error}", interface.name));
            }
        }
    }
    (asked, notices)
}

async fn ask(interface: &Interface, any: IpAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).await?;
    socket.bind_device(Some(interface.name.as_bytes()))?;
    let group = |(v4, v6, port): (Ipv4Addr, Ipv6Addr, u16)| match any {
        IpAddr::V4(_) => SocketAddr::new(v4.into(), port),
        IpAddr::V6(_) => SocketAddrV6::new(v6, port, 0, interface.index).into(),
    };
    socket.send_to(probe(&message_id()).as_bytes(), group(WSD)).await?;
    socket.send_to(&query().map_err(io::Error::other)?, group(MDNS)).await?;
    Ok(socket)
}

/// Asks for ONVIF's video transmitters (ONVIF Core Specification, "Probe and Probe Match").
fn probe(id: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
         <e:Envelope xmlns:e=\"http://www.w3.org/2003/05/soap-envelope\" \
         xmlns:w=\"http://schemas.xmlsoap.org/ws/2004/08/addressing\" \
         xmlns:d=\"http://schemas.xmlsoap.org/ws/2005/04/discovery\" \
         xmlns:dn=\"http://www.onvif.org/ver10/network/wsdl\">\
         <e:Header><w:MessageID>uuid:{id}</w:MessageID>\
         <w:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</w:To>\
         <w:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</w:Action></e:Header>\
         <e:Body><d:Probe><d:Types>dn:NetworkVideoTransmitter</d:Types></d:Probe></e:Body></e:Envelope>"
    )
}

/// A random UUID (RFC 9562 §5.4): devices answer a message once.
fn message_id() -> String {
    let random = || RandomState::new().hash_one(0);
    let [a, b] = [random(), random()];
    let version = a & 0xffff_ffff_ffff_0fff | 0x4000;
    let variant = b & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000;
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        version >> 32,
        version >> 16 & 0xffff,
        version & 0xffff,
        variant >> 48,
        variant & 0xffff_ffff_ffff
    )
}

/// A question whose answers come to the port that asks (RFC 6762 §6.7).
fn query() -> simple_dns::Result<Vec<u8>> {
    let mut packet = Packet::new_query(0);
    for service in SERVICES {
        let (kind, class) = (QTYPE::TYPE(TYPE::PTR), QCLASS::CLASS(CLASS::IN));
        packet.questions.push(Question::new(Name::new(service)?, kind, class, false));
    }
    packet.build_bytes_vec()
}

/// Somebody who is asked for RTSP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Who.
    pub mac: Mac,
    /// Where.
    pub address: IpAddr,
    /// The interface behind which that is.
    pub interface: Interface,
}

/// Who is to be asked on an interface: addresses in its own networks, and those that are the link's alone
/// where a source has no other.
pub fn targets<'a>(
    interface: &Interface,
    sources: impl Iterator<Item = (Mac, &'a Source)>,
) -> Vec<Target> {
    let of_source = |(mac, source): (Mac, &Source)| {
        let is_near = |address: &&IpAddr| interface.near.iter().any(|net| net.contains(*address));
        let mut found: Vec<IpAddr> = source.addresses.iter().filter(is_near).copied().collect();
        if found.is_empty() {
            let is_own = |address: &&IpAddr| address.is_ipv6() && is_link_local(**address);
            found.extend(source.addresses.iter().find(is_own));
        }
        found.truncate(MAX_ASKED_OF_ONE);
        let target = |address| Target { mac, address, interface: interface.clone() };
        found.into_iter().map(target).collect::<Vec<_>>()
    };
    sources.flat_map(of_source).collect()
}

/// Asks for RTSP, all at once; gives what was answered.
pub async fn ask_for_rtsp(targets: &[Target]) -> BTreeMap<Mac, Vec<Fact>> {
    let mut asking = JoinSet::new();
    for target in targets.iter().take(MAX_ASKED) {
        for port in RTSP_PORTS {
            let target = target.clone();
            asking.spawn(async move { (target.mac, options(&target, port).await) });
        }
    }
    let mut told: BTreeMap<Mac, Vec<Fact>> = BTreeMap::new();
    while let Some(answered) = asking.join_next().await {
        if let Ok((mac, Ok(facts))) = answered {
            told.entry(mac).or_default().extend(facts);
        }
    }
    told
}

async fn options(target: &Target, port: u16) -> io::Result<Vec<Fact>> {
    let mut stream = timeout(PATIENCE, connect(target, port)).await??;
    stream.write_all(rtsp::OPTIONS).await?;
    let mut answer = [0; MAX_ANSWER_BYTES];
    let length = timeout(PATIENCE, stream.read(&mut answer)).await??;
    let mut facts = Vec::new();
    rtsp::read(&answer[..length], &mut facts);
    Ok(facts)
}

async fn connect(target: &Target, port: u16) -> io::Result<TcpStream> {
    let (socket, to) = match target.address {
        IpAddr::V4(_) => (TcpSocket::new_v4()?, SocketAddr::new(target.address, port)),
        IpAddr::V6(address) => {
            let scope = if is_link_local(target.address) { target.interface.index } else { 0 };
            (TcpSocket::new_v6()?, SocketAddrV6::new(address, port, 0, scope).into())
        }
    };
    socket.bind_device(Some(target.interface.name.as_bytes()))?;
    socket.connect(to).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface() -> Interface {
        let near = vec!["192.168.1.0/24".parse().unwrap()];
        Interface { index: 3, name: "br-cam".into(), near }
    }

    fn source(addresses: &[&str]) -> Source {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        Source { addresses, ..Source::default() }
    }

    #[test]
    fn nobody_outside_is_asked() {
        let asked = |addresses: &[&str]| {
            let source = source(addresses);
            let targets = targets(&interface(), [(Mac([2; 6]), &source)].into_iter());
            targets.iter().map(|target| target.address.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(asked(&["203.0.113.7", "192.168.2.1", "2001:db8::1"]), [""; 0]);
        assert_eq!(asked(&["192.168.1.31", "fe80::1"]), ["192.168.1.31"]);
        assert_eq!(asked(&["203.0.113.7", "fe80::1"]), ["fe80::1"]);
        let many = ["192.168.1.1", "192.168.1.2", "192.168.1.3"];
        assert_eq!(asked(&many).len(), MAX_ASKED_OF_ONE);
    }

    #[test]
    fn message_ids_are_uuids() {
        let id = message_id();
        let lengths: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12], "{id}");
        assert_eq!(&id[14..15], "4", "{id}");
        assert!(["8", "9", "a", "b"].contains(&&id[19..20]), "{id}");
        assert_ne!(id, message_id());
    }

    #[test]
    fn questions_are_what_they_should_be() {
        let bytes = query().unwrap();
        let read = Packet::parse(&bytes).unwrap();
        let asked: Vec<String> =
            read.questions.iter().map(|asked| asked.qname.to_string()).collect();
        assert_eq!(asked, SERVICES);
        assert!(!read.has_flags(simple_dns::PacketFlag::RESPONSE));
    }
}
