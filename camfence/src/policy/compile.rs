//! From a configuration to what the maps should hold.

use std::collections::BTreeMap;

use bytemuck::Zeroable as _;
use camfence_common::{
    abi::{Prefix4, Prefix6, Profile},
    limits::MAX_LOCAL_PREFIXES,
    mac::Mac,
};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use thiserror::Error;

use crate::config::{self, Config};

/// What the maps should hold.
#[derive(Debug, Clone, PartialEq)]
pub struct CompiledPolicy {
    /// The profiles, in the configuration's order.
    pub profiles: Vec<Profile>,
    /// The cameras, each with the index of its profile in [`profiles`](Self::profiles).
    pub cameras: BTreeMap<Mac, usize>,
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
}

impl CompileError {
    /// What the user can do.
    pub fn hint(&self) -> String {
        match self {
            Self::TooManyPrefixes { .. } => {
                "join neighbouring prefixes into shorter ones, or leave \"auto\" out".into()
            }
        }
    }
}

/// Compiles a configuration. `on_link` are the prefixes that "auto" stands for.
pub fn compile(config: &Config, on_link: &[IpNet]) -> Result<CompiledPolicy, CompileError> {
    Ok(CompiledPolicy {
        profiles: config
            .profiles
            .iter()
            .map(|profile| compile_profile(profile, on_link))
            .collect::<Result<_, _>>()?,
        cameras: config.cameras.iter().map(|camera| (camera.mac, camera.profile)).collect(),
    })
}

fn compile_profile(profile: &config::Profile, on_link: &[IpNet]) -> Result<Profile, CompileError> {
    let auto = if profile.local.auto { on_link } else { &[] };
    // Aggregation drops duplicates and prefixes inside others: a shorter list is a faster one.
    let prefixes = IpNet::aggregate(&[&profile.local.prefixes, auto].concat());
    let mut compiled = Profile::zeroed();
    compiled.written = Profile::WRITTEN;
    let (mut len4, mut len6) = (0, 0);
    for prefix in prefixes {
        match prefix {
            IpNet::V4(prefix) => {
                if let Some(place) = compiled.local4.get_mut(len4) {
                    *place = prefix4(prefix);
                }
                len4 += 1;
            }
            IpNet::V6(prefix) => {
                if let Some(place) = compiled.local6.get_mut(len6) {
                    *place = prefix6(prefix);
                }
                len6 += 1;
            }
        }
    }
    compiled.local4_len = checked_len(profile, "IPv4", len4)?;
    compiled.local6_len = checked_len(profile, "IPv6", len6)?;
    Ok(compiled)
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
