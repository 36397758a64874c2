//! The verdict: what happens to a frame, and why.
//!
//! [`find`] tells a camera's frame from a bystander's, [`judge`] says what happens to it, and that
//! is all there is. Both are the same for XDP, TC and the host; a hook brings the bytes
//! ([`Packet`]) and the tables ([`Tables`]), and turns the reason into its own action.
//!
//! `decide` applies the rules in their order. Those about where a packet goes are here; the guards are
//! in `verdict/guard.rs`, and those about whom it says it is from in `verdict/source.rs`.

mod guard;
mod outline;
mod source;

use self::outline::Outline;
use crate::{
    abi::{Camera, Profile},
    flow,
    packet::{Bytes, Packet},
    reason::{Direction, Effect, Reason},
    tables::{Allowances, Allowed, Carried, Tables, Treatment},
    verifier::{Unknown, forget, low8, settle},
    wire::{
        Malformed, Parsed,
        ethernet::{self, EtherType, Ethernet},
        extension::{Family, Protocol, Transport},
        ipv4, ipv6,
        length::Payload,
        plain::{self, Plain},
        transport::{self, Numbers},
    },
};

/// What was found about a camera's frame: the reason and an outline, most of it in one number. What
/// comes after is one path to the verifier, whatever was found; and there is no `Option` of which LLVM
/// would reload what a `None` leaves undefined, where 5.10 refuses to read a stack slot never written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict(Outline);

impl Verdict {
    #[inline(always)]
    fn new(reason: Reason, outline: Outline, unknown: Unknown) -> Self {
        let word = forget(outline.word | reason.index() << Outline::REASON, unknown);
        Self(Outline { word, ..outline })
    }

    /// Why it passes or is dropped.
    #[inline(always)]
    pub fn reason(self) -> Reason {
        let index = usize::from(self.reason_index());
        Reason::ALL.get(index).copied().unwrap_or(Reason::Malformed)
    }

    /// The index of the reason.
    #[inline(always)]
    pub const fn reason_index(self) -> u8 {
        low8(self.0.word >> Outline::REASON & Outline::REASON_MASK)
    }

    /// Whether it passes or is dropped: [`Reason::effect`].
    #[inline(always)]
    pub const fn effect(self) -> Effect {
        if Reason::DROPPED >> self.reason_index() & 1 == 0 { Effect::Pass } else { Effect::Drop }
    }

    /// What it carries; [`Payload::UNREAD`] if it was not read that far.
    #[inline(always)]
    pub const fn payload(self) -> Payload {
        self.0.payload()
    }

    /// Whom it is to or from.
    #[inline(always)]
    pub(crate) const fn outline(self) -> Outline {
        self.0
    }
}
const _: () = assert!(Reason::COUNT <= Outline::REASON_MASK + 1);

/// Finds the camera whose frame this is, or what stands for the unknown sources of the port
/// (`port` gives its interface index). `None` for a bystander's frame, which passes whatever it
/// holds and costs this one look-up.
#[inline(always)]
pub fn find<'t, B, T>(
    direction: Direction,
    bytes: &B,
    tables: &'t T,
    port: impl FnOnce() -> u32,
) -> Option<&'t Camera>
where
    B: Bytes + ?Sized,
    T: Tables,
{
    let mac = ethernet::camera_mac(bytes, direction)?;
    let camera = tables.camera(mac, port)?;
    // Seals are for what devices send; and groups have members that are no strangers.
    let spared = direction == Direction::Inbound
        && camera.is(Camera::STRANGERS)
        && (camera.is(Camera::SEALED) || mac.is_multicast());
    (!spared).then_some(camera)
}

/// Judges a camera's frame. What is not understood is dropped.
#[inline(always)]
pub fn judge<P, T>(direction: Direction, packet: &P, tables: &T, camera: &Camera) -> Verdict
where
    P: Packet + ?Sized,
    T: Tables,
{
    let (case, unknown) = (Case { direction, packet, tables, camera }, camera.unknown());
    if camera.is(Camera::SEALED) {
        return Verdict::new(Reason::Sealed, Outline::UNREAD, unknown);
    }
    // Settled before the frame is read, which goes the same way then.
    let opened = case.is_opened();
    let (reason, outline) = case.judge();
    Verdict::new(if opened { Reason::Opened } else { reason }, outline, unknown)
}

/// What is known of a frame before the rules are applied: the reason, and as much as was read.
struct Early(Reason, Outline);

impl Early {
    /// Of a frame that was not read as far as its peer's address.
    const fn unread(reason: Reason) -> Self {
        Self(reason, Outline::UNREAD)
    }
}

impl From<Malformed> for Early {
    #[inline(always)]
    fn from(Malformed: Malformed) -> Self {
        Self::unread(Reason::Malformed)
    }
}

/// How far a frame was read with its link's header.
enum Link {
    Plain(Plain),
    Other(Ethernet),
}

/// A camera's frame, and what it is judged by.
struct Case<'a, P: ?Sized, T> {
    direction: Direction,
    packet: &'a P,
    tables: &'a T,
    camera: &'a Camera,
}

/// What is known of a packet when the rules are applied.
///
/// Addresses are looked up before the headers behind the first are walked: the verifier then
/// goes through the lists of networks once, not once for each way through the headers.
struct Facts<'a> {
    profile: &'a Profile,
    marks: Marks,
    /// The peer's address, as a [`FlowKey`](crate::flow::FlowKey) has it.
    peer: [u64; 2],
    /// The allowances for its peer's address. Not asked if on link.
    allowances: Allowances,
    transport: Transport,
}

impl Facts<'_> {
    /// The same as other numbers, of which the verifier knows nothing: what they are compared with is
    /// forgotten with them.
    #[inline(always)]
    fn settle(&self, unknown: Unknown) -> Self {
        let (marks, transport) = (self.marks.settle(unknown), self.transport.settle(unknown));
        Self { marks, transport, ..*self }
    }
}

/// What the IP header told.
#[derive(Clone, Copy)]
struct Marks(usize);

impl Marks {
    /// The peer's address never leaves the link or the site.
    const ON_LINK: usize = 1;
    /// The peer's address is in the profile's local networks. Not asked if on link.
    const LOCAL: usize = 2;
    /// It takes its way through an address of its sender's choice.
    const SOURCE_ROUTE: usize = 4;
    /// It is said to be from another than the camera.
    const FOREIGN: usize = 8;
    /// It is from a camera without an address.
    const UNSPECIFIED: usize = 16;
    /// It is IPv6.
    const IPV6: usize = 32;

    const fn has(self, mark: usize) -> bool {
        self.0 & mark != 0
    }

    /// The same as a number of its own; see [`Facts::settle`].
    #[inline(always)]
    fn settle(self, unknown: Unknown) -> Self {
        Self(forget(self.0, unknown))
    }

    const fn family(self) -> Family {
        if self.has(Self::IPV6) { Family::Ipv6 } else { Family::Ipv4 }
    }

    #[inline(always)]
    const fn mark(mark: usize, is_so: bool) -> usize {
        if is_so { mark } else { 0 }
    }
}

impl<P: Packet + ?Sized, T: Tables> Case<'_, P, T> {
    #[inline(always)]
    fn judge(&self) -> (Reason, Outline) {
        match self.read() {
            Ok((facts, numbers)) => {
                let reason = self.decide(&facts, numbers).unwrap_or(Reason::Malformed);
                (reason, self.outline(&facts, numbers))
            }
            Err(Early(reason, outline)) => (reason, outline),
        }
    }

    /// Reads a frame's headers, and tells whom it is to or from.
    #[inline(always)]
    fn read(&self) -> Result<(Facts<'_>, Numbers), Early> {
        let unknown = self.camera.unknown();
        let frame = match self.link()? {
            Link::Plain(plain) => {
                return Ok((self.read_plain(&plain, self.profile()?), plain.numbers));
            }
            Link::Other(frame) => frame,
        };
        let facts = match frame.ethertype {
            EtherType::IPV4 => self.read_ipv4(frame.payload, self.profile()?)?,
            EtherType::IPV6 => self.read_ipv6(frame.payload, self.profile()?)?,
            EtherType::ARP => return Err(Early::unread(self.judge_arp(frame.payload)?)),
            EtherType::EAPOL | EtherType::LLDP | EtherType::PREAUTH => {
                return Err(Early::unread(Reason::Link));
            }
            _ => return Err(Early::unread(Reason::EtherType)),
        };
        let family = facts.marks.family();
        let numbers = transport::parse(self.packet, family, &facts.transport, unknown);
        if let Some(reason) = Self::refused(&facts, numbers) {
            return Err(Early(reason, self.outline(&facts, numbers)));
        }
        // Numbers of their own for the rules, which are compared with much.
        Ok((facts.settle(unknown), numbers))
    }

    /// Reads the link's header, and with it all of a frame that is plain.
    #[inline(always)]
    fn link(&self) -> Parsed<Link> {
        let unknown = self.camera.unknown();
        let plain = |ethertype| plain::parse(self.packet, ethertype, unknown);
        if let Some(plain) = plain(plain::UNTAGGED) {
            return Ok(Link::Plain(plain));
        }
        let frame = ethernet::parse(self.packet, unknown)?;
        if frame.ethertype == EtherType::IPV4
            && let Some(plain) = plain(frame.ethertype_at())
        {
            return Ok(Link::Plain(plain));
        }
        Ok(Link::Other(frame))
    }

    #[inline(always)]
    fn profile(&self) -> Result<&Profile, Early> {
        self.tables.profile(self.camera.profile).ok_or(Early::unread(Reason::NoPolicy))
    }

    #[inline(always)]
    fn outline(&self, facts: &Facts<'_>, numbers: Numbers) -> Outline {
        let port = self.port(facts.transport.protocol, numbers);
        Outline::new(facts.peer, port, &facts.transport)
    }

    /// The peer's port, or the type and code of ICMP.
    #[inline(always)]
    fn port(&self, protocol: Protocol, numbers: Numbers) -> u16 {
        match (protocol, self.direction) {
            (Protocol::TCP | Protocol::UDP, Direction::Outbound) => numbers.second(),
            _ => numbers.first(),
        }
    }

    /// The clock is read only for a camera that was opened.
    #[inline(always)]
    fn is_opened(&self) -> bool {
        let deadline = self.tables.deadline(self.camera.slot);
        let opened = deadline != 0 && self.tables.now() < deadline;
        settle(opened, self.camera.unknown())
    }

    #[inline(always)]
    fn read_plain<'a>(&self, plain: &Plain, profile: &'a Profile) -> Facts<'a> {
        let (peer, is_on_link) = match self.direction {
            Direction::Outbound => (plain.destination, is_on_link4(plain.destination)),
            Direction::Inbound => (plain.source, is_link_local4(plain.source)),
        };
        let unknown = self.camera.unknown();
        let is_on_link = settle(is_on_link, unknown);
        let (place, allowances) = Self::place(is_on_link, || profile.treat4(peer, unknown));
        let marks = Marks(forget(place | self.source4(plain.source), unknown));
        let allowances = allowances.settle(unknown);
        let peer = flow::mapped(peer);
        Facts { profile, marks, peer, allowances, transport: plain.transport }
    }

    #[inline(always)]
    fn read_ipv4<'a>(&self, at: usize, profile: &'a Profile) -> Parsed<Facts<'a>> {
        let header = ipv4::parse(self.packet, at)?;
        let (peer, is_on_link) = match self.direction {
            Direction::Outbound => (header.destination, is_on_link4(header.destination)),
            Direction::Inbound => (header.source, is_link_local4(header.source)),
        };
        let unknown = self.camera.unknown();
        let is_on_link = settle(is_on_link, unknown);
        let (place, allowances) = Self::place(is_on_link, || profile.treat4(peer, unknown));
        let route =
            Marks::mark(Marks::SOURCE_ROUTE, header.has_source_route(self.packet, unknown)?);
        let marks = place | route | self.source4(header.source);
        let marks = Marks(forget(marks, unknown));
        let allowances = allowances.settle(unknown);
        let transport = header.transport(self.packet, unknown)?;
        Ok(Facts { profile, marks, peer: flow::mapped(peer), allowances, transport })
    }

    #[inline(always)]
    fn read_ipv6<'a>(&self, at: usize, profile: &'a Profile) -> Parsed<Facts<'a>> {
        let header = ipv6::parse(self.packet, at)?;
        let (peer, is_on_link) = match self.direction {
            Direction::Outbound => (header.destination, is_on_link6(header.destination)),
            Direction::Inbound => (header.source, is_neighbor6(header.source)),
        };
        let unknown = self.camera.unknown();
        let is_on_link = settle(is_on_link, unknown);
        let (place, allowances) = Self::place(is_on_link, || profile.treat6(peer, unknown));
        let marks = Marks::IPV6 | place | self.source6(header.source);
        let marks = Marks(forget(marks, unknown));
        let allowances = allowances.settle(unknown);
        let transport = header.transport(self.packet, unknown)?;
        Ok(Facts { profile, marks, peer, allowances, transport })
    }

    /// Where the peer is, and the allowances for it.
    #[inline(always)]
    fn place(is_on_link: bool, treat: impl FnOnce() -> Treatment) -> (usize, Allowances) {
        if is_on_link {
            return (Marks::ON_LINK, Allowances::NONE);
        }
        let Treatment { local, allowances } = treat();
        (Marks::mark(Marks::LOCAL, local), allowances)
    }

    /// The first rules for IP packets, in their order: those that no plain frame comes under.
    #[inline(always)]
    fn refused(facts: &Facts<'_>, numbers: Numbers) -> Option<Reason> {
        if facts.marks.has(Marks::SOURCE_ROUTE) || facts.transport.routing {
            return Some(Reason::SourceRoute);
        }
        if facts.transport.protocol.is_tunnel() {
            return Some(Reason::Tunnel);
        }
        numbers.are_malformed().then_some(Reason::Malformed)
    }

    /// The rules that follow, in their order.
    #[inline(always)]
    fn decide(&self, facts: &Facts<'_>, numbers: Numbers) -> Parsed<Reason> {
        if self.direction == Direction::Outbound {
            if self.is_spoofed(facts, numbers)? {
                return Ok(Reason::Spoof);
            }
            if let Some(reason) = self.guarded(facts, numbers) {
                return Ok(reason);
            }
        }
        if facts.marks.has(Marks::ON_LINK) {
            return Ok(Reason::OnLink);
        }
        if facts.marks.has(Marks::LOCAL) {
            return Ok(Reason::Local);
        }
        Ok(self.decide_outside(facts, numbers))
    }

    /// What happens to a packet of a peer outside.
    #[inline(always)]
    fn decide_outside(&self, facts: &Facts<'_>, numbers: Numbers) -> Reason {
        let port = match self.direction {
            Direction::Outbound => numbers.second(),
            Direction::Inbound => numbers.first(),
        };
        let what = Carried {
            column: facts.marks.family() as usize,
            protocol: facts.transport.protocol.0,
            port: numbers.are_known().then_some(port),
        };
        match facts.profile.allows(facts.allowances, what, self.camera.unknown()) {
            Allowed::Yes => Reason::Allowed,
            Allowed::PortUnknown => Reason::Fragment,
            Allowed::No => match self.direction {
                Direction::Outbound => Reason::NotLocal,
                Direction::Inbound => Reason::Inbound,
            },
        }
    }
}

/// Destinations that no router forwards off the link or out of the site: limited broadcast
/// (RFC 919), link-local (RFC 3927), the local network control block (RFC 5771 §4) and
/// administratively scoped multicast (RFC 2365).
#[inline(always)]
const fn is_on_link4(destination: u32) -> bool {
    let address = u32::from_be(destination);
    // Most are unicast, and need no more than this.
    // Most are unicast, and need no more than this.
    if address < MULTICAST {
        return is_link_local4(destination);
    }
    address == u32::MAX
        || address & 0xffff_ff00 == MULTICAST
        || address & 0xff00_0000 == 0xef00_0000
}

/// 224.0.0.0, where multicast begins (RFC 5771 §3); what follows it is no unicast either.
const MULTICAST: u32 = 0xe000_0000;

/// 169.254.0.0/16. A source can be no more than that: multicast and broadcast are never one
/// (RFC 1122 §3.2.1.3).
#[inline(always)]
const fn is_link_local4(address: u32) -> bool {
    u32::from_be(address) & 0xffff_0000 == 0xa9fe_0000
}

/// Destinations that stay on the link or in the site: `fe80::/10` and multicast of at most
/// organization-local scope, 8 (RFC 4291 §2.5.6 and §2.7).
#[inline(always)]
const fn is_on_link6(destination: [u64; 2]) -> bool {
    let high = u64::from_be(destination[0]) >> 48;
    is_link_local6(destination) || (high >> 8 == 0xff && high & 0xf <= 8)
}

/// Sources that no router forwards: link-local, and none at all (RFC 4291 §2.5.2), from which a
/// neighbour asks whether an address is taken.
#[inline(always)]
const fn is_neighbor6(source: [u64; 2]) -> bool {
    is_link_local6(source) || source[0] | source[1] == 0
}

/// `fe80::/10`.
#[inline(always)]
const fn is_link_local6(address: [u64; 2]) -> bool {
    (u64::from_be(address[0]) >> 54) == 0xfe80 >> 6
}
