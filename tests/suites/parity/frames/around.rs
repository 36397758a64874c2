//! Stations and addresses that mean something under a policy.

use std::net::{Ipv4Addr, Ipv6Addr};

use camfence::config::{Camera, Config, Dns, Profile};
use camfence_common::mac::Mac;
use camfence_tests::addr::Literal;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use proptest::{prelude::*, sample::Index};

use crate::policies::{NAMES, V4, V6};

/// What a policy speaks of.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    cameras: Vec<Camera>,
    /// The edges of all networks.
    edges4: Vec<Ipv4Addr>,
    edges6: Vec<Ipv6Addr>,
    /// Those that are judged without any.
    special4: Vec<Ipv4Addr>,
    special6: Vec<Ipv6Addr>,
    names: Vec<String>,
}

/// A station, yet to be looked up.
#[derive(Debug, Clone)]
pub(super) enum Station {
    Camera(Index),
    Other([u8; 6]),
}

pub(super) fn station() -> BoxedStrategy<Station> {
    prop_oneof![
        6 => any::<Index>().prop_map(Station::Camera),
        1 => any::<[u8; 6]>().prop_map(Station::Other),
        1 => (0_u8..=31).prop_map(|last| Station::Other([0x02, 0xcf, 0, 0, 0, last])),
    ]
    .boxed()
}

/// An address of either family, yet to be looked up.
#[derive(Debug, Clone)]
pub(super) enum Address {
    /// In a network that the sender is bound to, so many addresses in.
    Own(Index, u8),
    Known(Index),
    Edge(Index),
    Special(Index),
    Unspecified,
    Any(u128),
}

/// Who sends.
pub(super) fn source() -> BoxedStrategy<Address> {
    prop_oneof![
        8 => (any::<Index>(), 0..4_u8).prop_map(|(index, inside)| Address::Own(index, inside)),
        2 => Just(Address::Unspecified),
        4 => address(),
    ]
    .boxed()
}

/// Who is sent to, or spoken of.
pub(super) fn address() -> BoxedStrategy<Address> {
    prop_oneof![
        6 => any::<Index>().prop_map(Address::Known),
        4 => any::<Index>().prop_map(Address::Edge),
        2 => any::<Index>().prop_map(Address::Special),
        1 => any::<u128>().prop_map(Address::Any),
    ]
    .boxed()
}

impl Surroundings {
    /// The cameras and the networks of a policy.
    pub(crate) fn of(config: &Config) -> Self {
        let mut surroundings = Self {
            cameras: config.cameras.clone(),
            edges4: vec![],
            edges6: vec![],
            special4: ["255.255.255.255", "169.254.1.2", "224.0.0.251", "224.0.1.1", "239.1.2.3"]
                .map(Literal::value)
                .into(),
            special6: ["fe80::1", "fec0::1", "ff02::fb", "ff08::1", "ff0e::1", "::1", "::"]
                .map(Literal::value)
                .into(),
            names: NAMES.map(String::from).into(),
        };
        config.profiles.iter().for_each(|profile| surroundings.add(profile));
        let bound = config.cameras.iter().flat_map(|camera| &camera.addresses);
        bound.for_each(|net| surroundings.add_edges(*net));
        surroundings
    }

    fn add(&mut self, profile: &Profile) {
        profile.local.prefixes.iter().for_each(|net| self.add_edges(*net));
        let allowed = profile.allow.iter().filter_map(|allowance| allowance.to);
        allowed.for_each(|net| self.add_edges(net));
        if let Dns::Only(names) = &profile.dns {
            self.names.extend(names.iter().map(|name| name.name.clone()));
        }
    }

    /// The first and last address of a network, and those before and behind.
    fn add_edges(&mut self, net: IpNet) {
        match net {
            IpNet::V4(net) => {
                let (first, last) = (net.network().to_bits(), net.broadcast().to_bits());
                let edges = [first, last, first.wrapping_sub(1), last.wrapping_add(1)];
                self.edges4.extend(edges.map(Ipv4Addr::from_bits));
            }
            IpNet::V6(net) => {
                let (first, last) = (net.network().to_bits(), net.broadcast().to_bits());
                let edges = [first, last, first.wrapping_sub(1), last.wrapping_add(1)];
                self.edges6.extend(edges.map(Ipv6Addr::from_bits));
            }
        }
    }

    pub(super) fn mac(&self, station: &Station) -> Mac {
        match station {
            Station::Camera(index) => index.get(&self.cameras).mac,
            Station::Other(octets) => Mac(*octets),
        }
    }

    pub(super) fn name(&self, index: Index) -> &str {
        index.get::<String>(&self.names)
    }

    fn bound(&self, sender: Mac) -> &[IpNet] {
        let camera = self.cameras.iter().find(|camera| camera.mac == sender);
        camera.map_or(&[], |camera| &camera.addresses)
    }

    pub(super) fn v4(&self, address: &Address, sender: Mac) -> Ipv4Addr {
        match address {
            Address::Own(index, inside) => {
                let own: Vec<_> = self.bound(sender).iter().filter_map(|net| as_v4(*net)).collect();
                pick(*index, &own).map_or(V4[0], |net| {
                    let inside = u32::from(*inside) & net.hostmask().to_bits();
                    Ipv4Addr::from_bits(net.network().to_bits() | inside)
                })
            }
            Address::Known(index) => *index.get(&V4),
            Address::Edge(index) => pick(*index, &self.edges4).unwrap_or(V4[0]),
            Address::Special(index) => *index.get(&self.special4),
            Address::Unspecified => Ipv4Addr::UNSPECIFIED,
            Address::Any(bits) => Ipv4Addr::from_bits((bits >> 96) as u32),
        }
    }

    pub(super) fn v6(&self, address: &Address, sender: Mac) -> Ipv6Addr {
        match address {
            Address::Own(index, inside) => {
                let own: Vec<_> = self.bound(sender).iter().filter_map(|net| as_v6(*net)).collect();
                pick(*index, &own).map_or(V6[0], |net| {
                    let inside = u128::from(*inside) & net.hostmask().to_bits();
                    Ipv6Addr::from_bits(net.network().to_bits() | inside)
                })
            }
            Address::Known(index) => *index.get(&V6),
            Address::Edge(index) => pick(*index, &self.edges6).unwrap_or(V6[0]),
            Address::Special(index) => *index.get(&self.special6),
            Address::Unspecified => Ipv6Addr::UNSPECIFIED,
            Address::Any(bits) => Ipv6Addr::from_bits(*bits),
        }
    }
}

fn as_v4(net: IpNet) -> Option<Ipv4Net> {
    match net {
        IpNet::V4(net) => Some(net),
        IpNet::V6(_) => None,
    }
}

fn as_v6(net: IpNet) -> Option<Ipv6Net> {
    match net {
        IpNet::V6(net) => Some(net),
        IpNet::V4(_) => None,
    }
}

/// One of some, if there are any.
fn pick<T: Copy>(index: Index, from: &[T]) -> Option<T> {
    from.get(index.index(from.len().max(1))).copied()
}
