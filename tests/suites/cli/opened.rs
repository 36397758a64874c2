//! `open`, `close` and `unknown`: what they say, and to what they say no.

use std::fs;

use anyhow::Result;
use camfence_tests::cmd::Outcome;
use serde_json::json;

use crate::bench::{Bench, GOOD, fails, is_calm};

/// Checks for an error of usage that says `what`.
#[track_caller]
fn misused(outcome: &Outcome, what: &str) {
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(2), ""), "{outcome:#?}");
    assert!(outcome.stderr.starts_with("error: "), "{outcome:#?}");
    assert!(outcome.stderr.contains(what), "{what:?} in {outcome:#?}");
    is_calm(outcome);
}

#[test]
fn a_time_is_needed_and_why_is_said() -> Result<()> {
    let bench = Bench::new()?;
    let camfence = bench.camfence(GOOD)?;
    let outcome = camfence.run(["open", "driveway"])?;
    misused(&outcome, "--for <TIME>");
    misused(&outcome, "a fence that is opened without an end stays open");
    let without_camera = camfence.run(["open", "--for", "10m"])?;
    misused(&without_camera, "<NAME|MAC>");
    assert!(!without_camera.stderr.contains("without an end"), "{without_camera:#?}");
    let help = camfence.run(["open", "--help"])?.success()?;
    assert!(help.contains("1s to 24h"), "{help}");
    for (time, what) in [
        ("0s", "1s to 24h"),
        ("25h", "1s to 24h"),
        ("2weeks", "1s to 24h"),
        ("1ms", "whole seconds"),
        ("10", "like 90s, 10m or 1h 30m"),
        ("soon", "like 90s, 10m or 1h 30m"),
    ] {
        misused(&camfence.run(["open", "driveway", "--for", time])?, what);
    }
    bench.is_untouched()
}

#[test]
fn a_camera_is_opened_and_closed_by_name_or_mac_and_the_file_stays() -> Result<()> {
    let bench = Bench::new()?;
    let camfence = bench.camfence(GOOD)?;
    camfence.run(["up"])?.success()?;
    let mac = "b0:c5:54:25:5b:0e";
    let opened = |seconds| json!({"camera": "driveway", "mac": mac, "open_seconds": seconds});
    let open = camfence.json(["open", "driveway", "--for", "10m"])?;
    assert_eq!(open, opened(json!(600)));
    let left = camfence.json(["status"])?["cameras"][0]["open_seconds"].as_u64();
    assert!(left.is_some_and(|left| (500..=600).contains(&left)), "{left:?}");
    let status = camfence.run(["status"])?.success()?;
    assert!(status.contains("\nopen: driveway (closes in "), "{status}");
    // Again means for that time from now.
    assert_eq!(camfence.json(["open", "B0-C5-54-25-5B-0E", "--for", "24h"])?, opened(json!(86400)));
    let said = camfence.run(["open", mac, "--for", "90s"])?.success()?;
    assert_eq!(said, "driveway is open for 1m 30s; it closes by itself\n");
    let left = camfence.json(["status"])?["cameras"][0]["open_seconds"].as_u64();
    assert!(left.is_some_and(|left| left <= 90), "{left:?}");
    assert_eq!(camfence.run(["close", "driveway"])?.success()?, "driveway is closed\n");
    assert_eq!(camfence.run(["close", mac])?.success()?, "driveway was not open\n");
    assert_eq!(camfence.json(["close", "driveway"])?, opened(json!(null)));
    assert_eq!(camfence.json(["status"])?["cameras"][0]["open_seconds"], json!(null));
    assert!(!camfence.run(["status"])?.success()?.contains("open:"));
    assert_eq!(fs::read_to_string(camfence.config_path())?, GOOD);
    Ok(())
}

#[test]
fn a_camera_that_is_not_there_cannot_be_opened() -> Result<()> {
    let bench = Bench::new()?;
    let camfence = bench.camfence(GOOD)?;
    camfence.run(["up"])?.success()?;
    let open = |camera: &str| camfence.run(["open", camera, "--for", "1s"]);
    for camera in ["garage", "b0:c5:54:25:5b:1f", "", "two\nlines"] {
        let no_camera = ["no camera has the name or MAC"];
        fails(&open(camera)?, &no_camera, Some("camfence list"));
        fails(&camfence.run(["close", camera])?, &no_camera, Some("camfence list"));
    }
    let more = "\n[[camera]]\nmac = \"b0:c5:54:25:5b:1f\"\nname = \"garage\"\n";
    camfence.configure(&(GOOD.to_owned() + more))?;
    for verb in [&["open", "garage", "--for", "1s"][..], &["close", "garage"]] {
        let not_live = ["garage is not in the fence yet"];
        fails(&camfence.run(verb)?, &not_live, Some("camfence reload"));
    }
    camfence.run(["reload"])?.success()?;
    open("garage")?.success()?;
    Ok(())
}

#[test]
fn without_a_policy_for_unknown_sources_that_is_said() -> Result<()> {
    let bench = Bench::new()?;
    let camfence = bench.camfence(GOOD)?;
    camfence.run(["up"])?.success()?;
    let outcome = camfence.run(["unknown"])?;
    assert_eq!(outcome.stdout, "no unknown source was seen\n");
    assert!(outcome.stderr.starts_with("notice: unknown sources pass"), "{outcome:#?}");
    assert!(outcome.stderr.contains("\nhint: write unknown = \"drop\""), "{outcome:#?}");
    assert_eq!(camfence.json(["unknown"])?, json!({"unknown": []}));
    camfence.configure(&GOOD.replace("[fence]", "[fence]\nunknown = \"drop\""))?;
    camfence.run(["reload"])?.success()?;
    let outcome = camfence.run(["unknown"])?;
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""), "{outcome:#?}");
    Ok(())
}

#[test]
fn a_fence_in_audit_says_so() -> Result<()> {
    let bench = Bench::new()?;
    let camfence = bench.camfence(&GOOD.replace("[fence]", "[fence]\nmode = \"audit\""))?;
    camfence.run(["up"])?.success()?;
    let status = camfence.run(["status"])?.success()?;
    assert!(status.contains("NO: audit"), "{status}");
    assert!(status.contains("\naudit: driveway\n"), "{status}");
    let status = camfence.json(["status"])?;
    assert_eq!(status["interfaces"][0]["enforcing"], false, "{status}");
    assert_eq!(status["cameras"][0]["mode"], "audit", "{status}");
    Ok(())
}
