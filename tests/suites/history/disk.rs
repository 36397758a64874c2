//! Disks that are full, read-only or damage what they have: the fence stands, and goes on.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use camfence_tests::Camfence;
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use crate::fixture::{CAM, Home, OFTEN, SOON, await_sums, config, database, run, told};

/// What is logged once.
const NOT_WRITTEN: &str = "no history is written, and it is tried again: ";

/// A small file system of its own on a directory; gone when dropped.
struct Mounted<'a>(&'a Path);

impl<'a> Mounted<'a> {
    fn new(path: &'a Path, size: &str) -> Result<Self> {
        fs::create_dir_all(path)?;
        let options = format!("size={size}");
        mount(Some("tmpfs"), path, Some("tmpfs"), MsFlags::empty(), Some(options.as_str()))?;
        Ok(Self(path))
    }

    fn set_read_only(&self, read_only: bool) -> Result<()> {
        let mut flags = MsFlags::MS_REMOUNT;
        flags.set(MsFlags::MS_RDONLY, read_only);
        Ok(mount(None::<&str>, self.0, None::<&str>, flags, None::<&str>)?)
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = umount2(self.0, MntFlags::MNT_DETACH);
    }
}

fn in_directory(camfence: &Camfence, directory: &Path) -> Result<()> {
    let path = directory.join("history.redb");
    camfence.configure(&config(&format!("[history]\npath = \"{}\"\n", path.display())))
}

#[test]
fn a_read_only_disk_is_told_once_and_used_again_when_it_can_be() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence()?;
    let directory = camfence.dir().join("state");
    let mounted = Mounted::new(&directory, "8m")?;
    mounted.set_read_only(true)?;
    in_directory(&camfence, &directory)?;
    let daemon = run(&camfence, OFTEN)?;
    daemon.wait_for_log(SOON, |log| log.contains(NOT_WRITTEN))?;
    let sum = home.send(CAM, 10)?;
    thread::sleep(Duration::from_millis(500));
    ensure!(daemon.log()?.matches("history").count() == 2, "{}", daemon.log()?);
    ensure!(daemon.log()?.contains("Read-only file system"), "{}", daemon.log()?);
    ensure!(told(&camfence, &[])? == sum);
    camfence.run(["reload"])?.success()?;
    mounted.set_read_only(false)?;
    daemon.wait_for_log(SOON, |log| log.contains("the history is written again"))?;
    await_sums(&camfence, sum)?;
    ensure!(daemon.stop(SOON)?.code == Some(0));
    Ok(())
}

#[test]
fn a_full_disk_is_told_once_and_used_again_when_it_can_be() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence()?;
    let directory = camfence.dir().join("state");
    let _mounted = Mounted::new(&directory, "8m")?;
    in_directory(&camfence, &directory)?;
    let ballast = directory.join("ballast");
    let mut file = File::create(&ballast)?;
    while file.write_all(&[0; 4096]).is_ok() {}
    drop(file);
    let daemon = run(&camfence, OFTEN)?;
    daemon.wait_for_log(SOON, |log| log.contains(NOT_WRITTEN))?;
    let sum = home.send(CAM, 10)?;
    thread::sleep(Duration::from_millis(500));
    ensure!(daemon.log()?.contains("No space left on device"), "{}", daemon.log()?);
    ensure!(daemon.log()?.matches(NOT_WRITTEN).count() <= 2, "{}", daemon.log()?);
    ensure!(told(&camfence, &[])? == sum);
    fs::remove_file(&ballast)?;
    daemon.wait_for_log(SOON, |log| log.contains("the history is written again"))?;
    await_sums(&camfence, sum)?;
    ensure!(daemon.stop(SOON)?.code == Some(0));
    Ok(())
}

#[test]
fn a_damaged_file_is_set_aside_and_the_fence_stands() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence()?;
    fs::write(database(&camfence), vec![0xa5; 100_000])?;
    let sum = {
        let daemon = run(&camfence, OFTEN)?;
        let sum = home.send(CAM, 10)?;
        await_sums(&camfence, sum)?;
        let log = daemon.log()?;
        ensure!(log.matches("history.redb is damaged: ").count() == 1, "{log}");
        ensure!(log.contains("and the history begins anew"), "{log}");
        ensure!(!log.contains("panicked"), "{log}");
        sum
    };
    // Damaged while nobody has it: its middle, where the pages are.
    let mut bytes = fs::read(database(&camfence))?;
    let middle = bytes.len() / 8;
    bytes[4096..middle].fill(0xff);
    fs::write(database(&camfence), bytes)?;
    let refused = camfence.run(["history"])?;
    ensure!(refused.code == Some(1) && refused.stderr.contains("is damaged"), "{refused:?}");
    ensure!(!refused.stderr.contains("panicked"), "{refused:?}");
    ensure!(told(&camfence, &[])? == sum, "the kernel's");
    let daemon = run(&camfence, OFTEN)?;
    await_sums(&camfence, sum)?;
    ensure!(daemon.log()?.contains("is damaged"), "{}", daemon.log()?);
    Ok(())
}

#[test]
fn two_daemons_do_not_write_one_file() -> Result<()> {
    let [home, other] = [Home::new()?, Home::new()?];
    let [camfence, second] = [home.camfence()?, other.camfence()?];
    let _first = run(&camfence, OFTEN)?;
    let sum = home.send(CAM, 10)?;
    await_sums(&camfence, sum)?;
    in_directory(&second, camfence.dir())?;
    let daemon = run(&second, OFTEN)?;
    daemon.wait_for_log(SOON, |log| log.contains("another process has"))?;
    await_sums(&camfence, sum)
}
