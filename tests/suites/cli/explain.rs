//! `camfence explain`: a frame in words, and what decides.

use std::collections::BTreeSet;

use anyhow::Result;
use camfence_common::reason::Reason;
use camfence_tests::cmd::Outcome;
use serde_json::{Value, json};

use crate::bench::{Bench, failed_with, fails, is_calm};
use crate::environment::as_nobody;

const CONFIG: &str = r#"
[fence]
unknown = "drop"

[profile.tight]
local = ["192.168.1.0/25", "192.168.1.128/25", "auto"]
allow = ["ntp to any", "tcp/25 to 192.0.2.1"]
dns = ["pool.ntp.org"]
port-mapping = "deny"

[[camera]]
mac = "b0:c5:54:25:5b:0e"
name = "driveway"

[[camera]]
mac = "b0:c5:54:25:5b:0f"
name = "front door"
profile = "tight"
addresses = ["192.168.1.31"]
"#;

/// A question, its reason, and the key, value and profile of the rule that decides.
type Case = (&'static [&'static str], Reason, Option<(&'static str, Value, Option<&'static str>)>);

fn cases() -> Vec<Case> {
    let tight = Some("tight");
    let local = || json!(["192.168.1.0/25", "192.168.1.128/25", "auto"]);
    vec![
        (
            &["02:00:00:00:00:99", "to", "8.8.8.8"],
            Reason::Sealed,
            Some(("unknown", json!("drop"), None)),
        ),
        (&["front door", "to", "192.168.1.1", "47"], Reason::Tunnel, None),
        (
            &["front door", "to", "192.168.1.1", "tcp/80", "--source", "192.168.1.32"],
            Reason::Spoof,
            Some(("addresses", json!(["192.168.1.31"]), None)),
        ),
        (
            &["front door", "to", "192.168.1.1", "udp/53", "asking", "example.org"],
            Reason::Dns,
            Some(("dns", json!(["pool.ntp.org"]), tight)),
        ),
        (
            &["front door", "to", "192.168.1.1", "udp/5351"],
            Reason::PortMapping,
            Some(("port-mapping", json!("deny"), tight)),
        ),
        (
            &["driveway", "to", "192.168.1.5", "udp/68"],
            Reason::Rogue,
            Some(("rogue", json!("deny"), Some("default"))),
        ),
        (&["front door", "to", "224.0.0.251", "udp/5353"], Reason::OnLink, None),
        (
            &["front door", "to", "192.168.1.130", "asking", "pool.ntp.org"],
            Reason::Local,
            Some(("local", json!("192.168.1.128/25"), tight)),
        ),
        (
            &["front door", "to", "8.8.8.8", "ntp"],
            Reason::Allowed,
            Some(("allow", json!("ntp to any"), tight)),
        ),
        (
            &["front door", "to", "8.8.8.8", "tcp/25"],
            Reason::NotLocal,
            Some(("local", local(), tight)),
        ),
        (
            &["front door", "from", "8.8.8.8", "tcp/25"],
            Reason::Inbound,
            Some(("local", local(), tight)),
        ),
    ]
}

/// Frames in words are whole, of IP, and by a configuration that is whole.
const NOT_IN_WORDS: [Reason; 7] = [
    Reason::Opened,
    Reason::Malformed,
    Reason::Link,
    Reason::EtherType,
    Reason::SourceRoute,
    Reason::Fragment,
    Reason::NoPolicy,
];

#[test]
fn every_reason_that_words_can_give_is_explained() -> Result<()> {
    let bench = Bench::new()?;
    let camfence = bench.camfence(CONFIG)?;
    let mut seen = BTreeSet::from(NOT_IN_WORDS);
    for (words, reason, rule) in cases() {
        let arguments = [&["explain"], words].concat();
        let answer = camfence.json(&arguments)?;
        let keys: BTreeSet<_> =
            answer.as_object().into_iter().flatten().map(|(k, _)| k.as_str()).collect();
        let expected = [
            "camera",
            "mac",
            "profile",
            "direction",
            "frame",
            "mode",
            "verdict",
            "reason",
            "description",
            "rule",
            "notes",
        ];
        assert_eq!(keys, BTreeSet::from(expected));
        assert_eq!(answer["reason"], reason.name(), "{words:?}: {answer}");
        assert_eq!(answer["description"], reason.description());
        let rule = rule
            .map(|(key, value, profile)| json!({"key": key, "value": value, "profile": profile}));
        assert_eq!(answer["rule"], json!(rule), "{words:?}");
        let text = camfence.run(&arguments)?.success()?;
        assert!(
            text.contains(&format!("reason:  {}: {}", reason.name(), reason.description())),
            "{text}"
        );
        assert_eq!(text.contains("rule:    built in"), rule.is_none(), "{text}");
        seen.insert(reason);
    }
    assert_eq!(seen, BTreeSet::from(Reason::ALL));
    bench.is_untouched()
}

#[test]
fn what_is_told_reads_like_this() -> Result<()> {
    let bench = Bench::new()?;
    let camfence = bench.camfence(&CONFIG.replace("\"drop\"", "\"pass\""))?;
    let tell = |words: &[&str]| camfence.run([&["explain"], words].concat())?.success();
    let expected = r#"device:  front door (b0:c5:54:25:5b:0f), profile "tight"
frame:   outbound, tcp 192.168.1.31:50000 -> 192.0.2.1:26
verdict: dropped
reason:  not-local: From a camera to an address outside its local networks.
rule:    local = ["192.168.1.0/25", "192.168.1.128/25", "auto"] of profile "tight"
note:    none of its 2 allowances fits
note:    the nearest is "tcp/25 to 192.0.2.1": it has another port
note:    "auto" in local stands for the networks of the port, which are known only where the fence is up: an address in them is local
"#;
    assert_eq!(tell(&["front door", "to", "192.0.2.1", "tcp/26"])?, expected);
    let expected = r#"device:  no camera (02:00:00:00:00:99)
frame:   inbound, udp 8.8.8.8:53 -> 192.0.2.2:50000
verdict: passes unseen: a bystander's frames are not judged
note:    02:00:00:00:00:99 is not registered: unknown = "pass"
"#;
    assert_eq!(tell(&["02:00:00:00:00:99", "from", "8.8.8.8", "udp/53"])?, expected);
    Ok(())
}

#[test]
fn it_needs_neither_privileges_nor_a_fence() -> Result<()> {
    use std::{fs, os::unix::fs::PermissionsExt as _};
    let bench = Bench::new()?;
    let camfence = bench.camfence(CONFIG)?;
    fs::set_permissions(camfence.dir(), fs::Permissions::from_mode(0o755))?;
    as_nobody(&bench, &camfence, &["explain", "driveway", "to", "8.8.8.8"])?.success()?;
    bench.is_untouched()
}

#[test]
fn words_that_cannot_be_read_are_wrong_usage_and_unknown_cameras_are_not() -> Result<()> {
    let bench = Bench::new()?;
    let camfence = bench.camfence(CONFIG)?;
    let run = |words: &[&str]| -> Result<Outcome> { camfence.run([&["explain"], words].concat()) };
    for (words, what, hint) in [
        (&["driveway"][..], "an address are needed", "camfence explain driveway to"),
        (&["driveway", "to", "\u{1b}[2J"], "\"\\u{1b}[2J\" is not an address", "like 8.8.8.8"),
        (
            &["driveway", "to", "8.8.8.8", "upd/53"],
            "no protocol or preset \"upd\"",
            "tcp, udp, icmp",
        ),
        (&["driveway", "to", "8.8.8.8", "dns"], "udp/53, tcp/53", "one of them"),
        (&["driveway", "from", "8.8.8.8", "--source", "10.0.0.1"], "--source", "leave"),
    ] {
        let outcome = run(words)?;
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(2), ""), "{outcome:#?}");
        failed_with(&outcome, &[what], Some(hint));
    }
    for words in [&[][..], &["driveway", "to", "8.8.8.8", "--source", "x"]] {
        let outcome = run(words)?;
        assert_eq!(outcome.code, Some(2), "{outcome:#?}");
        is_calm(&outcome);
    }
    let outcome = run(&["drivway", "to", "8.8.8.8"])?;
    fails(
        &outcome,
        &["no camera has the name or MAC \"drivway\""],
        Some("did you mean \"driveway\"?"),
    );
    camfence.configure("nonsense")?;
    fails(&run(&["driveway", "to", "8.8.8.8"])?, &["camfence.toml:1"], Some(""));
    Ok(())
}
