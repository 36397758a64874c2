//! What has to be written so that the kernel holds a compiled policy.

use std::collections::{BTreeMap, BTreeSet};

use camfence_common::{
    abi::{Camera, PROFILE_SLOTS, Profile},
    mac::Mac,
};

use super::compile::CompiledPolicy;

/// What the kernel's maps hold.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// The live camera map.
    pub cameras: BTreeMap<Mac, Camera>,
    /// The profiles that were written, by index.
    pub profiles: BTreeMap<u32, Profile>,
}

/// What has to be written, in the order of the fields.
///
/// Each step leaves every frame with one whole policy. Profiles are written where no camera looks;
/// cameras that go or change make a new map, which one pointer puts in place of the old; new
/// cameras are added to the live map, after their counters were set to zero.
#[derive(Debug, Default, PartialEq)]
pub struct Changes {
    /// Profiles to write, by index.
    pub profiles: Vec<(u32, Profile)>,
    /// The cameras of a new live map, if one is needed.
    pub replace: Option<Vec<(Mac, Camera)>>,
    /// Cameras to add to the live map; their slots' counters start at zero.
    pub insert: Vec<(Mac, Camera)>,
}

impl Changes {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Compares what the kernel holds with what it should hold.
pub fn diff(observed: &Observed, policy: &CompiledPolicy) -> Changes {
    let (indices, profiles) = place_profiles(observed, policy);
    let mut kept = Vec::new();
    let mut added = Vec::new();
    for (&mac, &profile) in &policy.cameras {
        let profile = indices[profile];
        match observed.cameras.get(&mac) {
            Some(camera) => kept.push((mac, Camera { profile, ..*camera })),
            None => added.push((mac, profile)),
        }
    }
    let unchanged = kept.len() == observed.cameras.len()
        && kept.iter().all(|(mac, camera)| observed.cameras.get(mac) == Some(camera));
    let used: BTreeSet<u32> = kept.iter().map(|(_, camera)| camera.slot).collect();
    let free = (0..).filter(|slot| !used.contains(slot));
    let insert =
        added.into_iter().zip(free).map(|((mac, profile), slot)| (mac, Camera { slot, profile }));
    Changes { profiles, insert: insert.collect(), replace: (!unchanged).then_some(kept) }
}

/// Finds an index for each profile: where it already stands, else one that no camera points to.
/// Returns the indices, and what has to be written.
fn place_profiles(observed: &Observed, policy: &CompiledPolicy) -> (Vec<u32>, Vec<(u32, Profile)>) {
    let standing = |profile: &Profile| {
        observed.profiles.iter().find(|(_, other)| *other == profile).map(|(&index, _)| index)
    };
    let in_use = observed.cameras.values().map(|camera| camera.profile);
    let mut taken: BTreeSet<u32> =
        in_use.chain(policy.profiles.iter().filter_map(standing)).collect();
    let mut writes: Vec<(u32, Profile)> = Vec::new();
    let mut place = |profile: &Profile| {
        let written = writes.iter().find(|(_, other)| other == profile).map(|&(index, _)| index);
        standing(profile).or(written).unwrap_or_else(|| {
            // The limits leave one: there are twice as many indices as profiles.
            let index = (0..PROFILE_SLOTS).find(|index| taken.insert(*index)).unwrap_or(0);
            writes.push((index, *profile));
            index
        })
    };
    let indices = policy.profiles.iter().map(&mut place).collect();
    (indices, writes)
}

#[cfg(test)]
mod tests;
