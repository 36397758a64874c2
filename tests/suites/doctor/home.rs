//! A home where all is well, and what doctor says of it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use camfence_tests::cmd::Daemon;
use camfence_tests::{BpffsRoot, Bridge, Camfence, Host, Lab, Mac, mac};
use serde_json::Value;

pub(crate) const CAM: Mac = mac("b0:c5:54:25:5b:0e");
pub(crate) const SPARE: Mac = mac("b0:c5:54:25:5b:1f");

/// The home's configuration: the bridge, and one camera.
pub(crate) const GOOD: &str = r#"[fence]
interfaces = ["br-cam"]
max_cameras = 64

[profile.default]
allow = ["ntp to any"]

[[camera]]
mac = "b0:c5:54:25:5b:0e"
name = "driveway"
"#;

const SOON: Duration = Duration::from_secs(10);

/// A bridge `br-cam` with a camera, a recorder and a spare port, and `lan0` and `lan1`, which are no part
/// of it.
pub(crate) struct Home {
    pub(crate) lab: Lab,
    pub(crate) bpffs: BpffsRoot,
}

impl Home {
    pub(crate) fn new() -> Result<Self> {
        let lab = Lab::builder()
            .bridge(Bridge::new("br-cam").ip("192.168.1.1/24").ip("fd00:1::1/64"))
            .host(Host::new("driveway").mac(CAM).silent())
            .host(Host::new("nvr").silent())
            .build()?;
        let lines =
            ["link add lan0 type veth peer name lan1", "link set lan0 up", "link set lan1 up"];
        lab.box_ns().ip_batch(&lines.map(String::from))?;
        Ok(Self { lab, bpffs: BpffsRoot::new()? })
    }

    /// The command line; no fence stands yet.
    pub(crate) fn camfence(&self, config: &str) -> Result<Camfence<'_>> {
        Camfence::new(self.lab.box_ns(), config, &self.bpffs)
    }

    /// A fence that stands, without a daemon, which would mend what a test breaks.
    pub(crate) fn fenced(&self) -> Result<Camfence<'_>> {
        let camfence = self.camfence(GOOD)?;
        camfence.run(["up"])?.success()?;
        Ok(camfence)
    }

    pub(crate) fn ip(&self, arguments: &str) -> Result<String> {
        self.lab.box_ns().ip(arguments)
    }
}

/// Starts the daemon; it answers when this returns.
pub(crate) fn run(camfence: &Camfence<'_>) -> Result<Daemon> {
    let mut daemon = camfence.start(["run"])?;
    let deadline = Instant::now() + SOON;
    while camfence.run(["reload"])?.code != Some(0) || has_no_socket(camfence)? {
        ensure!(daemon.is_running()? && Instant::now() < deadline, "{}", daemon.log()?);
    }
    Ok(daemon)
}

fn has_no_socket(camfence: &Camfence<'_>) -> Result<bool> {
    for entry in std::fs::read_dir(camfence.dir())? {
        if entry?.path().extension() == Some("sock".as_ref()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What doctor said.
#[derive(Debug)]
pub(crate) struct Diagnosis {
    pub(crate) code: Option<i32>,
    pub(crate) json: Value,
}

impl Diagnosis {
    pub(crate) fn findings(&self) -> impl Iterator<Item = &Value> {
        self.json["findings"].as_array().into_iter().flatten()
    }

    /// The findings of a check.
    pub(crate) fn of(&self, id: &str) -> Vec<&Value> {
        self.findings().filter(|finding| finding["id"] == id).collect()
    }

    /// Everything worse than information, as "LEVEL ID SUBJECT…".
    fn troubles(&self) -> BTreeSet<String> {
        let bad = ["failure", "warning"];
        self.lines(|level| bad.contains(&level))
    }

    fn lines(&self, wanted: impl Fn(&str) -> bool) -> BTreeSet<String> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
        let found = self.findings().filter(|finding| wanted(&text(&finding["level"])));
        found
            .map(|finding| {
                let keys = ["level", "id", "camera", "profile", "interface"];
                let words = keys.map(|key| text(&finding[key]));
                words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
            })
            .collect()
    }
}

pub(crate) fn diagnose(camfence: &Camfence<'_>) -> Result<Diagnosis> {
    diagnose_with(camfence, &[])
}

pub(crate) fn diagnose_with(camfence: &Camfence<'_>, options: &[&str]) -> Result<Diagnosis> {
    let outcome = camfence.run([&["doctor", "--json"], options].concat())?;
    let json = serde_json::from_str(&outcome.stdout).with_context(|| format!("{outcome:?}"))?;
    let diagnosis = Diagnosis { code: outcome.code, json };
    for finding in diagnosis.findings() {
        let told = ["failure", "warning", "info"].iter().any(|level| finding["level"] == *level);
        ensure!(finding["seen"].as_str().is_some_and(|seen| !seen.is_empty()), "{finding}");
        ensure!(!told || finding["do"].as_str().is_some_and(|todo| !todo.is_empty()), "{finding}");
    }
    Ok(diagnosis)
}

/// Checks that doctor names exactly this, as "LEVEL ID SUBJECT…", and that no daemon runs; and that
/// the exit code fits.
#[track_caller]
pub(crate) fn finds(camfence: &Camfence<'_>, troubles: &[&str]) -> Result<Diagnosis> {
    finds_with(camfence, &[], troubles)
}

#[track_caller]
pub(crate) fn finds_with(
    camfence: &Camfence<'_>,
    options: &[&str],
    troubles: &[&str],
) -> Result<Diagnosis> {
    let diagnosis = diagnose_with(camfence, options)?;
    let wanted = troubles.iter().copied().chain(["warning daemon"]).map(String::from).collect();
    assert_eq!(diagnosis.troubles(), wanted, "{:#}", diagnosis.json);
    let unknown = !diagnosis.lines(|level| level == "unknown").is_empty();
    let fails = unknown || troubles.iter().any(|trouble| trouble.starts_with("failure"));
    assert_eq!(diagnosis.code, Some(i32::from(fails)), "{:#}", diagnosis.json);
    assert_eq!(diagnosis.json["ok"], !fails);
    Ok(diagnosis)
}

/// Checks that nothing is wrong but that no daemon runs, and that everything could be looked at.
#[track_caller]
pub(crate) fn is_well(camfence: &Camfence<'_>) -> Result<()> {
    let diagnosis = finds(camfence, &[])?;
    assert_eq!(diagnosis.lines(|level| level == "unknown"), BTreeSet::new());
    Ok(())
}

/// Checks that doctor informs of exactly this.
#[track_caller]
pub(crate) fn informs(diagnosis: &Diagnosis, wanted: &[&str]) {
    let wanted: BTreeSet<String> = wanted.iter().map(|line| format!("info {line}")).collect();
    assert_eq!(diagnosis.lines(|level| level == "info"), wanted, "{:#}", diagnosis.json);
}

/// Checks that nothing at all is worth a word.
#[track_caller]
pub(crate) fn is_silent(camfence: &Camfence<'_>) -> Result<()> {
    let diagnosis = diagnose(camfence)?;
    assert_eq!(diagnosis.lines(|level| level != "ok"), BTreeSet::new(), "{:#}", diagnosis.json);
    assert_eq!(diagnosis.code, Some(0));
    assert_eq!(diagnosis.json["level"], "ok");
    Ok(())
}
