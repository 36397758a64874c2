use bytemuck::Zeroable as _;
use camfence_common::{
    abi::{NameRule, Profile},
    mac::Mac,
};
use proptest::{collection, prelude::*};

use super::*;

/// A profile that differs from those of other numbers: even ones in their table, odd ones from the
/// even one before in a name.
fn profile(number: u16) -> CompiledProfile {
    let table = Profile { written: Profile::WRITTEN, local4_len: number / 2, ..Profile::zeroed() };
    let rule = NameRule { len: 4, itself: 1, below: 0 };
    let names = (number % 2 == 1).then(|| (b"gro.".to_vec(), rule));
    CompiledProfile { table, names: names.into_iter().collect() }
}

fn camera(number: u8) -> Subject {
    Subject::Camera(Mac([0x02, 0xcf, 0, 0, 0, number]))
}

fn entry(slot: u32, profile: u32) -> Camera {
    Camera { slot, profile, ..Camera::zeroed() }
}

/// A policy of profiles by number, and of cameras by number with an index of a profile.
fn policy(profiles: &[u16], cameras: &[(u8, usize)]) -> CompiledPolicy {
    CompiledPolicy {
        profiles: profiles.iter().copied().map(profile).collect(),
        cameras: cameras
            .iter()
            .map(|&(number, index)| (camera(number), entry(0, u32::try_from(index).unwrap())))
            .collect(),
    }
}

/// Makes changes as the kernel's side does, and sees at every step that no live camera is given
/// half a policy.
fn apply(state: &mut Observed, changes: &Changes) {
    for (index, profile) in &changes.profiles {
        assert!(*index < PROFILE_SLOTS, "profile {index} has no place");
        let used = state.cameras.values().any(|camera| camera.profile == *index);
        assert!(!used, "profile {index} is rewritten under a camera");
        state.profiles.insert(*index, profile.clone());
    }
    state.strangers |= changes.look_for_strangers;
    if let Some(cameras) = &changes.replace {
        state.cameras = cameras.iter().copied().collect();
    }
    for (subject, camera) in &changes.insert {
        let taken = state.cameras.values().any(|other| other.slot == camera.slot);
        assert!(!taken, "slot {} is another camera's", camera.slot);
        assert_eq!(state.cameras.insert(*subject, *camera), None, "{subject:?} was there");
    }
    let strangers = state.cameras.keys().any(|subject| matches!(subject, Subject::Strangers(_)));
    assert!(state.strangers || !strangers, "nobody looks for strangers");
    state.strangers &= !changes.ignore_strangers;
    assert_eq!(state.strangers, strangers);
}

/// What a state means: each camera's profile and flags.
fn meaning(state: &Observed) -> BTreeMap<Subject, (CompiledProfile, u32)> {
    let meaning = |camera: &Camera| (state.profiles[&camera.profile].clone(), camera.flags);
    state.cameras.iter().map(|(&subject, camera)| (subject, meaning(camera))).collect()
}

fn intended(policy: &CompiledPolicy) -> BTreeMap<Subject, (CompiledProfile, u32)> {
    let meaning =
        |camera: &Camera| (policy.profiles[camera.profile as usize].clone(), camera.flags);
    policy.cameras.iter().map(|(&subject, camera)| (subject, meaning(camera))).collect()
}

fn reconciled(policies: &[CompiledPolicy]) -> Observed {
    let mut state = Observed::default();
    for policy in policies {
        let changes = diff(&state, policy);
        apply(&mut state, &changes);
    }
    state
}

#[test]
fn an_empty_kernel_is_filled_without_a_new_map() {
    let changes = diff(&Observed::default(), &policy(&[1, 2], &[(1, 0), (2, 1), (3, 0)]));
    assert_eq!(changes.profiles, vec![(0, profile(1)), (1, profile(2))]);
    assert_eq!(changes.replace, None);
    let inserted = [(1, 0, 0), (2, 1, 1), (3, 2, 0)]
        .map(|(number, slot, profile)| (camera(number), entry(slot, profile)));
    assert_eq!(changes.insert, inserted);
}

#[test]
fn a_camera_more_is_only_added() {
    let state = reconciled(&[policy(&[1], &[(2, 0), (3, 0)])]);
    let changes = diff(&state, &policy(&[1], &[(1, 0), (2, 0), (3, 0)]));
    let insert = vec![(camera(1), entry(2, 0))];
    assert_eq!(changes, Changes { insert, ..Changes::default() });
}

#[test]
fn a_camera_less_is_a_new_map() {
    let state = reconciled(&[policy(&[1], &[(1, 0), (2, 0)])]);
    let changes = diff(&state, &policy(&[1], &[(2, 0)]));
    let replace = Some(vec![(camera(2), entry(1, 0))]);
    assert_eq!(changes, Changes { replace, ..Changes::default() });
}

#[test]
fn a_slot_is_used_again_after_its_camera_went() {
    let state = reconciled(&[policy(&[1], &[(1, 0), (2, 0)])]);
    let changes = diff(&state, &policy(&[1], &[(2, 0), (3, 0)]));
    assert_eq!(changes.replace.unwrap(), [(camera(2), entry(1, 0))]);
    assert_eq!(changes.insert, [(camera(3), entry(0, 0))]);
}

#[test]
fn a_changed_profile_is_written_beside_the_old() {
    let state = reconciled(&[policy(&[1, 2], &[(1, 0), (2, 1)])]);
    let changes = diff(&state, &policy(&[3, 2], &[(1, 0), (2, 1)]));
    assert_eq!(changes.profiles, [(2, profile(3))]);
    let replace = [(1, 0, 2), (2, 1, 1)]
        .map(|(number, slot, profile)| (camera(number), entry(slot, profile)));
    assert_eq!(changes.replace.unwrap(), replace);
    assert_eq!(changes.insert, []);
}

#[test]
fn a_profile_that_still_stands_is_used_again() {
    let old = policy(&[1], &[(1, 0)]);
    let state = reconciled(&[old.clone(), policy(&[2], &[(1, 0)])]);
    let changes = diff(&state, &old);
    assert_eq!(changes.profiles, []);
    assert_eq!(changes.replace.unwrap(), [(camera(1), entry(0, 0))]);
}

#[test]
fn profiles_that_differ_in_a_name_have_places_of_their_own() {
    let changes = diff(&Observed::default(), &policy(&[2, 3], &[(1, 0), (2, 1)]));
    assert_eq!(changes.profiles, vec![(0, profile(2)), (1, profile(3))]);
}

#[test]
fn strangers_are_looked_for_while_there_is_an_entry_for_them() {
    let without = policy(&[1], &[(1, 0)]);
    let mut with = without.clone();
    with.cameras.insert(Subject::Strangers(7), entry(0, 0));
    let state = reconciled(std::slice::from_ref(&without));
    let changes = diff(&state, &with);
    assert!(changes.look_for_strangers && changes.replace.is_none());
    assert_eq!(changes.insert, [(Subject::Strangers(7), entry(1, 0))]);
    let changes = diff(&reconciled(&[without.clone(), with]), &without);
    assert!(changes.ignore_strangers && changes.replace.is_some());
}

#[test]
fn equal_profiles_share_a_place() {
    let changes = diff(&Observed::default(), &policy(&[1, 1, 1], &[(1, 0), (2, 2)]));
    assert_eq!(changes.profiles, [(0, profile(1))]);
    assert!(changes.insert.iter().all(|(_, camera)| camera.profile == 0));
}

#[test]
fn as_many_profiles_as_there_can_be_are_all_replaced() {
    let full = |first: u16| {
        let cameras: Vec<_> = (0..=255).map(|number| (number, usize::from(number))).collect();
        policy(&(first..first + 256).collect::<Vec<_>>(), &cameras)
    };
    let last = full(768);
    let state = reconciled(&[full(0), full(256), full(512), last.clone()]);
    assert_eq!(meaning(&state), intended(&last));
}

fn any_policy() -> impl Strategy<Value = CompiledPolicy> {
    collection::vec(0..12_u16, 1..6).prop_flat_map(|profiles| {
        let cameras = collection::btree_map(0..24_u8, 0..profiles.len(), 0..16);
        let strangers = collection::btree_map(1..4_u32, 0..1_u32, 0..3);
        let flags = prop_oneof![Just(0), Just(Camera::AUDIT)];
        (cameras, strangers, flags).prop_map(move |(cameras, strangers, flags)| {
            let mut policy = policy(&profiles, &cameras.into_iter().collect::<Vec<_>>());
            for (ifindex, profile) in strangers {
                policy.cameras.insert(Subject::Strangers(ifindex), entry(0, profile));
            }
            policy.cameras.values_mut().for_each(|camera| camera.flags = flags);
            policy
        })
    })
}

proptest! {
    /// `apply` sees at every step that no profile is rewritten under a camera and that no slot
    /// has two.
    #[test]
    fn any_change_after_any_other_gives_the_policy(
        policies in collection::vec(any_policy(), 1..8),
    ) {
        let mut state = Observed::default();
        for policy in &policies {
            let changes = diff(&state, policy);
            apply(&mut state, &changes);
            prop_assert_eq!(meaning(&state), intended(policy));
            prop_assert!(diff(&state, policy).is_empty(), "a second time there is nothing to do");
        }
    }

    #[test]
    fn a_camera_that_stays_keeps_its_slot(policies in collection::vec(any_policy(), 2..8)) {
        let mut state = Observed::default();
        for policy in &policies {
            let before = state.cameras.clone();
            let changes = diff(&state, policy);
            apply(&mut state, &changes);
            for (subject, camera) in &state.cameras {
                let slot = before.get(subject).map_or(camera.slot, |camera| camera.slot);
                prop_assert_eq!(camera.slot, slot, "{:?}", subject);
            }
        }
    }

    #[test]
    fn slots_stay_below_the_most_cameras_there_were(
        policies in collection::vec(any_policy(), 1..8),
    ) {
        let most = policies.iter().map(|policy| policy.cameras.len()).max().unwrap_or(0);
        let state = reconciled(&policies);
        prop_assert!(state.cameras.values().all(|camera| (camera.slot as usize) < most));
    }

    #[test]
    fn cameras_that_are_only_added_need_no_new_map(policy in any_policy(), new in 100..110_u8) {
        let state = reconciled(std::slice::from_ref(&policy));
        let mut more = policy;
        more.cameras.insert(camera(new), entry(0, 0));
        let changes = diff(&state, &more);
        prop_assert_eq!(changes.replace, None);
        prop_assert_eq!(changes.insert.len(), 1);
    }
}
