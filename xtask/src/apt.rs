//! Debian's packages: which can be had, and installing them.

use std::{io, process::Command};

use anyhow::{Context, Result};

use crate::run::show;

/// What precedes the packages' names in every installation: nothing beyond what is needed, and
/// nothing removed.
pub(crate) const INSTALL: [&str; 5] =
    ["apt-get", "install", "-y", "--no-install-recommends", "--no-remove"];

/// Brings the lists of packages up to date.
pub(crate) fn update() -> Result<()> {
    show(apt_get().args(["update", "-q"]))
}

/// Installs packages.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    show(apt_get().args(&INSTALL[1..]).arg("-q").args(packages))
}

/// Those of the packages that cannot be installed from any list.
pub(crate) fn unavailable<'a>(packages: &[&'a str]) -> Result<Vec<&'a str>> {
    let output = Command::new("apt-cache")
        .arg("policy")
        .args(packages)
        .env("LC_ALL", "C")
        .output()
        .context("running apt-cache policy")?;
    let available = candidates(&String::from_utf8_lossy(&output.stdout));
    Ok(packages
        .iter()
        .copied()
        .filter(|&package| !available.iter().any(|a| a == package))
        .collect())
}

/// Whether all of the packages are installed.
pub(crate) fn installed(packages: &[&str]) -> bool {
    Command::new("dpkg-query")
        .args(["--show", "--showformat", "${db:Status-Status}\\n"])
        .args(packages)
        .output()
        .is_ok_and(|output| {
            output.status.success()
                && output
                    .stdout
                    .split(|&byte| byte == b'\n')
                    .all(|s| s.is_empty() || s == b"installed")
        })
}

/// The version of a package that is installed; none if it is not.
pub(crate) fn version(package: &str) -> Result<Option<String>> {
    let output = Command::new("dpkg-query")
        .args(["--show", "--showformat", "${db:Status-Status} ${Version}", package])
        .output()
        .context("running dpkg-query")?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.strip_prefix("installed ").map(str::to_owned))
}

fn apt_get() -> Command {
    let mut apt_get = Command::new(INSTALL[0]);
    apt_get
        // Standard output may be somebody's JSON.
        .stdout(io::stderr())
        .env("DEBIAN_FRONTEND", "noninteractive")
        // Another installation may be under way, as after the start of a new machine.
        .args(["-o", "DPkg::Lock::Timeout=120"]);
    apt_get
}

/// The packages that `apt-cache policy` has a candidate for. A package it does not know has no
/// paragraph; one that is only named by others has the candidate `(none)`.
fn candidates(policy: &str) -> Vec<String> {
    let mut package = "";
    let mut found = Vec::new();
    for line in policy.lines() {
        if let Some(candidate) = line.strip_prefix("  Candidate: ") {
            if candidate != "(none)" {
                found.push(package.to_owned());
            }
        } else if !line.starts_with(' ') {
            package = line.trim_end_matches(':');
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::candidates;

    const POLICY: &str = "\
rustc-web:
  Installed: (none)
  Candidate: 1.96.0+dfsg1-1~deb12u2
  Version table:
     1.96.0+dfsg1-1~deb12u2 500
        500 http://security.example/debian-security bookworm-security/main amd64 Packages
libstd-rust-web-dev-bpf:
  Installed: (none)
  Candidate: (none)
  Version table:
iproute2:
  Installed: 6.1.0-3
  Candidate: 6.1.0-3
  Version table:
 *** 6.1.0-3 500
        100 /var/lib/dpkg/status
";

    #[test]
    fn a_package_with_a_candidate_is_available() {
        assert_eq!(candidates(POLICY), ["rustc-web", "iproute2"]);
    }

    #[test]
    fn nothing_is_available_where_apt_knows_no_package() {
        assert!(candidates("").is_empty());
    }
}
