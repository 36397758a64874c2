//! IPv4 and IPv6 headers, and the lies that one may tell in them.

use std::net::{Ipv4Addr, Ipv6Addr};

use etherparse::checksum::Sum16BitWords;
use etherparse::{
    EtherType, IpFragOffset, IpNumber, Ipv4Header, Ipv4Options, Ipv6FragmentHeader, Ipv6Header,
    Ipv6RawExtHeader,
};

use super::{Frame, length};
use crate::addr::Literal;

/// TTL and hop limit unless a test says otherwise. Neighbour discovery needs the highest.
const TTL: u8 = 64;
const ND_HOP_LIMIT: u8 = 255;

#[derive(Debug, Clone)]
pub(super) enum Net {
    V4(Ipv4),
    V6(Ipv6),
}

#[derive(Debug, Clone)]
pub(super) struct Ipv4 {
    pub(super) source: Ipv4Addr,
    pub(super) destination: Ipv4Addr,
    ttl: u8,
    options: Vec<u8>,
    dont_fragment: bool,
    more_fragments: bool,
    /// In bytes.
    fragment_offset: u16,
    checksum: Option<u16>,
    lies: Lies,
}

/// What a header claims against the truth.
#[derive(Debug, Clone, Copy, Default)]
struct Lies {
    version: Option<u8>,
    header_words: Option<u8>,
    length: Option<u16>,
}

#[derive(Debug, Clone)]
pub(super) struct Ipv6 {
    pub(super) source: Ipv6Addr,
    pub(super) destination: Ipv6Addr,
    pub(super) hop_limit: Option<u8>,
    pub(super) extensions: Vec<Extension>,
    lies: Lies,
}

/// An option of an IPv4 header (RFC 791).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IpOption {
    /// No operation.
    Nop,
    /// End of the list.
    End,
    /// Room for this many addresses of routers on the way.
    RecordRoute(u8),
    /// Loose source route through these routers.
    LooseRoute(Vec<Ipv4Addr>),
    /// Strict source route through these routers.
    StrictRoute(Vec<Ipv4Addr>),
    /// Routers shall look at the packet (RFC 2113).
    RouterAlert,
    /// Room for this many time stamps of routers on the way.
    Timestamp(u8),
    /// Any option, its length byte included: what a malformed one needs.
    Raw(Vec<u8>),
}

impl IpOption {
    /// A loose source route through one router.
    pub fn loose_route(router: impl Literal<Ipv4Addr>) -> Self {
        Self::LooseRoute(vec![router.value()])
    }

    /// A strict source route through one router.
    pub fn strict_route(router: impl Literal<Ipv4Addr>) -> Self {
        Self::StrictRoute(vec![router.value()])
    }

    /// An option of this kind that claims to be `length` bytes long but ends after two.
    pub fn claiming(kind: u8, length: u8) -> Self {
        Self::Raw(vec![kind, length])
    }

    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::End => vec![0],
            Self::Nop => vec![1],
            Self::RecordRoute(slots) => route(7, &vec![Ipv4Addr::UNSPECIFIED; (*slots).into()]),
            Self::LooseRoute(routers) => route(131, routers),
            Self::StrictRoute(routers) => route(137, routers),
            Self::RouterAlert => vec![148, 4, 0, 0],
            Self::Timestamp(slots) => {
                let total = 4 + 4 * slots;
                let mut bytes = vec![68, total, 5, 0];
                bytes.resize(total.into(), 0);
                bytes
            }
            Self::Raw(bytes) => bytes.clone(),
        }
    }
}

/// Kind, length, and a pointer to the first address, counted from one.
fn route(kind: u8, addresses: &[Ipv4Addr]) -> Vec<u8> {
    let total = u8::try_from(3 + 4 * addresses.len()).expect("options have 40 bytes");
    let mut bytes = vec![kind, total, 4];
    bytes.extend(addresses.iter().flat_map(Ipv4Addr::octets));
    bytes
}

/// An extension header of IPv6, or what ends their chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extension {
    /// Hop-by-hop options: padding.
    HopByHop,
    /// Hop-by-hop options: a router alert (RFC 2711), as MLD has.
    RouterAlert,
    /// Hop-by-hop options: the length of a packet beyond 65,535 bytes (RFC 2675).
    Jumbo(u32),
    /// Destination options: padding.
    DestinationOptions,
    /// Routing header of a type, with one segment left and that address.
    Routing(u8, Ipv6Addr),
    /// Fragment header: offset in bytes, and whether more follow.
    Fragment(u16, bool),
    /// Authentication header with a check value of 12 bytes.
    Authentication,
    /// Mobility header.
    Mobility,
    /// Host identity protocol.
    Hip,
    /// Shim6 protocol.
    Shim6,
    /// Encapsulating security payload: what follows reads as encrypted.
    Esp,
    /// No next header: what follows is to be ignored.
    NoNextHeader,
    /// A header of any number, with the length byte (in units of eight, less one) that it
    /// claims and what follows that byte.
    Claiming(u8, u8, Vec<u8>),
}

impl Extension {
    /// A routing header.
    pub fn routing(kind: u8, address: impl Literal<Ipv6Addr>) -> Self {
        Self::Routing(kind, address.value())
    }

    fn number(&self) -> IpNumber {
        match self {
            Self::HopByHop | Self::RouterAlert | Self::Jumbo(_) => IpNumber::IPV6_HEADER_HOP_BY_HOP,
            Self::DestinationOptions => IpNumber::IPV6_DESTINATION_OPTIONS,
            Self::Routing(..) => IpNumber::IPV6_ROUTE_HEADER,
            Self::Fragment(..) => IpNumber::IPV6_FRAGMENTATION_HEADER,
            Self::Authentication => IpNumber::AUTHENTICATION_HEADER,
            Self::Mobility => IpNumber::MOBILITY_HEADER,
            Self::Hip => IpNumber::HIP,
            Self::Shim6 => IpNumber::SHIM6,
            Self::Esp => IpNumber::ENCAPSULATING_SECURITY_PAYLOAD,
            Self::NoNextHeader => IpNumber::IPV6_NO_NEXT_HEADER,
            Self::Claiming(number, ..) => IpNumber(*number),
        }
    }

    pub(super) fn bytes(&self, next: IpNumber) -> Vec<u8> {
        /// A `PadN` option that fills a header of eight bytes.
        const PADDING: [u8; 6] = [1, 4, 0, 0, 0, 0];
        let usual = |body: &[u8]| {
            let header = Ipv6RawExtHeader::new_raw(next, body).expect("units of eight bytes");
            header.to_bytes().to_vec()
        };
        match self {
            Self::HopByHop | Self::DestinationOptions => usual(&PADDING),
            Self::RouterAlert => usual(&[5, 2, 0, 0, 1, 0]),
            Self::Jumbo(length) => usual(&[&[0xc2, 4], length.to_be_bytes().as_slice()].concat()),
            Self::Routing(kind, address) => {
                const ONE_LEFT: u8 = 1;
                usual(&[&[*kind, ONE_LEFT, 0, 0, 0, 0], address.octets().as_slice()].concat())
            }
            Self::Fragment(offset, more) => {
                Ipv6FragmentHeader::new(next, units(*offset), *more, 1).to_bytes().to_vec()
            }
            Self::Authentication => etherparse::IpAuthHeader::new(next, 1, 1, &[0; 12])
                .expect("12 bytes")
                .to_bytes()
                .to_vec(),
            Self::Mobility | Self::Hip | Self::Shim6 => usual(&[0; 6]),
            Self::Esp => [1_u32.to_be_bytes(), 1_u32.to_be_bytes()].concat(),
            Self::NoNextHeader => vec![],
            Self::Claiming(_, length, body) => [&[next.0, *length], body.as_slice()].concat(),
        }
    }
}

impl Frame {
    /// Makes it an IPv4 packet.
    pub fn ipv4(
        mut self,
        source: impl Literal<Ipv4Addr>,
        destination: impl Literal<Ipv4Addr>,
    ) -> Self {
        self.net = Some(Net::V4(Ipv4 {
            source: source.value(),
            destination: destination.value(),
            ttl: TTL,
            options: vec![],
            dont_fragment: false,
            more_fragments: false,
            fragment_offset: 0,
            checksum: None,
            lies: Lies::default(),
        }));
        self
    }

    /// Makes it an IPv6 packet.
    pub fn ipv6(
        mut self,
        source: impl Literal<Ipv6Addr>,
        destination: impl Literal<Ipv6Addr>,
    ) -> Self {
        self.net = Some(Net::V6(Ipv6 {
            source: source.value(),
            destination: destination.value(),
            hop_limit: None,
            extensions: vec![],
            lies: Lies::default(),
        }));
        self
    }

    /// Sets the TTL or hop limit.
    ///
    /// # Panics
    /// When the frame is not IP.
    #[track_caller]
    pub fn ttl(mut self, ttl: u8) -> Self {
        match &mut self.net {
            Some(Net::V4(ip)) => ip.ttl = ttl,
            Some(Net::V6(ip)) => ip.hop_limit = Some(ttl),
            None => panic!("only IP has a TTL"),
        }
        self
    }

    /// Adds an IPv4 option after those added before.
    #[track_caller]
    pub fn option(mut self, option: &IpOption) -> Self {
        self.ipv4_mut().options.extend(option.bytes());
        self
    }

    /// Adds an IPv6 extension header after those added before.
    #[track_caller]
    pub fn extension(mut self, extension: Extension) -> Self {
        self.ipv6_mut().extensions.push(extension);
        self
    }

    /// Forbids routers to fragment the IPv4 packet.
    #[track_caller]
    pub fn dont_fragment(mut self) -> Self {
        self.ipv4_mut().dont_fragment = true;
        self
    }

    /// Makes it the first fragment of a datagram: it has the transport header, and more follow.
    #[track_caller]
    pub fn first_fragment(self) -> Self {
        self.fragment(0, true)
    }

    /// Makes it a fragment in the middle, `offset` bytes in; it has no transport header.
    #[track_caller]
    pub fn middle_fragment(self, offset: u16) -> Self {
        self.fragment(offset, true)
    }

    /// Makes it the last fragment, `offset` bytes in; it has no transport header.
    #[track_caller]
    pub fn last_fragment(self, offset: u16) -> Self {
        self.fragment(offset, false)
    }

    /// The fragments that a router would make of the packet, with up to `size` bytes each.
    ///
    /// # Panics
    /// When the frame is not IP.
    #[track_caller]
    pub fn fragments(&self, size: u16) -> Vec<Self> {
        let net = self.net.as_ref().expect("only IP has fragments");
        let body = [self.transport_header(net), self.payload.clone()].concat();
        let number = self.transport.number().0;
        let pieces = body.chunks(size.into()).zip((0..).step_by(size.into()));
        let fragment = |(piece, offset): (&[u8], u16)| {
            let more = usize::from(offset) + piece.len() < body.len();
            self.clone().protocol(number).payload(piece).fragment(offset, more)
        };
        pieces.map(fragment).collect()
    }

    #[track_caller]
    fn fragment(mut self, offset: u16, more: bool) -> Self {
        match &mut self.net {
            Some(Net::V4(ip)) => (ip.fragment_offset, ip.more_fragments) = (offset, more),
            Some(Net::V6(ip)) => ip.extensions.push(Extension::Fragment(offset, more)),
            None => panic!("only IP has fragments"),
        }
        self
    }

    /// Claims another IP version, whatever the EtherType says.
    #[track_caller]
    pub fn claim_version(mut self, version: u8) -> Self {
        self.lies_mut().version = Some(version);
        self
    }

    /// Claims another length of the IPv4 header, in words of four bytes.
    #[track_caller]
    pub fn claim_ihl(mut self, words: u8) -> Self {
        self.ipv4_mut().lies.header_words = Some(words);
        self
    }

    /// Claims another total length (IPv4) or payload length (IPv6).
    #[track_caller]
    pub fn claim_length(mut self, bytes: u16) -> Self {
        self.lies_mut().length = Some(bytes);
        self
    }

    /// Sets the IPv4 header checksum.
    #[track_caller]
    pub fn claim_ip_checksum(mut self, checksum: u16) -> Self {
        self.ipv4_mut().checksum = Some(checksum);
        self
    }

    /// Sets the hop limit that neighbour discovery asks for, unless one was set.
    pub(super) fn for_discovery(mut self) -> Self {
        self.ipv6_mut().hop_limit.get_or_insert(ND_HOP_LIMIT);
        self
    }

    pub(super) fn is_ip(&self) -> bool {
        self.net.is_some()
    }

    pub(super) fn carries_ipv6(&self) -> bool {
        matches!(self.net, Some(Net::V6(_)))
    }

    #[track_caller]
    fn lies_mut(&mut self) -> &mut Lies {
        match &mut self.net {
            Some(Net::V4(ip)) => &mut ip.lies,
            Some(Net::V6(ip)) => &mut ip.lies,
            None => panic!("only IP has this: say ipv4 or ipv6 before"),
        }
    }
}

impl Net {
    pub(super) fn ethertype(&self) -> EtherType {
        match self {
            Self::V4(_) => EtherType::IPV4,
            Self::V6(_) => EtherType::IPV6,
        }
    }

    /// Whether a transport header belongs in it: not in a later fragment.
    pub(super) fn begins_datagram(&self) -> bool {
        match self {
            Self::V4(ip) => ip.fragment_offset == 0,
            Self::V6(ip) => !ip.extensions.iter().any(|e| matches!(e, Extension::Fragment(1.., _))),
        }
    }

    /// The packet of this header and what it carries.
    pub(super) fn wrap(&self, protocol: IpNumber, body: &[u8]) -> Vec<u8> {
        match self {
            Self::V4(ip) => ip.wrap(protocol, body),
            Self::V6(ip) => ip.wrap(protocol, body),
        }
    }
}

impl Ipv4 {
    fn wrap(&self, protocol: IpNumber, body: &[u8]) -> Vec<u8> {
        let options = self.padded_options();
        let header = Ipv4Header {
            total_len: self.lies.length.unwrap_or(length(20 + options.len() + body.len())),
            identification: 1,
            dont_fragment: self.dont_fragment,
            more_fragments: self.more_fragments,
            fragment_offset: units(self.fragment_offset),
            time_to_live: self.ttl,
            protocol,
            source: self.source.octets(),
            destination: self.destination.octets(),
            options,
            ..Ipv4Header::default()
        };
        let mut packet = header.to_bytes().to_vec();
        packet.extend(body);
        self.lies.tell(&mut packet);
        self.set_checksum(&mut packet);
        packet
    }

    fn padded_options(&self) -> Ipv4Options {
        let mut options = self.options.clone();
        options.resize(options.len().next_multiple_of(4), 0);
        options.as_slice().try_into().expect("IPv4 options have up to 40 bytes")
    }

    /// Over as many bytes as the header claims to have, since that is what receivers check.
    fn set_checksum(&self, packet: &mut [u8]) {
        const AT: std::ops::Range<usize> = 10..12;
        packet[AT].fill(0);
        let claimed = usize::from(packet[0] & 0xf) * 4;
        let sum = Sum16BitWords::new().add_slice(&packet[..claimed.min(packet.len())]);
        let right = sum.ones_complement().to_be();
        packet[AT].copy_from_slice(&self.checksum.unwrap_or(right).to_be_bytes());
    }
}

impl Ipv6 {
    fn wrap(&self, protocol: IpNumber, body: &[u8]) -> Vec<u8> {
        let mut chain = Vec::new();
        for (i, extension) in self.extensions.iter().enumerate() {
            let next = self.extensions.get(i + 1).map_or(protocol, Extension::number);
            chain.extend(extension.bytes(next));
        }
        let header = Ipv6Header {
            payload_length: self.lies.length.unwrap_or(length(chain.len() + body.len())),
            next_header: self.extensions.first().map_or(protocol, Extension::number),
            hop_limit: self.hop_limit.unwrap_or(TTL),
            source: self.source.octets(),
            destination: self.destination.octets(),
            ..Ipv6Header::default()
        };
        let mut packet = header.to_bytes().to_vec();
        packet.extend(chain);
        packet.extend(body);
        self.lies.tell(&mut packet);
        packet
    }
}

impl Lies {
    /// Version and IPv4 header length share the first byte.
    fn tell(self, packet: &mut [u8]) {
        let (version, words) = (packet[0] >> 4, packet[0] & 0xf);
        packet[0] = self.version.unwrap_or(version) << 4 | self.header_words.unwrap_or(words) & 0xf;
    }
}

/// An offset in bytes as the field counts it.
#[track_caller]
fn units(offset: u16) -> IpFragOffset {
    assert!(offset.is_multiple_of(8), "fragments begin at multiples of eight bytes");
    IpFragOffset::try_new(offset / 8).expect("an offset of 16 bits fits")
}
