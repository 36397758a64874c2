//! Debian's archive through an apt state of our own: packages of other releases are looked up,
//! verified and unpacked, and the system's lists and packages stay as they are.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{apt::INSTALL, run::show};

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// An apt state under a directory.
pub(crate) struct Archive {
    directory: PathBuf,
}

/// A package that the archive has.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    /// Packages that it depends on, each with the version if only one will do.
    pub(crate) depends: Vec<(String, Option<String>)>,
}

impl Archive {
    /// Makes the state for an architecture and brings its lists up to date. A release that the
    /// archive no longer has is told of and left out.
    pub(crate) fn open(directory: &Path, architecture: &str, releases: &[&str]) -> Result<Self> {
        Self::with_status(directory, architecture, releases, &directory.join("status"))
    }

    /// The same for the release that this system is of.
    pub(crate) fn of_release(directory: &Path, architecture: &str) -> Result<Self> {
        let codename = codename()?;
        let security = format!("{codename}-security");
        Self::open(directory, architecture, &[&codename, &security])
    }

    /// The same for the release and architecture of this system.
    pub(crate) fn of_this_system(directory: &Path) -> Result<Self> {
        Self::of_release(directory, &architecture()?)
    }

    /// The same for this system, whose packages can be installed from it.
    pub(crate) fn of_system(directory: &Path, releases: &[&str]) -> Result<Self> {
        let status = Path::new("/var/lib/dpkg/status");
        Self::with_status(directory, &architecture()?, releases, status)
    }

    fn with_status(
        directory: &Path,
        architecture: &str,
        releases: &[&str],
        status: &Path,
    ) -> Result<Self> {
        let archive = Self { directory: directory.to_owned() };
        for part in ["lists/partial", "cache/archives/partial"] {
            let part = directory.join(part);
            fs::create_dir_all(&part).with_context(|| format!("making {}", part.display()))?;
        }
        archive.write("status", "")?;
        archive.write("sources.list", &sources(&mirrors()?, releases))?;
        archive.write("apt.conf", &configuration(directory, architecture, status))?;
        if let Err(error) = show(archive.apt("apt-get").args(["update", "-qq"])) {
            println!("{error:#}: going on with what there is of the lists");
        }
        Ok(archive)
    }

    /// All versions of a package.
    pub(crate) fn versions(&self, name: &str) -> Result<Vec<Package>> {
        let output =
            self.apt("apt-cache").args(["show", name]).output().context("running apt-cache")?;
        Ok(String::from_utf8_lossy(&output.stdout).split("\n\n").filter_map(package).collect())
    }

    /// Downloads packages and unpacks them into a directory.
    pub(crate) fn unpack(&self, packages: &[Package], into: &Path) -> Result<()> {
        let downloads = self.directory.join("downloads");
        let _ = fs::remove_dir_all(&downloads);
        fs::create_dir_all(&downloads)?;
        let names = packages.iter().map(|package| format!("{}={}", package.name, package.version));
        show(self.apt("apt-get").args(["download", "-qq"]).args(names).current_dir(&downloads))?;
        unpack_all(&downloads, into)?;
        Ok(fs::remove_dir_all(&downloads)?)
    }

    /// Downloads packages with all they need, and unpacks them into a directory.
    pub(crate) fn unpack_with_needs(&self, packages: &[&str], into: &Path) -> Result<()> {
        let downloads = self.directory.join("cache/archives");
        show(self.apt("apt-get").arg("clean"))?;
        let options = ["-y", "-qq", "--no-install-recommends", "--download-only"];
        show(self.apt("apt-get").arg("install").args(options).args(packages))?;
        unpack_all(&downloads, into)?;
        show(self.apt("apt-get").arg("clean"))
    }

    /// Installs packages on this system, with what they need, from one of the releases.
    pub(crate) fn install(&self, packages: &[&str], release: &str) -> Result<()> {
        let mut install = self.apt(INSTALL[0]);
        install.args(&INSTALL[1..]).args(["-q", "-t", release]).args(packages);
        show(install.env("DEBIAN_FRONTEND", "noninteractive"))
    }

    fn apt(&self, program: &str) -> Command {
        let mut apt = Command::new(program);
        apt.env("APT_CONFIG", self.directory.join("apt.conf")).env("LC_ALL", "C");
        apt
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.directory.join(name);
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))
    }
}

/// Unpacks the packages in a directory into another.
fn unpack_all(packages: &Path, into: &Path) -> Result<()> {
    for file in fs::read_dir(packages)? {
        let file = file?.path();
        if file.extension().is_some_and(|extension| extension == "deb") {
            show(Command::new("dpkg").arg("-x").arg(file).arg(into))?;
        }
    }
    Ok(())
}

/// Has a directory made whole or not at all, unless it is there.
pub(crate) fn make_whole(directory: &Path, make: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    let mut unfinished = directory.as_os_str().to_owned();
    unfinished.push(".unfinished");
    let unfinished = PathBuf::from(unfinished);
    let _ = fs::remove_dir_all(&unfinished);
    fs::create_dir_all(&unfinished)?;
    make(&unfinished)?;
    fs::rename(&unfinished, directory).with_context(|| format!("making {}", directory.display()))
}

/// The name of this system's release.
pub(crate) fn codename() -> Result<String> {
    let text = fs::read_to_string("/etc/os-release").context("reading /etc/os-release")?;
    let codename = text.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    Ok(codename.context("/etc/os-release names no release")?.trim_matches('"').to_owned())
}

fn architecture() -> Result<String> {
    let output = Command::new("dpkg").arg("--print-architecture").output()?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Where this system gets Debian's packages from.
pub(crate) fn mirror() -> Result<String> {
    Ok(mirrors()?.archive)
}

/// Where this system gets Debian from: the archive, and its security updates.
struct Mirrors {
    archive: String,
    security: String,
}

fn mirrors() -> Result<Mirrors> {
    let output = Command::new("apt-get")
        .args(["indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(REPO_URI)"])
        .arg("Created-By: Packages")
        .output()
        .context("running apt-get indextargets")?;
    let lines = String::from_utf8_lossy(&output.stdout);
    let of = |label: &str| {
        let prefix = format!("Debian|{label}|");
        lines.lines().find_map(|line| line.strip_prefix(&prefix)).map(str::to_owned).with_context(
            || format!("apt has no list of Debian's ({label}): run apt-get update, on Debian"),
        )
    };
    Ok(Mirrors { archive: of("Debian")?, security: of("Debian-Security")? })
}

fn sources(mirrors: &Mirrors, releases: &[&str]) -> String {
    let line = |release: &&str| {
        let mirror =
            if release.ends_with("-security") { &mirrors.security } else { &mirrors.archive };
        format!("deb [signed-by={KEYRING}] {mirror} {release} main\n")
    };
    releases.iter().map(line).collect()
}

fn configuration(directory: &Path, architecture: &str, status: &Path) -> String {
    let (at, status) = (directory.display(), status.display());
    format!(
        "APT::Architecture \"{architecture}\";\n\
         APT::Architectures {{ \"{architecture}\"; }};\n\
         APT::Sandbox::User \"root\";\n\
         Acquire::Languages \"none\";\n\
         Acquire::IndexTargets::deb::DEP-11::DefaultEnabled \"false\";\n\
         Dir::Etc::SourceList \"{at}/sources.list\";\n\
         Dir::Etc::SourceParts \"/dev/null\";\n\
         Dir::State::Lists \"{at}/lists\";\n\
         Dir::State::Status \"{status}\";\n\
         Dir::Cache \"{at}/cache\";\n"
    )
}

/// A package from its paragraph in `apt-cache show`.
fn package(paragraph: &str) -> Option<Package> {
    let field = |name: &str| {
        let prefix = format!("{name}: ");
        paragraph.lines().find_map(|line| line.strip_prefix(&prefix))
    };
    let depends = field("Depends").unwrap_or_default();
    Some(Package {
        name: field("Package")?.to_owned(),
        version: field("Version")?.to_owned(),
        depends: depends.split(", ").filter(|entry| !entry.is_empty()).map(dependency).collect(),
    })
}

/// A dependency such as `linux-image-6.1.0-41-cloud-amd64 (= 6.1.158-1)`.
fn dependency(entry: &str) -> (String, Option<String>) {
    let (name, condition) = entry.split_once(" (").unwrap_or((entry, ""));
    let version = condition.strip_prefix("= ").and_then(|version| version.strip_suffix(')'));
    (name.to_owned(), version.map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::{Mirrors, dependency, package, sources};

    #[test]
    fn a_package_has_its_exact_dependencies() {
        let text = "Package: linux-image-cloud-amd64\nVersion: 6.1.158-1\n\
                    Depends: linux-image-6.1.0-41-cloud-amd64 (= 6.1.158-1), kmod\nSize: 1";
        let package = package(text).unwrap();
        assert_eq!((&*package.name, &*package.version), ("linux-image-cloud-amd64", "6.1.158-1"));
        let image = ("linux-image-6.1.0-41-cloud-amd64".to_owned(), Some("6.1.158-1".to_owned()));
        assert_eq!(package.depends, [image, ("kmod".to_owned(), None)]);
    }

    #[test]
    fn only_an_equal_version_is_exact() {
        assert_eq!(dependency("kmod (>= 5)"), ("kmod".to_owned(), None));
    }

    #[test]
    fn security_updates_come_from_their_own_archive() {
        let mirrors = Mirrors { archive: "http://a/".into(), security: "http://s/".into() };
        let text = sources(&mirrors, &["sid", "trixie-security"]);
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[0].ends_with(" http://a/ sid main"), "{text}");
        assert!(lines[1].ends_with(" http://s/ trixie-security main"), "{text}");
    }
}
