//! Ethernet frames that read like sentences.
//!
//! ```
//! use camfence_tests::{Frame, Mac, mac};
//!
//! const CAM: Mac = mac("b0:c5:54:25:5b:0e");
//! const GW: Mac = mac("02:00:00:00:00:01");
//!
//! let calling_home = Frame::from(CAM)
//!     .to(GW)
//!     .vlan(20)
//!     .ipv4("192.168.1.31", "203.0.113.7")
//!     .udp(5000, 10240)
//!     .payload(b"hello")
//!     .build();
//! assert_eq!(calling_home.len(), 14 + 4 + 20 + 8 + 5);
//! ```
//!
//! Lengths and checksums are right unless a test says otherwise. What a method says about a
//! layer holds wherever it stands in the sentence: the frame is put together by
//! [`Frame::build`], and a contradiction (TTL of a frame without IP) is a panic there or at
//! the method, since it is a mistake in the test.

mod arp;
mod dhcp;
mod dns;
mod icmp;
mod ip;
mod link;
mod membership;
mod service;
mod transport;
mod tunnel;

use std::net::IpAddr;

use etherparse::{EtherType, Ethernet2Header, VlanId};

pub use self::arp::Arp;
pub use self::dhcp::{Dhcp, Dhcpv6};
pub use self::dns::Dns;
pub use self::ip::{Extension, IpOption};
use self::ip::{Ipv4, Ipv6, Net};
pub use self::transport::Checksum;
use self::transport::Transport;
use crate::addr::{Literal, Mac};

/// A frame to be.
#[derive(Debug, Clone)]
#[must_use]
pub struct Frame {
    source: Mac,
    destination: Option<Mac>,
    /// Outermost first: EtherType and tag control information.
    tags: Vec<(EtherType, u16)>,
    /// What follows the addresses and tags of a frame that is not IP.
    kind: Option<Kind>,
    net: Option<Net>,
    transport: Transport,
    checksum: Checksum,
    payload: Vec<u8>,
    trailer: Vec<u8>,
    pad_to: usize,
    truncate: Option<usize>,
}

/// The two bytes after the addresses and tags.
#[derive(Debug, Clone, Copy)]
enum Kind {
    EtherType(EtherType),
    /// IEEE 802.3: the length of the payload.
    Length,
}

impl Frame {
    /// Where a frame goes that does not say where to: a station that nobody has registered.
    pub const SOMEBODY: Mac = Mac([0x02, 0xcf, 0xff, 0xff, 0xff, 0xfe]);

    /// Begins a frame from `source`.
    pub fn from(source: impl Literal<Mac>) -> Self {
        Self {
            source: source.value(),
            destination: None,
            tags: vec![],
            kind: None,
            net: None,
            transport: Transport::None,
            checksum: Checksum::Correct,
            payload: vec![],
            trailer: vec![],
            pad_to: 0,
            truncate: None,
        }
    }

    /// Sets the destination. Without it a frame to an IP group goes to the group's address,
    /// an ARP request to all stations, and any other to [`Frame::SOMEBODY`].
    pub fn to(mut self, destination: impl Literal<Mac>) -> Self {
        self.destination = Some(destination.value());
        self
    }

    /// Sets the destination to all stations.
    pub fn broadcast(self) -> Self {
        self.to(Mac::BROADCAST)
    }

    /// Adds an 802.1Q tag inside those added before.
    pub fn vlan(self, vid: u16) -> Self {
        self.tag(EtherType::VLAN_TAGGED_FRAME.0, vid)
    }

    /// Adds an 802.1ad service tag with an 802.1Q tag inside.
    pub fn qinq(self, outer: u16, inner: u16) -> Self {
        self.tag(EtherType::PROVIDER_BRIDGING.0, outer).vlan(inner)
    }

    /// Adds a tag of any EtherType inside those added before.
    ///
    /// # Panics
    /// When `vid` has more than 12 bits.
    pub fn tag(mut self, ethertype: u16, vid: u16) -> Self {
        let vid = VlanId::try_new(vid).expect("a VLAN id has 12 bits");
        self.tags.push((EtherType(ethertype), vid.value()));
        self
    }

    /// Adds an 802.1Q tag of no VLAN, which only says how urgent the frame is.
    ///
    /// # Panics
    /// When `priority` has more than three bits.
    pub fn priority_tag(mut self, priority: u8) -> Self {
        assert!(priority < 8, "a priority has three bits");
        self.tags.push((EtherType::VLAN_TAGGED_FRAME, u16::from(priority) << 13));
        self
    }

    /// Sets what the innermost header carries.
    pub fn payload(mut self, payload: impl AsRef<[u8]>) -> Self {
        self.payload = payload.as_ref().to_vec();
        self
    }

    /// The same, of a length whose content is of no interest.
    pub fn payload_of(self, length: usize) -> Self {
        self.payload(vec![b'.'; length])
    }

    /// Adds bytes behind the packet, which IP does not count.
    pub fn trailer(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.trailer = bytes.as_ref().to_vec();
        self
    }

    /// Adds zeros up to a length, as Ethernet does up to 60 bytes; IP does not count them.
    pub fn pad_to(mut self, length: usize) -> Self {
        self.pad_to = length;
        self
    }

    /// Cuts the finished frame, whatever its headers promise.
    pub fn truncate(mut self, length: usize) -> Self {
        self.truncate = Some(length);
        self
    }

    /// The bytes of the frame, without frame check sequence.
    ///
    /// # Panics
    /// When the sentence contradicts itself.
    pub fn build(&self) -> Vec<u8> {
        let packet = self.packet();
        let kind = match (self.kind, &self.net) {
            (Some(Kind::EtherType(kind)), _) => kind,
            (Some(Kind::Length), _) => EtherType(length(packet.len())),
            (None, Some(net)) => net.ethertype(),
            (None, None) => panic!("the frame has nothing in it: say ipv4, arp_request, …"),
        };
        let mut bytes = self.link_header(kind);
        bytes.extend(packet);
        bytes.extend(&self.trailer);
        bytes.resize(bytes.len().max(self.pad_to), 0);
        bytes.truncate(self.truncate.unwrap_or(usize::MAX));
        bytes
    }

    /// What the frame carries behind its addresses, tags and EtherType: an IP packet, for one.
    fn packet(&self) -> Vec<u8> {
        let Some(net) = &self.net else { return self.payload.clone() };
        let mut body = self.transport_header(net);
        body.extend(&self.payload);
        net.wrap(self.transport.number(), &body)
    }

    fn link_header(&self, kind: EtherType) -> Vec<u8> {
        let kinds = self.tags.iter().map(|(tpid, _)| *tpid).chain([kind]).collect::<Vec<_>>();
        let ethernet = Ethernet2Header {
            source: self.source.0,
            destination: self.effective_destination().0,
            ether_type: kinds[0],
        };
        let mut bytes = ethernet.to_bytes().to_vec();
        for ((_, control), inside) in self.tags.iter().zip(&kinds[1..]) {
            bytes.extend(control.to_be_bytes());
            bytes.extend(inside.0.to_be_bytes());
        }
        bytes
    }

    fn effective_destination(&self) -> Mac {
        let group = || match &self.net {
            Some(Net::V4(ip)) => Mac::of_group(IpAddr::V4(ip.destination)),
            Some(Net::V6(ip)) => Mac::of_group(IpAddr::V6(ip.destination)),
            None => None,
        };
        self.destination.or_else(group).unwrap_or(Self::SOMEBODY)
    }

    #[track_caller]
    fn ipv4_mut(&mut self) -> &mut Ipv4 {
        match &mut self.net {
            Some(Net::V4(ip)) => ip,
            _ => panic!("only an IPv4 frame has this: say ipv4 before"),
        }
    }

    #[track_caller]
    fn ipv6_mut(&mut self) -> &mut Ipv6 {
        match &mut self.net {
            Some(Net::V6(ip)) => ip,
            _ => panic!("only an IPv6 frame has this: say ipv6 before"),
        }
    }
}

/// A length for a field of two bytes.
#[track_caller]
fn length(bytes: usize) -> u16 {
    u16::try_from(bytes).expect("no frame is that long")
}

#[cfg(test)]
mod tests;
