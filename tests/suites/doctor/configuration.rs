//! The file, and who asks.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::{Result, ensure};
use camfence_tests::BpffsRoot;
use camfence_tests::cmd::binary;
use serde_json::Value;

use crate::home::{GOOD, Home, diagnose, finds, finds_with, is_silent, is_well, run};

const NOBODY: u32 = 65_534;

#[test]
fn a_sound_home_has_nothing_to_tell_and_a_dead_daemon_is_told() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence(GOOD)?;
    let daemon = run(&camfence)?;
    is_silent(&camfence)?;
    drop(daemon);
    is_well(&camfence)?;
    let _daemon = run(&camfence)?;
    is_silent(&camfence)
}

#[test]
fn a_daemon_of_another_configuration_is_told() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence(GOOD)?;
    let _daemon = run(&camfence)?;
    let other = camfence.dir().join("other.toml");
    fs::write(&other, GOOD)?;
    let other = other.to_string_lossy();
    let diagnosis = finds_with(&camfence, &["--config", &other], &[])?;
    let said = diagnosis.of("daemon")[0]["seen"].to_string();
    assert!(said.contains("camfence.toml"), "{said}");
    is_silent(&camfence)
}

#[test]
fn no_configuration_is_a_failure_and_the_rest_is_not_passed() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.fenced()?;
    fs::remove_file(camfence.config_path())?;
    let diagnosis = finds(&camfence, &["failure configuration"])?;
    for id in ["not-enforcing", "camera-outside", "camera-missing", "interface-missing", "audit"] {
        assert_eq!(diagnosis.of(id)[0]["level"], "unknown", "{id}");
    }
    assert_eq!(diagnosis.of("fence")[0]["level"], "ok", "it stands all the same");
    camfence.configure(GOOD)?;
    is_well(&camfence)
}

#[test]
fn mistakes_are_told_with_their_lines() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.fenced()?;
    camfence.configure(&GOOD.replace("5b:0e", "5b:zz"))?;
    let diagnosis = finds(&camfence, &["failure configuration"])?;
    let seen = diagnosis.of("configuration")[0]["seen"].to_string();
    assert!(seen.contains("camfence.toml:9: "), "{seen}");
    camfence.configure(GOOD)?;
    is_well(&camfence)
}

#[test]
fn what_everybody_may_write_to_is_a_failure() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.fenced()?;
    let (file, directory) = (camfence.config_path(), camfence.dir().to_owned());
    for (path, open, sound) in [(&file, 0o666, 0o644), (&directory, 0o777, 0o755)] {
        fs::set_permissions(path, Permissions::from_mode(open))?;
        let diagnosis = finds(&camfence, &["failure configuration-writable"])?;
        let todo = diagnosis.of("configuration-writable")[0]["do"].to_string();
        assert!(todo.contains(&format!("chmod o-w {}", path.canonicalize()?.display())), "{todo}");
        fs::set_permissions(path, Permissions::from_mode(sound))?;
        is_well(&camfence)?;
    }
    // In a sticky one, such as /tmp, nobody can put another file in its place.
    fs::set_permissions(&directory, Permissions::from_mode(0o1777))?;
    is_well(&camfence)
}

#[test]
fn a_root_that_is_not_on_a_bpf_file_system_is_told() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.fenced()?;
    let elsewhere = camfence.dir().join("camfence");
    let options = ["--bpffs", &*elsewhere.to_string_lossy()];
    finds_with(&camfence, &options, &["failure bpffs", "failure fence"])?;
    assert!(!elsewhere.exists(), "doctor makes nothing");
    let other = BpffsRoot::new()?;
    let options = ["--bpffs", &*other.path().to_string_lossy()];
    finds_with(&camfence, &options, &["failure fence"])?;
    is_well(&camfence)
}

/// What one may not look at is unknown; it is neither well nor wrong.
#[test]
fn without_privileges_nothing_passes_unseen() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.fenced()?;
    fs::set_permissions(camfence.dir(), Permissions::from_mode(0o755))?;
    let place = tempfile::Builder::new()
        .prefix("cf-nobody-")
        .permissions(Permissions::from_mode(0o755))
        .tempdir()?;
    let program = place.path().join("camfence");
    ensure!(Command::new("cp").arg(binary()?).arg(&program).status()?.success());
    let mut command = Command::new(program);
    command.arg("--config").arg(camfence.config_path()).arg("--bpffs").arg(home.bpffs.path());
    command.args(["doctor", "--json"]).uid(NOBODY).gid(NOBODY);
    command.env("CAMFENCE_RUN_DIR", camfence.dir());
    let output = home.lab.box_ns().run(|| command.output())?;
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!(report["ok"], false);
    let level = |id: &str| {
        let findings = report["findings"].as_array().into_iter().flatten();
        let of_check: Vec<_> = findings.filter(|finding| finding["id"] == id).collect();
        assert_eq!(of_check.len(), 1, "{id} in {report:#}");
        of_check[0]["level"].as_str().unwrap_or_default().to_string()
    };
    for id in ["privileges", "programs", "fence", "not-enforcing", "camera-missing", "flowtable"] {
        assert_eq!(level(id), "unknown", "{id}");
    }
    for id in ["configuration", "kernel", "interface-missing", "camera-outside"] {
        assert_eq!(level(id), "ok", "{id}");
    }
    Ok(())
}

#[test]
fn the_page_is_for_people() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.fenced()?;
    camfence.configure(&GOOD.replace("\"br-cam\"", "\"br-cam\", \"nowhere\""))?;
    let outcome = camfence.run(["doctor"])?;
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(1), ""), "{outcome:?}");
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert_eq!(lines[0], "failure  interface-missing: nowhere");
    assert!(lines[2].starts_with("         do: "), "{outcome:?}");
    assert!(lines.iter().all(|line| line.chars().count() <= 100), "{outcome:?}");
    assert!(lines.len() < 50, "{outcome:?}");
    assert!(!outcome.stdout.contains('\x1b'), "no colours but on a terminal");
    let summary = lines.last().copied().unwrap_or_default();
    assert!(summary.starts_with("1 failure, 1 warning, "), "{summary}");
    let every: usize = diagnose(&camfence)?.findings().count();
    let counted: usize =
        summary.split(", ").filter_map(|part| part.split(' ').next()?.parse::<usize>().ok()).sum();
    assert_eq!(counted, every);
    Ok(())
}
