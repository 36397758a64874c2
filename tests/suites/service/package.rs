//! The Debian package: made, installed, upgraded, removed.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use camfence_tests::cmd;

/// Has `cargo xtask dist` make a package of the program that is tested.
fn package() -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut dist = Command::new(cargo);
    dist.args(["xtask", "dist", "--program"]).arg(cmd::binary()?);
    dist.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let output = dist.output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let line = said.lines().find_map(|line| line.strip_prefix("packaged "));
    let path = line.with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    Ok(Path::new(path).canonicalize()?)
}

#[test]
fn it_is_installed_upgraded_and_removed() -> Result<()> {
    if !Path::new("/var/lib/dpkg/status").exists() {
        camfence_tests::kernel::skip("this system's packages are not Debian's");
        return Ok(());
    }
    let directory = tempfile::tempdir()?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/suites/service/package.sh");
    let output = Command::new("unshare")
        .args(["--mount", "--net", "--propagation", "private", "sh", script])
        .arg(directory.path())
        .arg(package()?)
        .output()?;
    let log = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{log}\n{}", String::from_utf8_lossy(&output.stderr));
    let value = |name: &str| {
        let line = log.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        line.map(str::trim).with_context(|| format!("no {name} in {log}"))
    };

    assert_eq!(value("directory")?, "drwxrws--- root camfence");
    assert_eq!(value("user")?, "camfence:/:/usr/sbin/nologin");
    assert_eq!(value("enabled")?, "enabled");
    assert_eq!(value("manual")?, "2");
    assert_eq!(value("completions")?, "fine");
    assert_eq!(value("configuration")?, "-rw-r--r-- root camfence");
    assert!(value("up")?.contains("1 camera"), "{log}");

    let links = value("links before")?;
    assert_eq!(links.split_whitespace().count(), 2, "{log}");
    assert_eq!(value("links after")?, links, "an upgrade leaves the fence as it stands");
    assert_eq!(value("ports after")?, "1");
    assert_eq!(value("history")?, "drwxr-x--- camfence camfence");

    assert!(log.contains("the fence is down"), "by the removal: {log}");
    assert_eq!(value("pins left")?, "0");
    assert_eq!(value("program")?, "none");
    assert_eq!(value("kept")?, "camfence.toml");
    assert_eq!(value("purged")?, "none");
    println!("{log}");
    Ok(())
}
