//! What frames carry: IPv4, IPv6, ARP and others.

use camfence_tests::{Extension, Frame, IpOption, Mac};
use proptest::{collection, prelude::*, sample::select};

use super::{
    ETHERTYPES,
    around::{self, Address, Surroundings},
    message::{Message, any_bytes, message},
    rarely,
};

/// Behind the addresses and tags.
#[derive(Debug, Clone)]
pub(super) enum Content {
    V4(Box<(Packet, V4)>),
    V6(Box<(Packet, Vec<Extension>)>),
    Arp { sender: Address, target: Address, own: bool, kind: [u8; 6], length: usize },
    Other(u16, Vec<u8>),
}

/// What IPv4 and IPv6 have in common.
#[derive(Debug, Clone)]
pub(super) struct Packet {
    from: Address,
    to: Address,
    message: Message,
    /// Offset in units of eight bytes, and whether more follow.
    fragment: Option<(u16, bool)>,
    version: Option<u8>,
    length: Option<u16>,
    padding: Option<usize>,
}

#[derive(Debug, Clone)]
pub(super) struct V4 {
    options: Vec<IpOption>,
    words: Option<u8>,
}

pub(super) fn content() -> BoxedStrategy<Content> {
    let kind = prop_oneof![select(&ETHERTYPES[..]), any::<u16>()];
    prop_oneof![
        12 => (packet(), v4()).prop_map(|parts| Content::V4(Box::new(parts))),
        10 => (packet(), extensions()).prop_map(|parts| Content::V6(Box::new(parts))),
        2 => arp(),
        1 => (kind, any_bytes()).prop_map(|(kind, payload)| Content::Other(kind, payload)),
    ]
    .boxed()
}

fn packet() -> BoxedStrategy<Packet> {
    let length = prop_oneof![0..128_u16, any::<u16>()];
    let lies = (rarely(0..16_u8), rarely(length), rarely(60..200_usize));
    (around::source(), around::address(), message(), fragment(), lies)
        .prop_map(|(from, to, message, fragment, (version, length, padding))| Packet {
            from,
            to,
            message,
            fragment,
            version,
            length,
            padding,
        })
        .boxed()
}

fn fragment() -> impl Strategy<Value = Option<(u16, bool)>> {
    let part = prop_oneof![
        3 => Just((0, true)),
        1 => Just((0, false)),
        3 => (1..8_000_u16, any::<bool>()),
    ];
    proptest::option::weighted(0.2, part)
}

fn arp() -> BoxedStrategy<Content> {
    let kind = prop_oneof![9 => Just([0, 1, 8, 0, 6, 4]), 1 => any::<[u8; 6]>()];
    let length = prop_oneof![6 => Just(28), 1 => 0..28_usize, 2 => 28..60_usize];
    (around::source(), around::source(), prop::bool::weighted(0.8), kind, length)
        .prop_map(|(sender, target, own, kind, length)| Content::Arp {
            sender,
            target,
            own,
            kind,
            length,
        })
        .boxed()
}

fn v4() -> BoxedStrategy<V4> {
    // At most four options of at most eight bytes: a header has room for forty.
    let options = prop_oneof![5 => Just(vec![]), 1 => collection::vec(ip_option(), 1..=4)];
    (options, rarely(0..16_u8)).prop_map(|(options, words)| V4 { options, words }).boxed()
}

fn ip_option() -> BoxedStrategy<IpOption> {
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
    .boxed()
}

fn extensions() -> BoxedStrategy<Vec<Extension>> {
    let some = prop_oneof![
        4 => Just(vec![]),
        2 => collection::vec(extension(), 1..=3),
        1 => collection::vec(extension(), 4..=9),
        1 => deep().prop_map(|extension| vec![extension]),
    ];
    (some, any::<bool>())
        .prop_map(|(mut extensions, first)| {
            // Hop-by-hop options elsewhere end the walk.
            if first && !extensions.is_empty() {
                extensions.insert(0, Extension::HopByHop);
            }
            extensions
        })
        .boxed()
}

/// One that ends about where nothing may start any more, or what comes behind it does.
fn deep() -> impl Strategy<Value = Extension> {
    (50..=58_u8)
        .prop_map(|units| Extension::Claiming(60, units, vec![0; 8 * usize::from(units) + 6]))
}

fn extension() -> BoxedStrategy<Extension> {
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
        3 => (prop_oneof![3 => Just(0), 1 => 1..8_000_u16], any::<bool>())
            .prop_map(|(units, more)| Fragment(units * 8, more)),
        2 => (number.clone(), units.clone(), 0..3_usize)
            .prop_map(|(number, claimed, units)| Claiming(number, claimed, vec![0; 8 * units + 6])),
        2 => (number, units).prop_map(|(number, units)| {
            Claiming(number, units, vec![0; 8 * usize::from(units) + 6])
        }),
    ]
    .boxed()
}

impl Content {
    pub(super) fn on(self, link: Frame, sender: Mac, around: &Surroundings) -> Frame {
        match self {
            Self::V4(parts) => {
                let (packet, V4 { options, words }) = *parts;
                let (from, to) = (&packet.from, &packet.to);
                let (from, to) = (around.v4(from, sender.into()), around.v4(to, sender.into()));
                let frame = options.iter().fold(link.ipv4(from, to), Frame::option);
                let frame = packet.complete(frame, sender, around);
                words.into_iter().fold(frame, Frame::claim_ihl)
            }
            Self::V6(parts) => {
                let (packet, extensions) = *parts;
                let (from, to) = (&packet.from, &packet.to);
                let (from, to) = (around.v6(from, sender.into()), around.v6(to, sender.into()));
                let frame = extensions.into_iter().fold(link.ipv6(from, to), Frame::extension);
                packet.complete(frame, sender, around)
            }
            Self::Arp { sender: address, target, own, kind, length } => {
                const REQUEST: [u8; 2] = [0, 1];
                let hardware = if own { sender } else { Mac([0x02, 0, 0, 0, 0, 1]) };
                let address = around.v4(&address, sender.into()).octets();
                let target = around.v4(&target, sender.into()).octets();
                let mut packet =
                    [&kind[..], &REQUEST, &hardware.0, &address, &[0; 6], &target].concat();
                packet.resize(length, 0);
                link.ethertype(0x0806).payload(packet)
            }
            Self::Other(kind, payload) => link.ethertype(kind).payload(payload),
        }
    }
}

impl Packet {
    fn complete(self, frame: Frame, sender: Mac, around: &Surroundings) -> Frame {
        let frame = self.fragment.into_iter().fold(frame, |frame, (units, more)| {
            if more { frame.middle_fragment(units * 8) } else { frame.last_fragment(units * 8) }
        });
        let frame = self.message.on(frame, sender, around);
        let frame = self.version.into_iter().fold(frame, Frame::claim_version);
        let frame = self.length.into_iter().fold(frame, Frame::claim_length);
        self.padding.into_iter().fold(frame, Frame::pad_to)
    }
}
