//! From networks and allowances to what a program searches: zones of addresses, ranges of ports.

use std::{collections::BTreeSet, net::IpAddr, ops::RangeInclusive};

use bytemuck::Zeroable as _;
use camfence_common::{
    abi::{Services, Zones4, Zones6},
    limits::MAX_ALLOWANCES,
    wire::extension::{Family, Protocol as Number},
};
use ipnet::IpNet;

use crate::config::{Allowance, Protocol};

/// Addresses or ports, as numbers.
type Range = RangeInclusive<u128>;

/// Where ranges begin and end: the first number of each part in which all numbers are in the same
/// ranges, but of the first part, which begins at zero.
struct Parts(Vec<u128>);

impl Parts {
    /// Of numbers up to `last`.
    fn of<'a>(ranges: impl IntoIterator<Item = &'a Range>, last: u128) -> Self {
        let ends = |range: &Range| [Some(*range.start()), range.end().checked_add(1)];
        let within = |bound: &u128| (1..=last).contains(bound);
        let bounds: BTreeSet<u128> =
            ranges.into_iter().flat_map(ends).flatten().filter(within).collect();
        Self(bounds.into_iter().collect())
    }

    /// The first step of a search.
    fn step(&self) -> u16 {
        self.0.len().checked_ilog2().map_or(0, |log| 1 << log)
    }

    /// Writes the bounds. A search can come behind them, and finds the last number there.
    fn write<T: Copy>(&self, places: &mut [T], last: T, make: impl Fn(u128) -> T) {
        places.fill(last);
        for (place, bound) in places.iter_mut().zip(&self.0) {
            *place = make(*bound);
        }
    }

    /// A number of the part of an index; behind the last part, of the last.
    fn number(&self, index: usize) -> u128 {
        let bound = index.min(self.0.len()).checked_sub(1);
        bound.and_then(|bound| self.0.get(bound)).copied().unwrap_or(0)
    }
}

/// What an address can be in.
struct Networks {
    local: Vec<Range>,
    /// By the allowances' indices.
    destinations: Vec<(usize, Range)>,
}

impl Networks {
    fn of(family: Family, local: &[IpNet], allow: &[Allowance]) -> Self {
        let range = |net: &IpNet| range(family, *net);
        let destination = |(index, allowance): (usize, &Allowance)| {
            let everywhere = || Some(0..=last(family));
            Some((index, allowance.to.as_ref().map_or_else(everywhere, range)?))
        };
        Self {
            local: local.iter().filter_map(range).collect(),
            destinations: allow.iter().enumerate().filter_map(destination).collect(),
        }
    }

    fn parts(&self, family: Family) -> Parts {
        let destinations = self.destinations.iter().map(|(_, range)| range);
        Parts::of(self.local.iter().chain(destinations), last(family))
    }

    /// Writes how the addresses of each part are treated.
    fn write(&self, parts: &Parts, local: &mut [u64], allowances: &mut [u64]) {
        for (zone, place) in allowances.iter_mut().enumerate() {
            let address = parts.number(zone);
            if self.local.iter().any(|range| range.contains(&address)) {
                local[zone / 64] |= 1 << (zone % 64);
            }
            let to = self.destinations.iter().filter(|(_, range)| range.contains(&address));
            *place = set(to.map(|(index, _)| *index));
        }
    }
}

/// The zones of IPv4 and IPv6. Networks and allowances keep to the limits.
pub(super) fn zones(local: &[IpNet], allow: &[Allowance]) -> (Zones4, Zones6) {
    let (mut zones4, mut zones6) = (Zones4::zeroed(), Zones6::zeroed());
    let networks = Networks::of(Family::Ipv4, local, allow);
    let parts = networks.parts(Family::Ipv4);
    zones4.step = parts.step();
    parts.write(&mut zones4.bounds, u32::MAX, |bound| u32::try_from(bound).unwrap_or(u32::MAX));
    networks.write(&parts, &mut zones4.local, &mut zones4.allowances);

    let networks = Networks::of(Family::Ipv6, local, allow);
    let parts = networks.parts(Family::Ipv6);
    zones6.step = parts.step();
    parts.write(&mut zones6.bounds, [u64::MAX; 2], halves);
    networks.write(&parts, &mut zones6.local, &mut zones6.allowances);
    (zones4, zones6)
}

/// What allowances allow where they are for. They keep to the limit.
pub(super) fn services(allow: &[Allowance]) -> Services {
    let mut services = Services::zeroed();
    let ports = |allowance: &Allowance| {
        let ports = allowance.ports.as_ref()?;
        Some(u128::from(*ports.start())..=u128::from(*ports.end()))
    };
    let ranges: Vec<Option<Range>> = allow.iter().map(ports).collect();
    let split = Parts::of(ranges.iter().flatten(), u16::MAX.into());
    services.step = split.step();
    split.write(&mut services.bounds, u16::MAX, |bound| u16::try_from(bound).unwrap_or(u16::MAX));
    for (index, place) in services.ports.iter_mut().enumerate() {
        let port = split.number(index);
        let has = |range: &Option<Range>| range.as_ref().is_some_and(|range| range.contains(&port));
        *place = set(indices(&ranges, has));
    }
    services.portless = set(indices(&ranges, Option::is_none));
    let mut classes = 1..;
    for family in [Family::Ipv4, Family::Ipv6] {
        let number = |allowance: &Allowance| number_in(family, allowance.protocol).0;
        for protocol in allow.iter().map(number).collect::<BTreeSet<u8>>() {
            let of_it = set(indices(allow, |allowance| number(allowance) == protocol));
            if let Some((class, place)) = classes
                .next()
                .and_then(|class: u8| Some((class, services.classes.get_mut(usize::from(class))?)))
            {
                *place = of_it;
                services.class_of[family as usize][usize::from(protocol)] = class;
            }
        }
    }
    services
}

/// The number of an allowance's protocol.
const fn number_in(family: Family, protocol: Protocol) -> Number {
    match protocol {
        Protocol::Tcp => Number::TCP,
        Protocol::Udp => Number::UDP,
        Protocol::Icmp => icmp(family),
        Protocol::Number(number) => Number(number),
    }
}

const fn icmp(family: Family) -> Number {
    match family {
        Family::Ipv4 => Number::ICMP,
        Family::Ipv6 => Number::ICMPV6,
    }
}

/// The addresses of a network; none if it is of the other family.
fn range(family: Family, net: IpNet) -> Option<Range> {
    let number = |address| match (family, address) {
        (Family::Ipv4, IpAddr::V4(address)) => Some(address.to_bits().into()),
        (Family::Ipv6, IpAddr::V6(address)) => Some(address.to_bits()),
        _ => None,
    };
    Some(number(net.network())?..=number(net.broadcast())?)
}

const fn last(family: Family) -> u128 {
    match family {
        Family::Ipv4 => u32::MAX as u128,
        Family::Ipv6 => u128::MAX,
    }
}

/// An address's halves, the upper first.
fn halves(address: u128) -> [u64; 2] {
    let half = |half: u128| u64::try_from(half & u128::from(u64::MAX)).unwrap_or(0);
    [half(address >> 64), half(address)]
}

fn indices<T>(items: &[T], is: impl Fn(&T) -> bool) -> impl Iterator<Item = usize> {
    items.iter().enumerate().filter(move |(_, item)| is(item)).map(|(index, _)| index)
}

/// A set of allowances.
fn set(indices: impl IntoIterator<Item = usize>) -> u64 {
    indices.into_iter().take_while(|index| *index < MAX_ALLOWANCES).fold(0, |set, i| set | 1 << i)
}
