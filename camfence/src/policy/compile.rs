//! From a configuration to what the maps should hold.

mod names;
mod zones;

use std::collections::BTreeMap;

use bytemuck::Zeroable as _;
use camfence_common::{
    abi::{CANARY, Camera, NameRule, Prefix4, Prefix6, Profile, Subject},
    limits::{MAX_ALLOWANCES, MAX_BOUND, MAX_LOCAL_PREFIXES, MAX_STRANGER_PORTS},
    mac::Mac,
    tables::Tables,
    wire::{Parsed, dns::Name},
};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use thiserror::Error;

use crate::config::{self, Config, Dns, Guard, Mode, Unknown};

/// What a configuration meets on a machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The prefixes that "auto" stands for.
    pub on_link: Vec<IpNet>,
    /// The ports by interface index, with what happens to unknown sources there.
    pub ports: Vec<(u32, Unknown)>,
    /// Whether there are programs to be tried with the canary's frames.
    pub canary: bool,
}

/// What the maps should hold.
#[derive(Debug, Clone, PartialEq)]
pub struct CompiledPolicy {
    /// The profiles, in the configuration's order.
    pub profiles: Vec<CompiledProfile>,
    /// The cameras, and what stands for unknown sources, each with the index of its profile in
    /// [`profiles`](Self::profiles) and no slot yet.
    pub cameras: BTreeMap<Subject, Camera>,
}

/// What the maps should hold of a profile.
#[derive(Debug, Clone, PartialEq)]
pub struct CompiledProfile {
    /// Its element of the table.
    pub table: Profile,
    /// Its entries in the map of names: names as they are in a
    /// [`NameKey`](camfence_common::abi::NameKey).
    pub names: BTreeMap<Vec<u8>, NameRule>,
}

/// A compiled policy judges frames without a kernel. There nothing is opened: that is not the
/// configuration's to say.
impl Tables for CompiledPolicy {
    fn camera(&self, mac: Mac, port: impl FnOnce() -> u32) -> Option<&Camera> {
        let camera = self.cameras.get(&Subject::Camera(mac));
        camera.or_else(|| self.cameras.get(&Subject::Strangers(port())))
    }

    fn profile(&self, index: u32) -> Option<&Profile> {
        self.profiles.get(index as usize).map(|profile| &profile.table)
    }

    fn lists_name(&self, profile: u32, read: impl FnOnce(&mut Name) -> Parsed<usize>) -> bool {
        let mut name = Name::EMPTY;
        let (Ok(len), Some(profile)) = (read(&mut name), self.profiles.get(profile as usize))
        else {
            return false;
        };
        profile.lists(name.key(len))
    }

    fn deadline(&self, _slot: u32) -> u64 {
        0
    }

    fn now(&self) -> u64 {
        0
    }
}

impl CompiledProfile {
    /// Whether a name is listed, as the kernel finds it: by the longest entry it begins with.
    fn lists(&self, name: &[u8]) -> bool {
        let longest = (1..=name.len()).rev().find_map(|len| self.names.get(&name[..len]));
        longest.is_some_and(|rule| rule.lists(name.len()))
    }
}

/// A configuration cannot be compiled.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum CompileError {
    /// On-link prefixes made a profile's list too long.
    #[error(
        "profile \"{profile}\" has {count} local {family} prefixes with those of \"auto\"; \
         {MAX_LOCAL_PREFIXES} is the limit"
    )]
    TooManyPrefixes {
        /// The profile.
        profile: String,
        /// "IPv4" or "IPv6".
        family: &'static str,
        /// How many there are.
        count: usize,
    },
    /// Too many ports have a policy for unknown sources.
    #[error("{count} ports have a policy for unknown sources; {MAX_STRANGER_PORTS} is the limit")]
    TooManyPorts {
        /// How many there are.
        count: usize,
    },
}

impl CompileError {
    /// What the user can do.
    pub fn hint(&self) -> String {
        match self {
            Self::TooManyPrefixes { .. } => {
                "join neighbouring prefixes into shorter ones, or leave \"auto\" out".into()
            }
            Self::TooManyPorts { .. } => {
                "write unknown = \"pass\" under [fence], and what differs under [interface.NAME]"
                    .into()
            }
        }
    }
}

/// Compiles a configuration for a machine.
pub fn compile(
    config: &Config,
    surroundings: &Surroundings,
) -> Result<CompiledPolicy, CompileError> {
    let mode = config.fence.mode;
    let cameras = config.cameras.iter().map(|camera| (Subject::Camera(camera.mac), entry(camera)));
    let strangers = surroundings.ports.iter().filter_map(|&(ifindex, unknown)| {
        Some((Subject::Strangers(ifindex), strangers(unknown, mode)?))
    });
    let canary = surroundings.canary.then(|| (Subject::Camera(CANARY), with_profile(0, 0)));
    let strangers: BTreeMap<_, _> = strangers.collect();
    if strangers.len() > MAX_STRANGER_PORTS as usize {
        return Err(CompileError::TooManyPorts { count: strangers.len() });
    }
    Ok(CompiledPolicy {
        profiles: config
            .profiles
            .iter()
            .map(|profile| compile_profile(profile, &surroundings.on_link))
            .collect::<Result<_, _>>()?,
        cameras: cameras.chain(strangers).chain(canary).collect(),
    })
}

/// A camera's entry.
fn entry(camera: &config::Camera) -> Camera {
    let mut entry = with_profile(camera.profile, flag(Camera::AUDIT, camera.mode == Mode::Audit));
    let (mut bound4, mut bound6) = (entry.bound4.iter_mut(), entry.bound6.iter_mut());
    for address in IpNet::aggregate(&camera.addresses) {
        // The configuration keeps to the limit.
        match address {
            IpNet::V4(prefix) => bound4.next().into_iter().for_each(|to| *to = prefix4(prefix)),
            IpNet::V6(prefix) => bound6.next().into_iter().for_each(|to| *to = prefix6(prefix)),
        }
    }
    entry.flags |= flag(Camera::BOUND, !camera.addresses.is_empty());
    entry
}

/// What stands for unknown sources; none if they pass.
fn strangers(unknown: Unknown, mode: Mode) -> Option<Camera> {
    let audit = flag(Camera::AUDIT, mode == Mode::Audit);
    match unknown {
        Unknown::Pass => None,
        Unknown::Drop => Some(with_profile(0, audit | Camera::STRANGERS | Camera::SEALED)),
        Unknown::Profile(profile) => Some(with_profile(profile, audit | Camera::STRANGERS)),
    }
}

fn with_profile(profile: usize, flags: u32) -> Camera {
    // The configuration's limit is far below.
    let profile = u32::try_from(profile).unwrap_or(u32::MAX);
    Camera {
        slot: 0,
        profile,
        flags,
        pad: 0,
        zero: 0,
        bound4: [Prefix4::NOTHING; MAX_BOUND],
        bound6: [Prefix6::NOTHING; MAX_BOUND],
    }
}

const fn flag(flag: u32, is_set: bool) -> u32 {
    if is_set { flag } else { 0 }
}

fn compile_profile(
    profile: &config::Profile,
    on_link: &[IpNet],
) -> Result<CompiledProfile, CompileError> {
    let mut table = Profile::zeroed();
    table.written = Profile::WRITTEN;
    table.guards = guards(profile);
    let local = write_local(&mut table, profile, on_link)?;
    // The configuration keeps to the limit.
    let allow = profile.allow.get(..MAX_ALLOWANCES).unwrap_or(&profile.allow);
    table.allow_len = u16::try_from(allow.len()).unwrap_or(0);
    (table.zones4, table.zones6) = zones::zones(&local, allow);
    table.services = zones::services(allow);
    let names = match &profile.dns {
        Dns::Only(listed) => names::compile(listed),
        Dns::Pass | Dns::Deny => BTreeMap::new(),
    };
    Ok(CompiledProfile { table, names })
}

fn guards(profile: &config::Profile) -> u32 {
    let dns = match profile.dns {
        Dns::Pass => 0,
        Dns::Deny => Profile::NO_DNS,
        Dns::Only(_) => Profile::LISTED_DNS,
    };
    dns | flag(Profile::NO_PORT_MAPPING, profile.port_mapping == Guard::Deny)
        | flag(Profile::NO_ROGUE, profile.rogue == Guard::Deny)
}

/// Writes the local networks, and returns them.
fn write_local(
    table: &mut Profile,
    profile: &config::Profile,
    on_link: &[IpNet],
) -> Result<Vec<IpNet>, CompileError> {
    let auto = if profile.local.auto { on_link } else { &[] };
    // Aggregation drops duplicates and prefixes inside others: a shorter list is a faster one.
    let prefixes = IpNet::aggregate(&[&profile.local.prefixes, auto].concat());
    let (mut len4, mut len6) = (0, 0);
    for prefix in &prefixes {
        match *prefix {
            IpNet::V4(prefix) => {
                if let Some(place) = table.local4.get_mut(len4) {
                    *place = prefix4(prefix);
                }
                len4 += 1;
            }
            IpNet::V6(prefix) => {
                if let Some(place) = table.local6.get_mut(len6) {
                    *place = prefix6(prefix);
                }
                len6 += 1;
            }
        }
    }
    table.local4_len = checked_len(profile, "IPv4", len4)?;
    table.local6_len = checked_len(profile, "IPv6", len6)?;
    Ok(prefixes)
}

fn checked_len(
    profile: &config::Profile,
    family: &'static str,
    count: usize,
) -> Result<u16, CompileError> {
    u16::try_from(count).ok().filter(|_| count <= MAX_LOCAL_PREFIXES).ok_or_else(|| {
        CompileError::TooManyPrefixes { profile: profile.name.clone(), family, count }
    })
}

fn prefix4(prefix: Ipv4Net) -> Prefix4 {
    Prefix4 {
        network: u32::from_ne_bytes(prefix.network().octets()),
        mask: u32::from_ne_bytes(prefix.netmask().octets()),
    }
}

fn prefix6(prefix: Ipv6Net) -> Prefix6 {
    Prefix6 { network: halves(prefix.network().octets()), mask: halves(prefix.netmask().octets()) }
}

fn halves(octets: [u8; 16]) -> [u64; 2] {
    bytemuck::cast(octets)
}

#[cfg(test)]
mod tests;
