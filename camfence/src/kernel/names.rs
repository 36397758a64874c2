//! The names that profiles let DNS queries ask for.

use std::collections::BTreeMap;

use aya::maps::{
    MapData,
    lpm_trie::{Key, LpmTrie},
};
use camfence_common::abi::{MAX_NAME, NameKey, NameRule};

use super::{
    error::{Result, Tried as _},
    maps::Shared,
};

/// Bytes of a key before the name.
const PROFILE_LEN: usize = 2;

/// The entries of one profile: names as a [`NameKey`] has them.
pub(super) type Entries = BTreeMap<Vec<u8>, NameRule>;

/// The map of names.
pub(super) struct Names(pub(super) LpmTrie<MapData, Shared<NameKey>, Shared<NameRule>>);

impl Names {
    /// What the map holds, by profile.
    pub(super) fn observe(&self) -> Result<BTreeMap<u32, Entries>> {
        let mut profiles: BTreeMap<u32, Entries> = BTreeMap::new();
        for entry in &self.0 {
            let (key, Shared(rule)) = entry.tried(|| "reading the names".into())?;
            let Shared(data) = key.data();
            let profile = u16::from_be_bytes(data.profile).into();
            let len = (key.prefix_len() as usize / 8).saturating_sub(PROFILE_LEN);
            let name = data.name.get(..len).unwrap_or(&data.name);
            profiles.entry(profile).or_default().insert(name.to_vec(), rule);
        }
        Ok(profiles)
    }

    /// Puts other entries in place of a profile's.
    pub(super) fn replace(&mut self, profile: u32, old: &Entries, new: &Entries) -> Result<()> {
        for name in old.keys().filter(|name| !new.contains_key(*name)) {
            self.0.remove(&key(profile, name)).tried(|| "removing a name".into())?;
        }
        for (name, rule) in new {
            self.0
                .insert(&key(profile, name), Shared(*rule), 0)
                .tried(|| "adding a name".into())?;
        }
        Ok(())
    }
}

fn key(profile: u32, name: &[u8]) -> Key<Shared<NameKey>> {
    // There are far fewer profiles, and names are no longer.
    let profile = u16::try_from(profile).unwrap_or(u16::MAX).to_be_bytes();
    let len = name.len().min(MAX_NAME);
    let mut data = NameKey { profile, name: [0; MAX_NAME] };
    data.name[..len].copy_from_slice(&name[..len]);
    let bits = u32::try_from((PROFILE_LEN + len) * 8).unwrap_or(u32::MAX);
    Key::new(bits, Shared(data))
}
