//! Help, versions, usage errors, and where options may stand.

use std::collections::BTreeSet;

use anyhow::Result;
use camfence_tests::cmd::binary;
use serde_json::{Value, json};

use crate::bench::{Bench, CAM, GOOD, fails, is_calm};

const VERBS: [&str; 21] = [
    "run", "up", "down", "reload", "add", "remove", "open", "close", "list", "status", "unknown",
    "events", "ledger", "top", "capture", "discover", "init", "check", "doctor", "explain",
    "replay",
];

fn plain(arguments: &[&str]) -> Result<(Option<i32>, String, String)> {
    let output = std::process::Command::new(binary()?).args(arguments).output()?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok((output.status.code(), text(output.stdout), text(output.stderr)))
}

#[test]
fn every_verb_has_help_and_a_version() -> Result<()> {
    let (code, top, _) = plain(&["--help"])?;
    assert_eq!(code, Some(0));
    for verb in VERBS {
        assert!(top.contains(&format!("\n  {verb} ")), "{verb} in {top}");
        let (code, help, stderr) = plain(&[verb, "--help"])?;
        assert_eq!((code, stderr.as_str()), (Some(0), ""));
        for option in ["--config <FILE>", "--bpffs <DIR>", "--json", "Usage: camfence"] {
            assert!(help.contains(option), "{option} in the help of {verb}: {help}");
        }
        let (code, version, _) = plain(&[verb, "--version"])?;
        assert_eq!(code, Some(0));
        assert!(version.ends_with(concat!(env!("CARGO_PKG_VERSION"), "\n")), "{version:?}");
    }
    assert!(!top.contains("without-tcx"), "a hidden option shows");
    assert_eq!(plain(&["--version"])?.1, concat!("camfence ", env!("CARGO_PKG_VERSION"), "\n"));
    Ok(())
}

#[test]
fn usage_errors_end_with_two() -> Result<()> {
    let wrong: [&[&str]; 27] = [
        &["frobnicate"],
        &["up", "extra"],
        &["up", "--frob"],
        &["--config"],
        &["up", "--json=maybe"],
        &["add"],
        &["add", "b0:c5:54:25:5b:0e"],
        &["add", "--name", "driveway"],
        &["add", "garbage", "--name", "driveway"],
        &["add", "b0:c5:54:25:5b", "--name", "driveway"],
        &["add", "b0:c5:54:25:5b:0e", "--name"],
        &["remove"],
        &["replay"],
        &["open"],
        &["open", "driveway"],
        &["open", "driveway", "--for"],
        &["open", "driveway", "--for", "10"],
        &["open", "driveway", "--for", "0s"],
        &["open", "driveway", "--for", "25h"],
        &["open", "--for", "10m"],
        &["close"],
        &["unknown", "driveway"],
        &["ledger", "driveway", "garage"],
        &["ledger", "--since", "10"],
        &["ledger", "--top", "0"],
        &["ledger", "--top"],
        &["explain"],
    ];
    // Without any argument it says what there is.
    let (code, stdout, stderr) = plain(&[])?;
    assert_eq!((code, stdout.as_str()), (Some(2), ""));
    assert!(stderr.contains("Usage: camfence"), "{stderr}");
    for arguments in wrong {
        let (code, stdout, stderr) = plain(arguments)?;
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{arguments:?}: {stderr}");
        assert!(stderr.starts_with("error: "), "{arguments:?}: {stderr}");
        is_calm(&camfence_tests::cmd::Outcome { code, stdout, stderr });
    }
    Ok(())
}

#[test]
fn options_stand_before_or_after_the_verb() -> Result<()> {
    let bench = Bench::new()?;
    let camfence = bench.camfence(GOOD)?;
    let config = camfence.config_path();
    let (config, bpffs) = (config.to_string_lossy(), bench.bpffs.path().to_string_lossy());
    let options = ["--config", &config, "--bpffs", &bpffs, "--json"];
    let before = [&options[..], &["list"]].concat();
    let after = [&["list"], &options[..]].concat();
    let between = [&options[..2], &["list"], &options[2..]].concat();
    let (code, first, stderr) = plain(&before)?;
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(serde_json::from_str::<Value>(&first)?["cameras"][0]["name"], "driveway");
    for order in [after, between] {
        assert_eq!(plain(&order)?.1, first);
    }
    Ok(())
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect()
}

/// The camera object that `status` and `replay` share.
pub(crate) fn is_a_camera(camera: &Value) {
    let expected = ["name", "mac", "profile", "mode", "outbound", "inbound"];
    assert_eq!(keys(camera), BTreeSet::from(expected));
    for direction in [&camera["outbound"], &camera["inbound"]] {
        assert_eq!(keys(direction), BTreeSet::from(["passed", "dropped", "reasons"]));
        for count in [&direction["passed"], &direction["dropped"]] {
            assert_eq!(keys(count), BTreeSet::from(["packets", "bytes"]));
        }
        for count in direction["reasons"].as_object().into_iter().flatten() {
            assert_eq!(keys(count.1), BTreeSet::from(["packets", "bytes"]));
        }
    }
}

#[test]
fn every_verb_that_prints_prints_json() -> Result<()> {
    let bench = Bench::new()?;
    let camfence = bench.camfence(GOOD)?;
    let summary = BTreeSet::from(["live", "added", "replaced", "attached", "detached", "notices"]);
    let check = json!({"ok": true, "cameras": 1, "profiles": 1, "interfaces": ["p0"],
        "unknown": "pass", "mode": "enforce"});
    assert_eq!(camfence.json(["check"])?, check);
    let up = camfence.json(["up"])?;
    assert_eq!(keys(&up), summary);
    assert_eq!(up["attached"], json!(["p0"]));
    assert_eq!(keys(&camfence.json(["reload"])?), summary);
    let add = ["add", "b0:c5:54:25:5b:1f", "--name", "garage"];
    assert_eq!(keys(&camfence.json(add)?), summary);
    let camera = json!({"name": "driveway", "mac": CAM.to_string(), "profile": "default"});
    assert_eq!(camfence.json(["list"])?["cameras"][0], camera);
    let status = camfence.json(["status"])?;
    assert_eq!(keys(&status), BTreeSet::from(["interfaces", "cameras"]));
    let port = json!({"name": "p0", "ifindex": bench.netns.ifindex("p0")?, "enforcing": true,
        "outbound": {"hook": "tc", "mode": "tcx"}, "inbound": {"hook": "tc", "mode": "tcx"}});
    assert_eq!(status["interfaces"], json!([port]));
    let cameras = status["cameras"].as_array().map(Vec::as_slice).unwrap_or_default();
    assert_eq!(cameras.len(), 2);
    cameras.iter().for_each(is_a_camera);
    assert_eq!(keys(&camfence.json(["remove", "garage"])?), summary);
    assert_eq!(camfence.json(["down"])?, json!({"stood": true}));
    assert_eq!(camfence.json(["down"])?, json!({"stood": false}));
    bench.is_untouched()
}

#[test]
fn every_verb_prints_for_people_too() -> Result<()> {
    let bench = Bench::new()?;
    let camfence = bench.camfence(GOOD)?;
    for (verb, expected) in [
        ("check", "is good: 1 camera, 1 profile, interfaces: p0"),
        ("up", "the fence is up: 1 camera\nfenced: p0\n"),
        ("reload", "reloaded: 1 camera\n"),
        ("list", "driveway"),
        ("status", "yes"),
        ("down", "the fence is down"),
        ("down", "there was no fence"),
    ] {
        let outcome = camfence.run([verb])?;
        assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""), "{outcome:#?}");
        assert!(outcome.stdout.contains(expected), "{verb}: {outcome:#?}");
    }
    Ok(())
}

#[test]
fn verbs_that_need_a_fence_say_that_none_stands() -> Result<()> {
    let bench = Bench::new()?;
    let camfence = bench.camfence(GOOD)?;
    let verbs: [&[&str]; 5] = [
        &["status"],
        &["reload"],
        &["unknown"],
        &["open", "driveway", "--for", "10m"],
        &["close", "driveway"],
    ];
    for verb in verbs {
        let path = bench.bpffs.path().to_string_lossy();
        fails(&camfence.run(verb)?, &["no fence stands", &path], Some("camfence up"));
    }
    bench.is_untouched()
}
