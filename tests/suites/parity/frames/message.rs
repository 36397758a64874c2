//! What IP packets carry.

use std::ops::Range;

use camfence_tests::{Frame, Mac};
use proptest::{collection, prelude::*, sample::select};

use super::{
    around::{Address, Surroundings, address},
    dns, rarely,
};
use crate::policies::PORTS;

const PROTOCOLS: [u8; 26] = [
    0, 1, 2, 2, 2, 4, 6, 17, 41, 42, 43, 44, 46, 47, 48, 50, 51, 53, 57, 58, 59, 60, 132, 135, 137,
    144,
];

/// Behind the IP headers.
#[derive(Debug, Clone)]
pub(super) enum Message {
    Udp {
        ports: (u16, u16),
        payload: Payload,
        length: Option<u16>,
    },
    Tcp {
        ports: (u16, u16),
        payload: usize,
    },
    Icmp {
        kind: u8,
        payload: usize,
    },
    /// A neighbour's address, cut after so many bytes.
    Neighbor {
        kind: u8,
        target: Address,
        cut: usize,
    },
    /// No header, and so many bytes.
    Bare {
        protocol: u8,
        payload: usize,
    },
}

#[derive(Debug, Clone)]
pub(super) enum Payload {
    Of(usize),
    Text(&'static str),
    Dns(dns::Draft),
    /// About the sender or another, with a length of its address, cut after so many bytes.
    Dhcp {
        own: bool,
        length: u8,
        cut: usize,
    },
}

pub(super) fn message() -> BoxedStrategy<Message> {
    let kind = prop_oneof![
        4 => select(vec![5, 9, 134, 135, 136, 137, 128, 8]),
        1 => any::<u8>(),
    ];
    let protocol = prop_oneof![3 => select(&PROTOCOLS[..]), 1 => any::<u8>()];
    prop_oneof![
        5 => (ports(), lengths(), dns::length()).prop_map(|(ports, payload, length)| {
            Message::Udp { ports, payload: Payload::Of(payload), length }
        }),
        4 => named_service(),
        3 => (ports(), lengths()).prop_map(|(ports, payload)| Message::Tcp { ports, payload }),
        1 => (kind, 0..24_usize).prop_map(|(kind, payload)| Message::Icmp { kind, payload }),
        1 => neighbor(),
        2 => (protocol, 0..40_usize).prop_map(|(protocol, payload)| {
            Message::Bare { protocol, payload }
        }),
    ]
    .boxed()
}

fn lengths() -> impl Strategy<Value = usize> {
    prop_oneof![9 => 0..64_usize, 1 => 64..1_400_usize]
}

fn port() -> impl Strategy<Value = u16> {
    prop_oneof![6 => select(&PORTS[..]), 1 => any::<u16>()]
}

fn ports() -> impl Strategy<Value = (u16, u16)> {
    (port(), port())
}

/// DNS, DHCP and SSDP over UDP.
fn named_service() -> BoxedStrategy<Message> {
    let ssdp = select(vec!["NOTIFY * HTTP/1.1", "NOTIFY", "NOTIF", "notify *", "M-SEARCH *", ""]);
    let hardware = prop_oneof![8 => Just(6), 1 => any::<u8>()];
    let dhcp = (prop::bool::weighted(0.8), hardware, now_and_then_cut(20..60, 300))
        .prop_map(|(own, length, cut)| Payload::Dhcp { own, length, cut });
    let service = prop_oneof![
        4 => dns::draft().prop_map(|draft| (53, Payload::Dns(draft))),
        2 => dhcp.prop_map(|dhcp| (67, dhcp)),
        1 => ssdp.prop_map(|text| (1900, Payload::Text(text))),
    ];
    (port(), service, rarely(port()), dns::length())
        .prop_map(|(from, (to, payload), instead, length)| {
            // The ports of an honest client, unless chance has it otherwise.
            let from = if to == 67 && from != 67 { 68 } else { from };
            Message::Udp { ports: (from, instead.unwrap_or(to)), payload, length }
        })
        .boxed()
}

fn neighbor() -> BoxedStrategy<Message> {
    let target = super::around::source();
    let target = prop_oneof![2 => target, 1 => address()];
    (select(vec![135, 136, 136]), target, now_and_then_cut(8..20, 24))
        .prop_map(|(kind, target, cut)| Message::Neighbor { kind, target, cut })
        .boxed()
}

fn now_and_then_cut(at: Range<usize>, whole: usize) -> impl Strategy<Value = usize> {
    prop_oneof![6 => Just(whole), 1 => at]
}

impl Message {
    pub(super) fn on(&self, packet: Frame, sender: Mac, around: &Surroundings) -> Frame {
        match self {
            Self::Udp { ports: (from, to), payload, length } => {
                let frame = packet.udp(*from, *to).payload(payload.bytes(sender, around));
                length.iter().copied().fold(frame, Frame::claim_udp_length)
            }
            Self::Tcp { ports: (from, to), payload } => packet.tcp(*from, *to).payload_of(*payload),
            Self::Icmp { kind, payload } => packet.icmp(*kind, 0).payload_of(*payload),
            Self::Neighbor { kind, target, cut } => {
                let mut body = around.v6(target, sender.into()).octets().to_vec();
                body.resize((*cut).min(24), 0);
                packet.icmp(*kind, 0).payload(body)
            }
            Self::Bare { protocol, payload } => packet.protocol(*protocol).payload_of(*payload),
        }
    }
}

impl Payload {
    fn bytes(&self, sender: Mac, around: &Surroundings) -> Vec<u8> {
        match self {
            Self::Of(length) => vec![b'.'; *length],
            Self::Text(text) => text.as_bytes().to_vec(),
            Self::Dns(draft) => draft.bytes(around),
            Self::Dhcp { own, length, cut } => {
                let client = if *own { sender } else { Mac([0x02, 0, 0, 0, 0, 1]) };
                let mut bytes = dhcp(client, *length);
                bytes.truncate(*cut);
                bytes
            }
        }
    }
}

/// A DHCP discover of a client whose address claims to be so long.
pub(crate) fn dhcp(client: Mac, length: u8) -> Vec<u8> {
    const REQUEST: u8 = 1;
    const ETHERNET: u8 = 1;
    const COOKIE: [u8; 4] = [99, 130, 83, 99];
    const DISCOVER: [u8; 4] = [53, 1, 1, 255];
    let mut bytes = vec![REQUEST, ETHERNET, length, 0];
    bytes.resize(28, 0);
    bytes.extend(client.0);
    bytes.resize(236, 0);
    [bytes, COOKIE.into(), DISCOVER.into()].concat()
}

/// Payloads of frames that are not IP.
pub(super) fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    collection::vec(any::<u8>(), 0..60)
}
