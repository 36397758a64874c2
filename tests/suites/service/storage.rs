//! Directories that are full or read-only: an error on one line, and the fence stays.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use camfence_tests::Camfence;
use camfence_tests::cmd::Outcome;
use camfence_tests::home::{ATTIC, Home, run};
use nix::mount::{MntFlags, MsFlags, mount, umount2};

/// A small file system of its own on a directory; gone when dropped.
struct Mounted<'a>(&'a Path);

impl<'a> Mounted<'a> {
    fn small(path: &'a Path) -> Result<Self> {
        fs::create_dir_all(path)?;
        mount(Some("tmpfs"), path, Some("tmpfs"), MsFlags::empty(), Some("size=16k"))?;
        Ok(Self(path))
    }

    fn read_only(&self) -> Result<()> {
        let flags = MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
        Ok(mount(None::<&str>, self.0, None::<&str>, flags, None::<&str>)?)
    }

    fn fill(&self) -> Result<()> {
        let mut file = File::create(self.0.join("ballast"))?;
        let error = loop {
            if let Err(error) = file.write_all(&[0; 512]) {
                break error;
            }
        };
        ensure!(error.kind() == std::io::ErrorKind::StorageFull, "{error}");
        Ok(())
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = umount2(self.0, MntFlags::MNT_DETACH);
    }
}

/// A command line whose configuration is in `directory`.
fn with_config_in<'a>(home: &'a Home, directory: &Path) -> Result<Camfence<'a>> {
    let camfence = home.camfence()?;
    let file = directory.join("camfence.toml");
    fs::copy(camfence.config_path(), &file)?;
    Ok(camfence.with_config(file))
}

#[track_caller]
fn assert_one_line(outcome: &Outcome, what: &str) {
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    let lines = outcome.stderr.lines().filter(|line| line.starts_with("error: ")).count();
    assert_eq!(lines, 1, "{outcome:?}");
    assert!(outcome.stderr.contains(what), "{outcome:?}");
}

#[test]
fn a_full_configuration_directory_changes_nothing() -> Result<()> {
    for by_daemon in [true, false] {
        let home = Home::new()?;
        let scratch = home.camfence()?;
        let etc = scratch.dir().join("etc");
        let mounted = Mounted::small(&etc)?;
        let camfence = with_config_in(&home, &etc)?;
        let daemon = if by_daemon {
            Some(run(&camfence)?)
        } else {
            camfence.run(["up"])?.success()?;
            None
        };
        mounted.fill()?;
        let before = fs::read_to_string(camfence.config_path())?;
        let outcome = camfence.run(["add", &ATTIC.to_string(), "--name", "attic"])?;
        assert_one_line(&outcome, "No space left on device");
        assert_eq!(fs::read_to_string(camfence.config_path())?, before);
        let files = fs::read_dir(&etc)?.count();
        assert_eq!(files, 2, "nothing half-written is left");
        home.assert_fenced(&["driveway"])?;

        fs::remove_file(etc.join("ballast"))?;
        camfence.run(["add", &ATTIC.to_string(), "--name", "attic"])?.success()?;
        home.assert_fenced(&["driveway", "attic"])?;
        drop(daemon);
    }
    Ok(())
}

#[test]
fn a_read_only_configuration_directory_changes_nothing() -> Result<()> {
    for by_daemon in [true, false] {
        let home = Home::new()?;
        let scratch = home.camfence()?;
        let etc = scratch.dir().join("etc");
        let mounted = Mounted::small(&etc)?;
        let camfence = with_config_in(&home, &etc)?;
        let daemon = if by_daemon {
            Some(run(&camfence)?)
        } else {
            camfence.run(["up"])?.success()?;
            None
        };
        mounted.read_only()?;
        let outcome = camfence.run(["remove", "driveway"])?;
        assert_one_line(&outcome, "Read-only file system");
        home.assert_fenced(&["driveway"])?;
        camfence.run(["reload"])?.success()?;
        camfence.run(["open", "driveway", "--for", "1m"])?.success()?;
        home.assert_fenced(&[])?;
        camfence.run(["close", "driveway"])?.success()?;
        home.assert_fenced(&["driveway"])?;
        drop(daemon);
    }
    Ok(())
}

/// A daemon that cannot make its socket does not start, and says so; the fence that stands stays.
#[test]
fn a_run_directory_that_cannot_be_written_is_said_on_one_line() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence()?;
    camfence.run(["up"])?.success()?;
    let directory = camfence.dir().join("run");
    let mounted = Mounted::small(&directory)?;
    let start = || -> Result<Outcome> {
        let mut command = camfence.command(["run"])?;
        command.env("CAMFENCE_RUN_DIR", &directory);
        let output = command.output().context("running")?;
        Ok(Outcome {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout)?,
            stderr: String::from_utf8(output.stderr)?,
        })
    };
    mount(
        None::<&str>,
        &directory,
        None::<&str>,
        MsFlags::MS_REMOUNT,
        Some("size=16k,nr_inodes=1"),
    )?;
    assert_one_line(&start()?, "No space left on device");
    home.assert_fenced(&["driveway"])?;
    mounted.read_only()?;
    assert_one_line(&start()?, "Read-only file system");
    home.assert_fenced(&["driveway"])
}
