//! Programs that only tests take: Debian's, unpacked and not installed.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::{
    archive::{Archive, codename, make_whole},
    run::{on_path, target_directory},
};

/// Where a package's programs are.
const BIN: &str = "usr/bin";

/// Programs of a package.
struct Programs {
    package: &'static str,
    names: &'static [&'static str],
    /// How the tests are told of their directory.
    variable: &'static str,
    /// Whether they need libraries that this system may not have.
    needs: bool,
}

const ALL: [Programs; 3] = [
    Programs {
        package: "prometheus",
        names: &["prometheus", "promtool"],
        variable: "CAMFENCE_PROMETHEUS",
        needs: false,
    },
    Programs {
        package: "chromium",
        names: &["chromium"],
        variable: "CAMFENCE_CHROMIUM",
        needs: true,
    },
    Programs { package: "tshark", names: &["tshark"], variable: "CAMFENCE_TSHARK", needs: true },
];

/// Where those programs are that are not on PATH, each as a variable for the tests. What the system
/// has no package of, the tests skip.
pub(crate) fn obtain() -> Vec<(&'static str, PathBuf)> {
    let missing = ALL.iter().filter(|programs| !programs.names.iter().all(|name| on_path(name)));
    let obtained = missing.filter_map(|programs| match programs.unpacked() {
        Ok(directory) => Some((programs.variable, directory)),
        Err(error) => {
            println!("{}: {error:#}: tests that take it are skipped", programs.package);
            None
        }
    });
    obtained.collect()
}

impl Programs {
    fn unpacked(&self) -> Result<PathBuf> {
        let target = target_directory()?;
        let directory = target.join(self.package);
        make_whole(&directory, |directory| {
            println!("{}: unpacking Debian's, which tests take", self.package);
            if self.needs {
                self.unpack_with_needs(&target, directory)
            } else {
                self.unpack(&target, directory)
            }
        })?;
        Ok(directory.join(BIN))
    }

    fn unpack(&self, target: &Path, directory: &Path) -> Result<()> {
        let archive = Archive::of_this_system(&target.join("apt"))?;
        let newest = archive.versions(self.package)?.into_iter().next();
        archive.unpack(&[newest.context("Debian's archive has none")?], directory)
    }

    fn unpack_with_needs(&self, target: &Path, directory: &Path) -> Result<()> {
        let codename = codename()?;
        let releases = [codename.clone(), format!("{codename}-security")];
        let releases = releases.each_ref().map(String::as_str);
        let archive = Archive::of_system(&target.join("apt-system"), &releases)?;
        archive.unpack_with_needs(&[self.package], directory)
    }
}
