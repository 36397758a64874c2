//! A namespace with a few interfaces and a bpf filesystem, and what a failure has to look like.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use camfence_tests::cmd::Outcome;
use camfence_tests::{BpffsRoot, Camfence, Mac, Netns, mac};
use serde_json::Value;

pub(crate) const CAM: Mac = mac("b0:c5:54:25:5b:0e");

/// What most tests configure.
pub(crate) const GOOD: &str = r#"[fence]
interfaces = ["p0"]
hook = "tc"

[[camera]]
mac = "b0:c5:54:25:5b:0e"
name = "driveway"
"#;

/// Interfaces `p0`, `p1` (a veth pair), `q0`, `q1` (another), and `br-empty`.
pub(crate) struct Bench {
    pub(crate) netns: Netns,
    pub(crate) bpffs: BpffsRoot,
}

impl Bench {
    pub(crate) fn new() -> Result<Self> {
        let netns = Netns::new("cli")?;
        let lines = [
            "link add p0 type veth peer name p1",
            "link add q0 type veth peer name q1",
            "link add name br-empty type bridge",
        ];
        netns.ip_batch(&lines.map(String::from))?;
        let up = ["p0", "p1", "q0", "q1"].map(|name| format!("link set {name} up"));
        netns.ip_batch(&up)?;
        Ok(Self { netns, bpffs: BpffsRoot::new()? })
    }

    pub(crate) fn camfence(&self, config: &str) -> Result<Camfence<'_>> {
        Camfence::new(&self.netns, config, &self.bpffs)
    }

    /// What is pinned; the file system's own files are none of it.
    pub(crate) fn pins(&self) -> Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        let mut next = vec![self.bpffs.path().to_owned()];
        while let Some(directory) = next.pop() {
            for entry in fs::read_dir(directory)? {
                let path = entry?.path();
                if path.extension().is_some_and(|extension| extension == "debug") {
                    continue;
                }
                if path.is_dir() {
                    next.push(path.clone());
                }
                found.push(path);
            }
        }
        found.sort();
        Ok(found)
    }

    /// Everything that is attached in the namespace: XDP programs, and qdiscs with filters.
    pub(crate) fn attached(&self) -> Result<Vec<String>> {
        let links: Value = serde_json::from_str(&self.netns.ip("-j link show")?)?;
        let mut found = Vec::new();
        for link in links.as_array().context("links")? {
            if let Some(id) = link["xdp"]["prog"]["id"].as_u64() {
                found.push(format!("{} xdp {id}", link["ifname"]));
            }
        }
        for kind in ["p0", "p1", "q0", "q1"] {
            for side in ["ingress", "egress"] {
                let filters = ["filter", "show", "dev", kind, side];
                let output = self.netns.command("tc").args(filters).output()?;
                let text = String::from_utf8_lossy(&output.stdout).into_owned();
                found.extend(text.contains("bpf").then(|| format!("{kind} {side} {text}")));
            }
        }
        Ok(found)
    }

    /// Checks that no fence, nor part of one, is there.
    #[track_caller]
    pub(crate) fn is_untouched(&self) -> Result<()> {
        assert_eq!(self.pins()?, Vec::<PathBuf>::new());
        assert_eq!(self.attached()?, Vec::<String>::new());
        Ok(())
    }
}

/// Checks that a verb failed as it should: code 1, nothing on stdout, one line that says `what`,
/// and at most one hint, which is there if `hint` is and says it.
#[track_caller]
pub(crate) fn fails(outcome: &Outcome, what: &[&str], hint: Option<&str>) {
    assert_eq!(outcome.code, Some(1), "{outcome:#?}");
    assert_eq!(outcome.stdout, "", "{outcome:#?}");
    failed_with(outcome, what, hint);
}

/// The same of what is on stderr only.
#[track_caller]
pub(crate) fn failed_with(outcome: &Outcome, what: &[&str], hint: Option<&str>) {
    let mut lines = outcome.stderr.lines();
    let error = lines.next().unwrap_or_default();
    let Some(said) = error.strip_prefix("error: ") else { panic!("{outcome:#?}") };
    for what in what {
        assert_eq!(said.matches(what).count(), 1, "{what:?} once in {outcome:#?}");
    }
    match (lines.next(), hint) {
        (None, None) => {}
        (Some(line), Some(hint)) => {
            assert!(line.starts_with("hint: ") && line.contains(hint), "{hint:?} {outcome:#?}");
        }
        _ => panic!("expected the hint {hint:?} in {outcome:#?}"),
    }
    assert_eq!(lines.next(), None, "{outcome:#?}");
    is_calm(outcome);
}

/// Checks for the words of a crash.
#[track_caller]
pub(crate) fn is_calm(outcome: &Outcome) {
    let text = outcome.stderr.to_lowercase();
    for word in ["panicked", "backtrace", ".rs:", "unwrap"] {
        assert!(!text.contains(word), "{outcome:#?}");
    }
}
