//! Killed at any moment of a switch: a fence stays, and the next command finishes or forgets.

use std::{
    thread,
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;

use crate::fixture::{Attachment, CAM3, Fence, Home, over_every_attachment};
use crate::load::{Load, open_seconds};
use crate::old;

const KILLS: u32 = 12;
const UPGRADES: u32 = 3;

/// A few random bits; which ones does not matter.
fn random() -> u32 {
    SystemTime::UNIX_EPOCH.elapsed().map_or(0, |time| time.subsec_nanos() / 7)
}

/// Begins a verb and kills it after a part of the time that it takes. True if it was still there.
fn kill(fence: &Fence<'_>, attachment: Attachment, verb: &str, takes: Duration) -> Result<bool> {
    let mut arguments = vec![verb];
    if attachment == Attachment::Clsact {
        arguments.insert(0, "--without-tcx");
    }
    let mut daemon = fence.camfence.start(arguments)?;
    // What can go wrong is near the end: programs are loaded first.
    let from = if random().is_multiple_of(4) { 0 } else { 60 };
    thread::sleep(takes * (from + random() % (105 - from)) / 100);
    let was_there = daemon.is_running()?;
    if was_there {
        daemon.signal(Signal::SIGKILL)?;
    }
    while daemon.is_running()? {}
    Ok(was_there)
}

fn a_resize_can_be_killed(attachment: Attachment) -> Result<()> {
    let home = Home::new(attachment)?;
    let mut load = Load::new(&home)?;
    let fence = load.fence(1_024)?;
    fence.up()?;
    fence.verb(&["open", "attic", "--for", "1h"])?;
    let start = Instant::now();
    fence.camfence.configure(&load.config(1_025))?;
    fence.verb(&["reload"])?;
    let takes = start.elapsed();
    let mut killed = 0;
    for round in 0..KILLS {
        let config = load.config(2_000 + round);
        load.during(|| {
            fence.camfence.configure(&config)?;
            killed +=
                u32::from(kill(&fence, attachment, ["reload", "up"][round as usize % 2], takes)?);
            // The next one is killed over what this one left, or all is well again.
            if round % 3 == 2 {
                fence.up()?;
            }
            Ok(())
        })?;
        load.check_wires()?;
        if round % 3 == 2 {
            load.check_counters(&fence)?;
        }
    }
    fence.up()?;
    load.check_counters(&fence)?;
    ensure!(open_seconds(&fence, CAM3)? > 3_000);
    ensure!(killed > KILLS / 2, "{killed} of {KILLS} were killed");
    println!("{killed} killed in {takes:?}, {} frames", load.sent());
    Ok(())
}

fn an_upgrade_can_be_killed(attachment: Attachment) -> Result<()> {
    let mut takes = Duration::from_millis(700);
    for _ in 0..UPGRADES {
        let home = Home::new(attachment)?;
        let mut load = Load::new(&home)?;
        let fence = load.fence(1_024)?;
        old::stand(&fence, attachment, CAM3, 600)?;
        load.during(|| {
            kill(&fence, attachment, "up", takes)?;
            let start = Instant::now();
            fence.up()?;
            takes = start.elapsed();
            Ok(())
        })?;
        load.check_wires()?;
        load.check_counters(&fence)?;
        ensure!(open_seconds(&fence, CAM3)? > 500);
    }
    Ok(())
}

over_every_attachment!(a_resize_can_be_killed, an_upgrade_can_be_killed);
