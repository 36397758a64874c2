//! Random policies.

use std::{
    collections::BTreeMap,
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
    path::PathBuf,
};

use camfence::config::{self, Config, Fence, Hook, Local, Mode, Profile, Unknown};
use camfence_common::{
    limits::{DEFAULT_MAX_CAMERAS, MAX_LOCAL_PREFIXES},
    mac::Mac,
};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use proptest::{collection, prelude::*};

/// Most cameras of a policy.
const MAX_CAMERAS: usize = 20;

/// What a policy says: the local networks of each profile, and each camera's profile.
#[derive(Clone)]
pub(crate) struct Policy {
    pub(crate) profiles: Vec<Vec<IpNet>>,
    pub(crate) cameras: BTreeMap<Mac, usize>,
}

impl Policy {
    /// As a configuration.
    pub(crate) fn config(&self) -> Config {
        let profile = |(index, prefixes): (usize, &Vec<IpNet>)| {
            let local = Local { prefixes: prefixes.clone(), auto: false };
            Profile::new(format!("profile-{index}"), local)
        };
        let camera = |(&mac, &profile)| config::Camera {
            mac,
            name: format!("camera {mac}"),
            profile,
            addresses: vec![],
            mode: Mode::Enforce,
        };
        Config {
            path: PathBuf::new(),
            fence: Fence {
                interfaces: vec![],
                hook: Hook::Auto,
                unknown: Unknown::Pass,
                mode: Mode::Enforce,
                max_cameras: DEFAULT_MAX_CAMERAS,
            },
            profiles: self.profiles.iter().enumerate().map(profile).collect(),
            cameras: self.cameras.iter().map(camera).collect(),
            interfaces: BTreeMap::new(),
            metrics: None,
        }
    }
}

/// The cameras, then a line for each profile.
impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cameras.iter().try_for_each(|(mac, profile)| write!(f, "{mac} {profile}, "))?;
        self.profiles.iter().try_for_each(|profile| write!(f, "\n{profile:?}"))
    }
}

/// One to four profiles and up to twenty cameras.
pub(crate) fn policy() -> impl Strategy<Value = Policy> {
    collection::vec(prefixes(), 1..=4).prop_flat_map(|profiles| {
        let cameras = collection::btree_map(mac(), 0..profiles.len(), 1..=MAX_CAMERAS);
        cameras.prop_map(move |cameras| Policy { profiles: profiles.clone(), cameras })
    })
}

/// A station's address; several differ in few bits.
fn mac() -> impl Strategy<Value = Mac> {
    prop_oneof![
        any::<[u8; 6]>().prop_map(|mut octets| {
            octets[0] &= !1;
            Mac(octets)
        }),
        (0_u8..=31).prop_map(|last| Mac([0x02, 0xcf, 0, 0, 0, last])),
    ]
}

/// The local networks of a profile: none, a few or as many as there can be, of each family.
fn prefixes() -> impl Strategy<Value = Vec<IpNet>> {
    let number = || prop_oneof![Just(0), 1..=4_usize, Just(MAX_LOCAL_PREFIXES)];
    let v4 = number().prop_flat_map(|number| collection::vec(prefix4(), number));
    let v6 = number().prop_flat_map(|number| collection::vec(prefix6(), number));
    (v4, v6).prop_map(|(v4, v6)| [v4, v6].concat())
}

fn prefix4() -> impl Strategy<Value = IpNet> {
    let length = prop_oneof![1 => 0..=8_u8, 10 => 9..=32_u8, 2 => Just(32)];
    (any::<u32>(), length).prop_map(|(address, length)| {
        Ipv4Net::new_assert(Ipv4Addr::from_bits(address), length).trunc().into()
    })
}

fn prefix6() -> impl Strategy<Value = IpNet> {
    let length = prop_oneof![
        1 => 0..=16_u8,
        10 => 17..=128_u8,
        1 => prop::sample::select(vec![63, 64, 65, 127]),
        2 => Just(128),
    ];
    (any::<u128>(), length).prop_map(|(address, length)| {
        Ipv6Net::new_assert(Ipv6Addr::from_bits(address), length).trunc().into()
    })
}
