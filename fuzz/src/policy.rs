//! A policy made of bytes: every string of bytes is one.
//!
//! Addresses and names are those that stand in the frame to be judged, at a place that the bytes
//! name; made-up ones would hardly ever match it.

use std::{collections::BTreeMap, ops::RangeInclusive, path::PathBuf};

use camfence::config::{
    Allowance, Camera, Config, DEFAULT_PROFILE, Dns, DnsName, Fence, Guard, Hook, Ledger, Local,
    Mode, Profile, Protocol, Unknown,
};
use camfence_common::{
    limits::{DEFAULT_MAX_CAMERAS, MAX_BOUND},
    mac::Mac,
};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Bytes that are taken one by one; zeros when there are no more.
pub(crate) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    /// All of these.
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next.
    pub(crate) fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    fn number(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    fn below(&mut self, limit: u8) -> u8 {
        self.byte() % limit
    }
}

/// A configuration with one profile, which the stations that the frame names follow.
pub(crate) fn config(input: &mut Input<'_>, frame: &[u8]) -> Config {
    let flags = input.byte();
    let set = |bit: u8| flags & 1 << bit != 0;
    let profile = Profile {
        dns: dns(input, frame),
        port_mapping: guard(set(2)),
        rogue: guard(!set(3)),
        allow: (0..input.below(8)).map(|_| allowance(input, frame)).collect(),
        ..Profile::new(DEFAULT_PROFILE, local(input, frame))
    };
    let addresses = bound(input, frame);
    let registered = [(6, !set(0)), (0, !set(1))].into_iter().filter(|&(_, registered)| registered);
    let macs = registered.filter_map(|(at, _)| station(frame, at));
    Config {
        path: PathBuf::new(),
        fence: Fence {
            interfaces: vec![],
            hook: Hook::Auto,
            unknown: Unknown::Pass,
            mode: Mode::Enforce,
            max_cameras: DEFAULT_MAX_CAMERAS,
        },
        profiles: vec![profile],
        cameras: macs.map(|mac| camera(mac, addresses.clone())).collect(),
        interfaces: BTreeMap::new(),
        ledger: Ledger::default(),
        log: None,
        metrics: None,
    }
}

fn camera(mac: Mac, addresses: Vec<IpNet>) -> Camera {
    Camera { mac, name: mac.to_string(), profile: 0, addresses, mode: Mode::Enforce }
}

/// The MAC at a place in the frame, if a station can have it.
fn station(frame: &[u8], at: usize) -> Option<Mac> {
    let mac = Mac(*frame.get(at..)?.first_chunk()?);
    (!mac.is_multicast() && !mac.is_zero()).then_some(mac)
}

const fn guard(denies: bool) -> Guard {
    if denies { Guard::Deny } else { Guard::Pass }
}

fn local(input: &mut Input<'_>, frame: &[u8]) -> Local {
    match input.below(16) {
        15 => Local::default(),
        count => Local { prefixes: (0..count).map(|_| net(input, frame)).collect(), auto: false },
    }
}

fn bound(input: &mut Input<'_>, frame: &[u8]) -> Vec<IpNet> {
    let count = input.byte() as usize % (MAX_BOUND + 1);
    (0..count).map(|_| net(input, frame)).collect()
}

fn allowance(input: &mut Input<'_>, frame: &[u8]) -> Allowance {
    let protocol = match input.byte() {
        0 => Protocol::Tcp,
        1 => Protocol::Udp,
        2 => Protocol::Icmp,
        number => Protocol::Number(number),
    };
    let has_ports = matches!(protocol, Protocol::Tcp | Protocol::Udp | Protocol::Number(6 | 17));
    Allowance {
        text: String::new(),
        protocol,
        ports: if has_ports { ports(input) } else { None },
        to: (input.byte() != 0).then(|| net(input, frame)),
    }
}

/// All ports, one port, or those between two.
fn ports(input: &mut Input<'_>) -> Option<RangeInclusive<u16>> {
    let first = input.number();
    let last = first.saturating_add(input.number());
    (first != 0).then_some(first..=last)
}

fn dns(input: &mut Input<'_>, frame: &[u8]) -> Dns {
    match input.below(6) {
        0 => Dns::Pass,
        1 => Dns::Deny,
        count => {
            let mut names: Vec<_> = (1..count).filter_map(|_| dns_name(input, frame)).collect();
            names.sort();
            names.dedup();
            if names.is_empty() { Dns::Deny } else { Dns::Only(names) }
        }
    }
}

/// The name at a place in the frame, one label or more.
fn dns_name(input: &mut Input<'_>, frame: &[u8]) -> Option<DnsName> {
    let (at, below) = (usize::from(input.byte()), input.byte() & 1 == 1);
    let mut rest = frame.get(at..)?;
    let mut labels = Vec::new();
    while let Some((&len @ 1..=63, tail)) = rest.split_first()
        && let Some((label, tail)) = tail.split_at_checked(usize::from(len))
        && label.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte))
    {
        labels.push(String::from_utf8_lossy(label).to_ascii_lowercase());
        rest = tail;
    }
    let name = labels.join(".");
    (1..=253).contains(&name.len()).then_some(DnsName { name, below })
}

/// A network around the address at a place in the frame.
fn net(input: &mut Input<'_>, frame: &[u8]) -> IpNet {
    let (family, at, len) = (input.byte(), usize::from(input.byte()), input.byte());
    if family & 1 == 0 {
        let address = octets::<4>(frame, at).into();
        Ipv4Net::new_assert(address, len % 33).trunc().into()
    } else {
        let address = octets::<16>(frame, at).into();
        Ipv6Net::new_assert(address, len % 129).trunc().into()
    }
}

fn octets<const N: usize>(frame: &[u8], at: usize) -> [u8; N] {
    frame.get(at..).and_then(<[u8]>::first_chunk).copied().unwrap_or([0; N])
}
