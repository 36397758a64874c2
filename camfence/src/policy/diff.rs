//! What has to be written so that the kernel holds a compiled policy.

use std::collections::{BTreeMap, BTreeSet};

use camfence_common::abi::{Camera, PROFILE_SLOTS, Subject};

use super::compile::{CompiledPolicy, CompiledProfile};

/// What the kernel's maps hold.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// The live camera map.
    pub cameras: BTreeMap<Subject, Camera>,
    /// Whether the hints that programs look at first lead past one of its cameras, or nowhere.
    pub astray: bool,
    /// Whether programs look for entries of unknown sources.
    pub strangers: bool,
    /// The profiles that were written, by index.
    pub profiles: BTreeMap<u32, CompiledProfile>,
}

/// What has to be written, in the order of the fields.
///
/// Each step leaves every frame with one whole policy. Profiles are written where no camera looks;
/// cameras that go or change make a new map, which one pointer puts in place of the old; new
/// cameras are added to the live map, after their counters were set to zero. What stands for
/// unknown sources is one of the cameras here; programs are told to look for it before it is there.
#[derive(Debug, Default, PartialEq)]
pub struct Changes {
    /// Profiles to write, by index.
    pub profiles: Vec<(u32, CompiledProfile)>,
    /// Whether the hints are to be set anew.
    pub hint: bool,
    /// Whether programs begin to look for entries of unknown sources.
    pub look_for_strangers: bool,
    /// The cameras of a new live map, if one is needed.
    pub replace: Option<Vec<(Subject, Camera)>>,
    /// Cameras to add to the live map; their slots' counters start at zero.
    pub insert: Vec<(Subject, Camera)>,
    /// Whether programs no longer look for entries of unknown sources.
    pub ignore_strangers: bool,
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
    for (&subject, wanted) in &policy.cameras {
        let wanted = Camera { profile: indices[wanted.profile as usize], ..*wanted };
        match observed.cameras.get(&subject) {
            Some(camera) => kept.push((subject, Camera { slot: camera.slot, ..wanted })),
            None => added.push((subject, wanted)),
        }
    }
    let unchanged = kept.len() == observed.cameras.len()
        && kept.iter().all(|(subject, camera)| observed.cameras.get(subject) == Some(camera));
    let used: BTreeSet<u32> = kept.iter().map(|(_, camera)| camera.slot).collect();
    let free = (0..).filter(|slot| !used.contains(slot));
    let insert = added
        .into_iter()
        .zip(free)
        .map(|((subject, wanted), slot)| (subject, Camera { slot, ..wanted }));
    let strangers = policy.cameras.keys().any(|subject| matches!(subject, Subject::Strangers(_)));
    Changes {
        profiles,
        hint: observed.astray,
        look_for_strangers: strangers && !observed.strangers,
        insert: insert.collect(),
        replace: (!unchanged).then_some(kept),
        ignore_strangers: !strangers && observed.strangers,
    }
}

/// Finds an index for each profile: where it already stands, else one that no camera points to.
/// Returns the indices, and what has to be written.
fn place_profiles(
    observed: &Observed,
    policy: &CompiledPolicy,
) -> (Vec<u32>, Vec<(u32, CompiledProfile)>) {
    let standing = |profile: &CompiledProfile| {
        observed.profiles.iter().find(|(_, other)| *other == profile).map(|(&index, _)| index)
    };
    let in_use = observed.cameras.values().map(|camera| camera.profile);
    let mut taken: BTreeSet<u32> =
        in_use.chain(policy.profiles.iter().filter_map(standing)).collect();
    let mut writes: Vec<(u32, CompiledProfile)> = Vec::new();
    let mut place = |profile: &CompiledProfile| {
        let written = writes.iter().find(|(_, other)| other == profile).map(|&(index, _)| index);
        standing(profile).or(written).unwrap_or_else(|| {
            // The limits leave one: there are twice as many indices as profiles.
            let index = (0..PROFILE_SLOTS).find(|index| taken.insert(*index)).unwrap_or(0);
            writes.push((index, profile.clone()));
            index
        })
    };
    let indices = policy.profiles.iter().map(&mut place).collect();
    (indices, writes)
}

#[cfg(test)]
mod tests;
