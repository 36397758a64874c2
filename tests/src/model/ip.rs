//! Rule 5: IPv4 and IPv6, up to what they carry.

use std::net::IpAddr;

use camfence_common::reason::Reason::{self, Malformed};
use etherparse::{Ipv4HeaderSlice, Ipv6FragmentHeaderSlice, Ipv6Header, Ipv6HeaderSlice};

/// No header starts behind this offset in the frame.
pub(super) const LAST_START: usize = 511;
const MAX_EXTENSIONS: usize = 6;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;

const TUNNELS: [u8; 29] = [
    4, 41, 42, 47, 48, 50, 52, 53, 55, 57, 80, 93, 94, 97, 98, 99, 103, 108, 111, 115, 120, 131,
    133, 137, 141, 142, 143, 144, 145,
];

/// How much of a datagram is in a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// All of it; a fragment header that says so is none.
    Whole,
    /// The beginning, with its transport header.
    First,
    /// What comes later: nobody knows what it belongs to.
    Later,
}

/// An IP packet whose headers make sense.
#[derive(Debug)]
pub(super) struct Packet<'a> {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) protocol: u8,
    pub(super) part: Part,
    /// What is behind the IP headers, as far as these say it goes.
    pub(super) body: &'a [u8],
    /// Where the body starts in the frame.
    pub(super) at: usize,
    source_route: bool,
}

impl Packet<'_> {
    pub(super) fn is_v4(&self) -> bool {
        self.source.is_ipv4()
    }

    /// Source routes and then tunnels are dropped wherever they go.
    pub(super) fn leads_nowhere_else(&self) -> Result<(), Reason> {
        if self.source_route {
            Err(Reason::SourceRoute)
        } else if TUNNELS.contains(&self.protocol) {
            Err(Reason::Tunnel)
        } else {
            Ok(())
        }
    }
}

/// The IPv4 packet from an offset in a frame on.
pub(super) fn v4(frame: &[u8], start: usize) -> Result<Packet<'_>, Reason> {
    let rest = &frame[start..];
    // Version, header length and whether all of it is there.
    let header = Ipv4HeaderSlice::from_slice(rest).map_err(|_| Malformed)?;
    let length = usize::from(header.total_len());
    let header_length = header.slice().len();
    if length < header_length || length > rest.len() {
        return Err(Malformed);
    }
    let source_route = has_source_route(header.options())?;
    let part = part(header.fragments_offset().value(), header.more_fragments());
    let mut chain = Chain {
        packet: &frame[..start + length],
        at: start + header_length,
        next: header.protocol().0,
        part,
        passed: 0,
    };
    chain.walk(|next| next == AUTHENTICATION)?;
    let (source, destination) = (header.source_addr().into(), header.destination_addr().into());
    Ok(chain.packet(source, destination, source_route))
}

/// The IPv6 packet from an offset in a frame on.
pub(super) fn v6(frame: &[u8], start: usize) -> Result<Packet<'_>, Reason> {
    let rest = &frame[start..];
    let header = Ipv6HeaderSlice::from_slice(rest).map_err(|_| Malformed)?;
    let length = Ipv6Header::LEN + usize::from(header.payload_length());
    if length > rest.len() {
        return Err(Malformed);
    }
    let mut chain = Chain {
        packet: &frame[..start + length],
        at: start + Ipv6Header::LEN,
        next: header.next_header().0,
        part: Part::Whole,
        passed: 0,
    };
    chain.walk(|next| {
        matches!(next, HOP_BY_HOP | FRAGMENT | AUTHENTICATION | 60 | 135 | 139 | 140)
    })?;
    let source_route = chain.next == ROUTING;
    let (source, destination) = (header.source_addr().into(), header.destination_addr().into());
    Ok(chain.packet(source, destination, source_route))
}

fn part(offset: u16, more: bool) -> Part {
    match (offset, more) {
        (0, false) => Part::Whole,
        (0, true) => Part::First,
        _ => Part::Later,
    }
}

/// Whether there is a source route among IPv4 options. By hand: etherparse leaves them as they are.
fn has_source_route(mut options: &[u8]) -> Result<bool, Reason> {
    const END: u8 = 0;
    const NOP: u8 = 1;
    const LOOSE: u8 = 131;
    const STRICT: u8 = 137;
    loop {
        options = match options {
            [] | [END, ..] => return Ok(false),
            [LOOSE | STRICT, ..] => return Ok(true),
            [NOP, rest @ ..] => rest,
            [_, length, ..] if *length >= 2 => {
                options.get(usize::from(*length)..).ok_or(Malformed)?
            }
            _ => return Err(Malformed),
        }
    }
}

/// The headers between IP's own and the transport's. By hand: etherparse wants other bounds, knows
/// other headers and refuses an authentication header that the rules walk past.
struct Chain<'a> {
    /// The frame up to the packet's end.
    packet: &'a [u8],
    at: usize,
    next: u8,
    part: Part,
    passed: usize,
}

impl<'a> Chain<'a> {
    fn walk(&mut self, is_extension: impl Fn(u8) -> bool) -> Result<(), Reason> {
        self.check_place()?;
        while self.part != Part::Later && is_extension(self.next) {
            let misplaced = self.next == HOP_BY_HOP && self.passed > 0;
            if misplaced || self.passed == MAX_EXTENSIONS {
                return Err(Malformed);
            }
            self.pass()?;
            self.passed += 1;
            self.check_place()?;
        }
        Ok(())
    }

    fn check_place(&self) -> Result<(), Reason> {
        let fits = self.at <= self.packet.len() && self.at <= LAST_START;
        if fits { Ok(()) } else { Err(Malformed) }
    }

    /// Goes behind one header. None is shorter than eight bytes.
    fn pass(&mut self) -> Result<(), Reason> {
        let Some(header) = self.packet[self.at..].first_chunk::<8>() else {
            return Err(Malformed);
        };
        let units = usize::from(header[1]);
        self.at += match self.next {
            FRAGMENT => {
                let fragment =
                    Ipv6FragmentHeaderSlice::from_slice(header).map_err(|_| Malformed)?;
                let part = part(fragment.fragment_offset().value(), fragment.more_fragments());
                self.part = self.part.max(part);
                8
            }
            AUTHENTICATION => (units + 2) * 4,
            _ => (units + 1) * 8,
        };
        self.next = header[0];
        Ok(())
    }

    fn packet(&self, source: IpAddr, destination: IpAddr, source_route: bool) -> Packet<'a> {
        Packet {
            source,
            destination,
            protocol: self.next,
            part: self.part,
            body: &self.packet[self.at..],
            at: self.at,
            source_route,
        }
    }
}
