//! Processes that are killed, fences that go and come.

use std::time::Duration;
use std::{fs, thread};

use anyhow::{Result, ensure};
use camfence::history::bucket::Width;
use camfence::history::store::Reader;
use camfence_tests::Camfence;
use camfence_tests::home::config as home_config;
use nix::sys::signal::Signal;

use crate::fixture::{
    CAM, CAM2, Home, NEVER, OFTEN, SOON, await_sums, config, database, dropped, run, told,
};

/// Packets in the database alone.
fn written(camfence: &Camfence) -> Result<u64> {
    let reader = Reader::open(&database(camfence))?;
    let counts = reader.counts(Width::Day, Duration::ZERO, None)?;
    let tallies = counts.values().flat_map(|counts| counts.by.as_flattened());
    Ok(tallies.map(|tally| tally.packets).sum())
}

#[test]
fn a_daemon_that_is_killed_loses_nothing_and_counts_nothing_twice() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence()?;
    let mut sum = 0;
    for life in 0..6 {
        let daemon = run(&camfence, "20ms")?;
        for _ in 0..10 {
            sum += home.send(CAM, 7)?;
            thread::sleep(Duration::from_millis(7 + life));
        }
        daemon.signal(Signal::SIGKILL)?;
        daemon.ended(SOON)?;
        // While nobody runs.
        sum += home.send(CAM, 3)?;
        await_sums(&camfence, sum)?;
    }
    ensure!(written(&camfence)? > 0);
    let files = fs::read_dir(camfence.dir())?.flatten();
    let corrupt = files.filter(|file| file.file_name().to_string_lossy().contains("corrupt"));
    ensure!(corrupt.count() == 0);
    Ok(())
}

#[test]
fn the_end_of_the_daemon_is_written() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence()?;
    let daemon = run(&camfence, NEVER)?;
    let sum = home.send(CAM, 50)?;
    await_sums(&camfence, sum)?;
    ensure!(written(&camfence)? == 0, "it is not time yet");
    ensure!(daemon.stop(SOON)?.code == Some(0));
    ensure!(written(&camfence)? == sum);
    await_sums(&camfence, sum)
}

#[test]
fn a_fence_that_goes_and_comes_again_goes_on() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence()?;
    let daemon = run(&camfence, NEVER)?;
    let mut sum = 0;
    for round in 0..3 {
        sum += home.send(CAM, 20 + round)?;
        await_sums(&camfence, sum)?;
        camfence.run(["down"])?.success()?;
        // Without a fence there is what was written.
        await_sums(&camfence, sum)?;
        camfence.run(["up"])?.success()?;
    }
    ensure!(daemon.log()?.matches("history").count() == 0, "{}", daemon.log()?);
    ensure!(daemon.stop(SOON)?.code == Some(0));
    ensure!(written(&camfence)? == sum);
    Ok(())
}

#[test]
fn other_maps_go_on_from_those_before() -> Result<()> {
    for interval in [OFTEN, NEVER] {
        let home = Home::new()?;
        let camfence = home.camfence()?;
        let daemon = run(&camfence, interval)?;
        let mut sum = 0;
        for room in [100, 50, 200] {
            sum += home.send(CAM, 30)?;
            let text = config("").replace("max_cameras = 64", &format!("max_cameras = {room}"));
            camfence.configure(&text)?;
            camfence.run(["reload"])?.success()?;
            sum += home.send(CAM, 1)?;
            await_sums(&camfence, sum)?;
        }
        ensure!(daemon.stop(SOON)?.code == Some(0));
        ensure!(written(&camfence)? == sum);
        ensure!(told(&camfence, &["--live"])? == sum, "the kernel's were carried over");
    }
    Ok(())
}

#[test]
fn a_camera_that_goes_and_comes_again_goes_on() -> Result<()> {
    for interval in [OFTEN, NEVER] {
        let home = Home::new()?;
        let camfence = home.camfence()?;
        camfence.configure(&home_config(&[("driveway", CAM), ("attic", CAM2)]))?;
        let daemon = run(&camfence, interval)?;
        let mut sum = 0;
        // Each time more than before, as if it had never been gone.
        for frames in [10, 11, 30] {
            for camera in [CAM, CAM2] {
                sum += home.send(camera, frames)?;
            }
            await_dropped(&camfence, sum)?;
            camfence.run(["remove", "attic"])?.success()?;
            camfence.run(["add", &CAM2.to_string(), "--name", "attic"])?.success()?;
        }
        camfence.run(["remove", "attic"])?.success()?;
        await_dropped(&camfence, sum)?;
        // It is told by the name it had.
        let text = camfence.run(["history"])?.success()?;
        ensure!(text.contains("attic"), "{text}");
        let text = camfence.run(["ledger", &CAM2.to_string()])?.success()?;
        ensure!(text.contains("attic") && !text.contains("driveway"), "{text}");
        ensure!(daemon.stop(SOON)?.code == Some(0));
        ensure!(written(&camfence)? == sum);
    }
    Ok(())
}

fn await_dropped(camfence: &Camfence, sum: u64) -> Result<()> {
    for _ in 0..100 {
        let found = dropped(camfence)?;
        ensure!(found <= sum, "{found} are more than {sum}");
        if found == sum {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(20));
    }
    anyhow::bail!("not {sum}")
}

#[test]
fn a_configuration_can_keep_none_and_go_on_elsewhere() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence()?;
    camfence.configure(&config("[history]\nenabled = false\n"))?;
    let daemon = run(&camfence, OFTEN)?;
    let sum = home.send(CAM, 5)?;
    ensure!(told(&camfence, &[])? == sum);
    let none = camfence.run(["history"])?;
    ensure!(none.code == Some(1) && none.stderr.contains("there is no history at"), "{none:?}");
    ensure!(none.stderr.contains("hint: `camfence run` writes it"), "{none:?}");
    let elsewhere = camfence.dir().join("else/where.redb");
    let text = format!("[history]\npath = \"{}\"\n", elsewhere.display());
    camfence.configure(&config(&text))?;
    camfence.run(["reload"])?.success()?;
    await_file(&elsewhere)?;
    await_sums(&camfence, sum)?;
    ensure!(!database(&camfence).exists());
    drop(daemon);
    Ok(())
}

fn await_file(path: &std::path::Path) -> Result<()> {
    for _ in 0..200 {
        if path.exists() {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(20));
    }
    anyhow::bail!("there is no {}", path.display())
}
