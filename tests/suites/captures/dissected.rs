//! `camfence replay` counts like the model, which reads frames with etherparse, under profiles that
//! differ in everything a profile has.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use anyhow::{Context as _, Result};
use camfence::config::Config;
use camfence_common::{abi::Tally, reason::Direction};
use camfence_tests::{BpffsRoot, Camfence, Netns, model};
use serde_json::Value;

use crate::{
    CAPTURES, frames, packets, path,
    profiles::{self, Policy},
};

/// What was counted, by camera, direction and reason.
type Counts = BTreeMap<(String, &'static str, String), Tally>;

#[test]
fn a_replay_counts_like_an_independent_dissector_under_every_profile() -> Result<()> {
    let (netns, bpffs) = (Netns::new("captures")?, BpffsRoot::new()?);
    let camfence = Camfence::new(&netns, "", &bpffs)?;
    let usual = agreed(&camfence, &profiles::default())?;
    let mut met = reasons(usual.values());
    for policy in profiles::others() {
        let counts = agreed(&camfence, &policy)?;
        let differing = CAPTURES.map(|name| (name, differing(&usual[name], &counts[name])));
        println!("{}: other counts than by default: {differing:?}", policy.name);
        let moves = differing.iter().any(|(_, reasons)| reasons.len() >= 2);
        assert!(moves, "{}: much the same as by default", policy.name);
        met.extend(reasons(counts.values()));
    }
    println!("met: {met:?}");
    Ok(())
}

/// What camfence and the model count in each capture under a policy.
fn agreed(camfence: &Camfence, policy: &Policy) -> Result<BTreeMap<&'static str, Counts>> {
    camfence.configure(&policy.text)?;
    let config = Config::parse(Path::new("test.toml"), &policy.text)?;
    let mut agreed = BTreeMap::new();
    for name in CAPTURES {
        let expected = dissected(&config, name)?;
        assert_eq!(replayed(camfence, name)?, expected, "{name}: {}", policy.name);
        agreed.insert(name, expected);
    }
    let met = reasons(agreed.values());
    for &reason in policy.gives {
        assert!(met.contains(reason), "{}: no frame is {reason}, but {met:?}", policy.name);
    }
    Ok(agreed)
}

/// The model's counts.
fn dissected(config: &Config, name: &str) -> Result<Counts> {
    let mut counts = Counts::new();
    for frame in frames(name)? {
        for direction in Direction::ALL {
            let unknown = config.fence.unknown;
            let model::Subject::Judged(station) =
                model::subject(config, direction, unknown, &frame)
            else {
                continue;
            };
            let reason = model::judge(config, direction, unknown, &frame);
            let reason = reason.context("it is judged, and has no reason")?.name().to_owned();
            if station.registered {
                let key = (station.mac.to_string(), direction.name(), reason);
                counts.entry(key).or_default().add(packets(1, frame.len() as u64));
            }
        }
    }
    Ok(counts)
}

/// What `camfence replay` prints.
fn replayed(camfence: &Camfence, name: &str) -> Result<Counts> {
    let report = camfence.json(["replay".as_ref(), path(name).as_os_str()])?;
    assert_eq!(report["frames"], frames(name)?.len());
    let mut counts = Counts::new();
    for camera in report["cameras"].as_array().context("no cameras")? {
        let mac = camera["mac"].as_str().context("no mac")?;
        for direction in Direction::ALL.map(Direction::name) {
            let reasons = camera[direction]["reasons"].as_object().context("no reasons")?;
            for (reason, count) in reasons {
                counts.insert((mac.to_owned(), direction, reason.clone()), tally(count)?);
            }
        }
    }
    Ok(counts)
}

fn tally(count: &Value) -> Result<Tally> {
    let number = |key: &str| count[key].as_u64().context("not a count");
    Ok(packets(number("packets")?, number("bytes")?))
}

fn reasons<'a>(counts: impl IntoIterator<Item = &'a Counts>) -> BTreeSet<String> {
    let keys = counts.into_iter().flat_map(BTreeMap::keys);
    keys.map(|(_, _, reason)| reason.clone()).collect()
}

/// Reasons that some camera of both has other counts for.
fn differing(usual: &Counts, counts: &Counts) -> BTreeSet<String> {
    let cameras: BTreeSet<_> = counts.keys().map(|(mac, _, _)| mac).collect();
    let keys = usual.keys().chain(counts.keys());
    keys.filter(|key| cameras.contains(&key.0) && usual.get(key) != counts.get(key))
        .map(|(_, _, reason)| reason.clone())
        .collect()
}
