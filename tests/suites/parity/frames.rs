//! Random frames: whole sentences of the frame builder, some of them lies, then spoilt byte by
//! byte.

use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
};

use camfence_tests::{Extension, Frame, IpOption, Mac, addr::Literal};
use ipnet::IpNet;
use proptest::{
    collection,
    option::of,
    prelude::*,
    sample::{Index, select},
};

use crate::policies::Policy;

/// What the kernel runs without parting a frame into buffers.
const LENGTHS: std::ops::RangeInclusive<usize> = 14..=2_000;

const ETHERTYPES: [u16; 12] = [
    0x0800, 0x86dd, 0x0806, 0x888e, 0x88c7, 0x88cc, 0x8100, 0x88a8, 0x9100, 0x8864, 0x8847, 0x0026,
];
const PROTOCOLS: [u8; 14] = [0, 1, 4, 17, 41, 43, 44, 47, 50, 51, 59, 60, 137, 144];

/// Addresses that mean something under a policy.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    macs: Vec<Mac>,
    v4: Vec<Ipv4Addr>,
    v6: Vec<Ipv6Addr>,
}

impl Surroundings {
    /// The cameras, the edges of all local networks, and addresses that are judged without them.
    pub(crate) fn of(policy: &Policy) -> Self {
        let mut surroundings = Self {
            macs: policy.cameras.keys().map(|mac| Mac(mac.0)).collect(),
            v4: ["255.255.255.255", "169.254.1.2", "224.0.0.251", "224.0.1.1", "239.1.2.3"]
                .map(Literal::value)
                .into(),
            v6: ["fe80::1", "fec0::1", "ff02::fb", "ff08::1", "ff0e::1", "::1", "::"]
                .map(Literal::value)
                .into(),
        };
        policy.profiles.iter().flatten().for_each(|prefix| surroundings.add_edges(*prefix));
        surroundings
    }

    /// The first and last address of a network, and those before and behind.
    fn add_edges(&mut self, prefix: IpNet) {
        match prefix {
            IpNet::V4(net) => {
                let (first, last) = (net.network().to_bits(), net.broadcast().to_bits());
                let edges = [first, last, first.wrapping_sub(1), last.wrapping_add(1)];
                self.v4.extend(edges.map(Ipv4Addr::from_bits));
            }
            IpNet::V6(net) => {
                let (first, last) = (net.network().to_bits(), net.broadcast().to_bits());
                let edges = [first, last, first.wrapping_sub(1), last.wrapping_add(1)];
                self.v6.extend(edges.map(Ipv6Addr::from_bits));
            }
        }
    }

    fn mac(&self) -> BoxedStrategy<Mac> {
        let stranger = any::<[u8; 6]>().prop_map(Mac);
        prop_oneof![8 => select(self.macs.clone()), 1 => stranger].boxed()
    }

    fn v4(&self) -> BoxedStrategy<Ipv4Addr> {
        prop_oneof![4 => select(self.v4.clone()), 1 => any::<Ipv4Addr>()].boxed()
    }

    fn v6(&self) -> BoxedStrategy<Ipv6Addr> {
        prop_oneof![4 => select(self.v6.clone()), 1 => any::<Ipv6Addr>()].boxed()
    }
}

/// A frame's bytes, shown as other tools read them.
#[derive(Clone)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x} "))
    }
}

/// A frame between the stations of a policy.
pub(crate) fn frame(around: Surroundings) -> impl Strategy<Value = Bytes> {
    let tag =
        (prop_oneof![6 => select(vec![0x8100, 0x88a8]), 1 => select(&ETHERTYPES[..])], 0..4096_u16);
    let tags = prop_oneof![
        5 => Just(vec![]),
        4 => collection::vec(tag.clone(), 1..=2),
        1 => collection::vec(tag, 3..=4),
    ];
    let link = (around.mac(), around.mac(), tags).prop_map(|(from, to, tags)| {
        let frame = Frame::from(from).to(to);
        tags.into_iter().fold(frame, |frame, (ethertype, vid)| frame.tag(ethertype, vid))
    });
    let kind = prop_oneof![
        6 => Just(Kind::V4),
        6 => Just(Kind::V6),
        1 => prop_oneof![select(&ETHERTYPES[..]), any::<u16>()].prop_map(Kind::Other),
    ];
    let sentence = (link, kind).prop_flat_map(move |(link, kind)| packet(link, kind, &around));
    let damage = prop_oneof![
        3 => Just(vec![]),
        2 => collection::vec(damage(), 1..=4),
    ];
    (sentence, damage).prop_map(|(frame, damage)| {
        let mut bytes = frame.build();
        for damage in damage {
            damage.apply(&mut bytes);
        }
        let length = bytes.len().clamp(*LENGTHS.start(), *LENGTHS.end());
        bytes.resize(length, 0);
        Bytes(bytes)
    })
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    V4,
    V6,
    Other(u16),
}

fn packet(link: Frame, kind: Kind, around: &Surroundings) -> BoxedStrategy<Frame> {
    match kind {
        Kind::V4 => carrying(ipv4(link, around)),
        Kind::V6 => carrying(ipv6(link, around)),
        Kind::Other(ethertype) => collection::vec(any::<u8>(), 0..100)
            .prop_map(move |payload| link.clone().ethertype(ethertype).payload(payload))
            .boxed(),
    }
}

/// A packet whose version, length and padding may be wrong.
fn carrying(packet: impl Strategy<Value = Frame> + 'static) -> BoxedStrategy<Frame> {
    let payload = prop_oneof![9 => 0..64_usize, 1 => 64..1_800_usize];
    let version = rarely(0..16_u8);
    let length = rarely(prop_oneof![0..128_u16, any::<u16>()]);
    (packet, transport(), payload, version, length, rarely(60..200_usize))
        .prop_map(|(packet, transport, payload, version, length, padding)| {
            let mut frame = transport.on(packet).payload_of(payload);
            frame = version.into_iter().fold(frame, Frame::claim_version);
            frame = length.into_iter().fold(frame, Frame::claim_length);
            padding.into_iter().fold(frame, Frame::pad_to)
        })
        .boxed()
}

fn rarely<T: Strategy>(strategy: T) -> impl Strategy<Value = Option<T::Value>>
where
    T::Value: Clone,
{
    proptest::option::weighted(0.1, strategy)
}

#[derive(Debug, Clone, Copy)]
enum Transport {
    Udp,
    Tcp,
    Ping,
    Protocol(u8),
}

impl Transport {
    fn on(self, packet: Frame) -> Frame {
        match self {
            Self::Udp => packet.udp(5000, 10240),
            Self::Tcp => packet.tcp(5000, 443),
            Self::Ping => packet.ping(),
            Self::Protocol(number) => packet.protocol(number),
        }
    }
}

fn transport() -> impl Strategy<Value = Transport> {
    prop_oneof![
        3 => Just(Transport::Udp),
        3 => Just(Transport::Tcp),
        1 => Just(Transport::Ping),
        2 => select(&PROTOCOLS[..]).prop_map(Transport::Protocol),
        1 => any::<u8>().prop_map(Transport::Protocol),
    ]
}

fn ipv4(link: Frame, around: &Surroundings) -> impl Strategy<Value = Frame> + 'static {
    // At most four options of at most eight bytes: a header has room for forty.
    let options = prop_oneof![3 => Just(vec![]), 1 => collection::vec(ip_option(), 1..=4)];
    let fragment = rarely((prop_oneof![Just(0), 1..8_000_u16], any::<bool>()));
    (around.v4(), around.v4(), options, fragment, rarely(0..16_u8)).prop_map(
        move |(from, to, options, fragment, words)| {
            let frame = link.clone().ipv4(from, to);
            let frame = options.iter().fold(frame, Frame::option);
            let frame = fragment.into_iter().fold(frame, |frame, (units, more)| {
                if more { frame.middle_fragment(units * 8) } else { frame.last_fragment(units * 8) }
            });
            words.into_iter().fold(frame, Frame::claim_ihl)
        },
    )
}

fn ip_option() -> impl Strategy<Value = IpOption> {
    prop_oneof![
        3 => Just(IpOption::Nop),
        1 => Just(IpOption::End),
        3 => Just(IpOption::RouterAlert),
        2 => Just(IpOption::RecordRoute(1)),
        1 => Just(IpOption::loose_route("203.0.113.7")),
        1 => Just(IpOption::strict_route("203.0.113.7")),
        2 => (any::<u8>(), 0..12_u8).prop_map(|(kind, length)| IpOption::claiming(kind, length)),
        1 => collection::vec(any::<u8>(), 1..8).prop_map(IpOption::Raw),
    ]
}

fn ipv6(link: Frame, around: &Surroundings) -> impl Strategy<Value = Frame> + 'static {
    let extensions = prop_oneof![
        2 => Just(vec![]),
        2 => collection::vec(extension(), 1..=3),
        1 => collection::vec(extension(), 4..=9),
    ];
    (around.v6(), around.v6(), extensions, of(Just(Extension::HopByHop))).prop_map(
        move |(from, to, extensions, first)| {
            let frame = link.clone().ipv6(from, to);
            // Hop-by-hop options elsewhere end the walk.
            let first = first.filter(|_| !extensions.is_empty());
            first.into_iter().chain(extensions).fold(frame, Frame::extension)
        },
    )
}

fn extension() -> impl Strategy<Value = Extension> {
    use Extension::{
        Authentication, Claiming, DestinationOptions, Esp, Fragment, Hip, HopByHop, Mobility,
        NoNextHeader, Shim6,
    };
    let usual = vec![DestinationOptions, Authentication, Mobility, Hip, Shim6];
    let number = select(vec![0, 43, 44, 51, 60, 135, 139, 140]);
    let units = prop_oneof![0..4_u8, 40..70_u8];
    prop_oneof![
        12 => select(usual),
        1 => select(vec![HopByHop, NoNextHeader, Esp]),
        1 => any::<u8>().prop_map(|kind| Extension::routing(kind, "fd00::1")),
        2 => (prop_oneof![Just(0), 1..8_000_u16], any::<bool>())
            .prop_map(|(units, more)| Fragment(units * 8, more)),
        2 => (number.clone(), units.clone(), 0..3_usize)
            .prop_map(|(number, claimed, units)| Claiming(number, claimed, vec![0; 8 * units + 6])),
        2 => (number, units).prop_map(|(number, units)| {
            Claiming(number, units, vec![0; 8 * usize::from(units) + 6])
        }),
    ]
}

/// Something that happens to a frame's bytes.
#[derive(Debug, Clone)]
enum Damage {
    /// A byte is another.
    Set(Index, u8),
    /// A byte of the headers is another.
    SetHeader(usize, u8),
    /// A bit is flipped.
    Flip(Index, u8),
    /// The end is missing.
    Cut(Index),
    /// There is more behind the end.
    Append(usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        1 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::Set(at, byte)),
        3 => (12..80_usize, any::<u8>()).prop_map(|(at, byte)| Damage::SetHeader(at, byte)),
        2 => (any::<Index>(), 0..8_u8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        1 => any::<Index>().prop_map(Damage::Cut),
        1 => (1..100_usize).prop_map(Damage::Append),
    ]
}

impl Damage {
    fn apply(self, bytes: &mut Vec<u8>) {
        let length = bytes.len();
        match self {
            _ if bytes.is_empty() => {}
            Self::Set(at, byte) => bytes[at.index(length)] = byte,
            Self::SetHeader(at, byte) => bytes[at.min(length - 1)] = byte,
            Self::Flip(at, bit) => bytes[at.index(length)] ^= 1 << bit,
            Self::Cut(at) => bytes.truncate(at.index(length)),
            Self::Append(more) => bytes.resize(length + more, b'.'),
        }
    }
}
