//! Debian's kernels: which there are, and having them here.

use std::{
    cmp::Ordering,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};

use super::machine::Machine;
use crate::{
    archive::{Archive, Package, make_whole},
    run::show,
};

/// The releases whose kernels are run, besides those from which the newest is taken.
pub(crate) const RELEASES: [&str; 6] = [
    "bullseye-security",
    "bookworm-security",
    "trixie-security",
    "trixie-backports",
    "forky",
    "sid",
];

/// A kernel of the matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// The latest of a line that is maintained for long.
    Stable(u32, u32),
    /// The newest that Debian has.
    Newest,
    /// The latest of a line, for 64-bit ARM.
    Arm(u32, u32),
}

/// How much a kernel matters to a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Without it the run has failed.
    Required,
    /// Without it the run says so.
    Wanted,
    /// It runs only if it is named.
    IfNamed,
}

impl Need {
    /// What to say of it behind the kernel's name.
    pub(crate) const fn about(self) -> &'static str {
        match self {
            Self::Required => ", required",
            Self::Wanted => "",
            Self::IfNamed => ", if it is named",
        }
    }
}

/// The matrix.
pub(crate) const MATRIX: [(Line, Need); 5] = [
    (Line::Stable(5, 10), Need::Wanted),
    (Line::Stable(6, 1), Need::Required),
    (Line::Stable(6, 12), Need::Required),
    (Line::Newest, Need::Wanted),
    // Another compilation of everything, and a processor that is slower still to emulate.
    (Line::Arm(6, 12), Need::IfNamed),
];

/// A kernel that can be booted.
#[derive(Clone, Debug)]
pub(crate) struct Kernel {
    /// What it runs on.
    pub(crate) machine: Machine,
    /// What to boot.
    pub(crate) image: PathBuf,
    /// The directory `lib/modules/RELEASE` is in.
    pub(crate) root: PathBuf,
    /// What `uname -r` says.
    pub(crate) release: String,
    /// Debian's version of it.
    pub(crate) version: String,
}

impl Line {
    /// From a person's word for it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let found = MATRIX.iter().map(|(line, _)| *line).find(|line| line.name() == text);
        found.ok_or_else(|| format!("the kernels are {}", MATRIX.map(|(l, _)| l.name()).join(", ")))
    }

    /// What people call it.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Stable(major, minor) => format!("{major}.{minor}"),
            Self::Newest => "newest".to_owned(),
            Self::Arm(major, minor) => format!("{major}.{minor}-arm64"),
        }
    }

    /// What it runs on.
    pub(crate) const fn machine(self) -> Machine {
        match self {
            Self::Stable(..) | Self::Newest => Machine::Amd64,
            Self::Arm(..) => Machine::Arm64,
        }
    }

    /// The one of a list of versions that is this kernel.
    fn pick(self, versions: Vec<Package>) -> Option<Package> {
        let fits = |package: &Package| match self {
            Self::Stable(major, minor) | Self::Arm(major, minor) => {
                numbers(&package.version).starts_with(&[major, minor])
            }
            Self::Newest => true,
        };
        versions.into_iter().filter(fits).max_by(|a, b| compare(&a.version, &b.version))
    }
}

impl Kernel {
    /// Finds the latest of a line in the archive and brings it here, unless it is here already.
    pub(crate) fn obtain(line: Line, archive: &Archive, cache: &Path) -> Result<Self> {
        let machine = line.machine();
        let meta = format!("linux-image-cloud-{}", machine.debian());
        let newest = line
            .pick(archive.versions(&meta)?)
            .with_context(|| format!("Debian's archive has no kernel {} ({meta})", line.name()))?;
        let image = exact(&newest, "linux-image-", archive)?;
        let release = image.name.trim_start_matches("linux-image-").to_owned();
        let root = cache.join(format!("{release}_{}", image.version));
        make_whole(&root, |root| {
            println!("vm: kernel {}: unpacking {} {}", line.name(), image.name, image.version);
            unpack(&image, &release, archive, root)
        })?;
        let version = image.version;
        Ok(Self { machine, image: boot_image(&root, &release)?, root, release, version })
    }
}

/// The one package of a name that starts so and that another depends on in one version.
fn exact(package: &Package, prefix: &str, archive: &Archive) -> Result<Package> {
    let (name, version) = package
        .depends
        .iter()
        .find(|(name, _)| name.starts_with(prefix))
        .with_context(|| format!("{} depends on no {prefix}…", package.name))?;
    let version = version.as_ref().unwrap_or(&package.version);
    archive
        .versions(name)?
        .into_iter()
        .find(|found| found.version == *version)
        .with_context(|| format!("Debian's archive has no {name} {version}"))
}

/// Unpacks a kernel. From 7 on it is in packages of its own: the image, and the modules.
fn unpack(image: &Package, release: &str, archive: &Archive, root: &Path) -> Result<()> {
    let mut packages = vec![image.clone()];
    for prefix in ["linux-binary-", "linux-modules-"] {
        if image.depends.iter().any(|(name, _)| name.starts_with(prefix)) {
            packages.push(exact(image, prefix, archive)?);
        }
    }
    archive.unpack(&packages, root)?;
    if root.join("usr/lib/modules").is_dir() {
        // Where depmod and modprobe look.
        std::os::unix::fs::symlink("usr/lib", root.join("lib"))?;
    }
    show(Command::new("depmod").arg("-b").arg(root).arg(release))
}

fn boot_image(root: &Path, release: &str) -> Result<PathBuf> {
    let places = [format!("boot/vmlinuz-{release}"), format!("usr/lib/modules/{release}/vmlinuz")];
    places
        .iter()
        .map(|place| root.join(place))
        .find(|path| path.is_file())
        .with_context(|| format!("{} has no vmlinuz", root.display()))
}

impl Kernel {
    /// The files of modules with all they depend on, in the order in which they are to be loaded.
    /// Those that are built in have none. A module the kernel does not know is an error.
    pub(crate) fn modules(&self, names: &[&str]) -> Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for name in names {
            let output = Command::new("modprobe")
                .args(["--show-depends", "-S", &self.release, "-d"])
                .arg(&self.root)
                .arg(name)
                .output()
                .context("running modprobe")?;
            ensure!(
                output.status.success(),
                "{}: {}",
                self.release,
                String::from_utf8_lossy(&output.stderr).trim()
            );
            for line in String::from_utf8_lossy(&output.stdout).lines() {
                match line.split_whitespace().collect::<Vec<_>>().as_slice() {
                    ["insmod", file, ..] if !files.contains(&PathBuf::from(file)) => {
                        files.push(PathBuf::from(file));
                    }
                    ["insmod" | "builtin", ..] => {}
                    _ => bail!("modprobe said {line:?}"),
                }
            }
        }
        Ok(files)
    }
}

/// The numbers of an upstream version: 6, 12 and 95 of `6.12.95-1~bpo12+1`.
fn numbers(version: &str) -> Vec<u32> {
    let upstream = version.split('-').next().unwrap_or_default();
    upstream.split('.').map_while(|number| number.parse().ok()).collect()
}

fn compare(a: &str, b: &str) -> Ordering {
    // A backport comes before what it was made from, as `~` sorts before everything.
    let backport = |version: &str| version.contains('~');
    numbers(a).cmp(&numbers(b)).then_with(|| backport(b).cmp(&backport(a)))
}

#[cfg(test)]
mod tests {
    use super::{Line, Package};

    fn versions(of: &[&str]) -> Vec<Package> {
        let package = |version: &&str| Package {
            name: "linux-image-cloud-amd64".into(),
            version: (*version).into(),
            depends: vec![],
        };
        of.iter().map(package).collect()
    }

    fn picked(line: Line) -> Option<String> {
        let all = ["6.1.158-1", "6.1.99-1", "6.12.9-1", "7.2.12-1~bpo13+1", "7.2.12-1", "6.19.1-1"];
        line.pick(versions(&all)).map(|package| package.version)
    }

    #[test]
    fn the_latest_of_a_line_is_picked_by_its_numbers() {
        assert_eq!(picked(Line::Stable(6, 1)).as_deref(), Some("6.1.158-1"));
        assert_eq!(picked(Line::Stable(6, 12)).as_deref(), Some("6.12.9-1"));
        assert_eq!(picked(Line::Newest).as_deref(), Some("7.2.12-1"));
        assert_eq!(picked(Line::Stable(5, 10)), None);
    }

    #[test]
    fn a_line_is_called_by_its_number() {
        assert_eq!(Line::parse("6.1"), Ok(Line::Stable(6, 1)));
        assert_eq!(Line::parse("newest"), Ok(Line::Newest));
        assert_eq!(Line::parse("6.12-arm64"), Ok(Line::Arm(6, 12)));
        assert!(Line::parse("6.6").is_err());
    }
}
