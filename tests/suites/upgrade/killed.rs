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

/// Kills a verb at a moment that it does not know of.
struct Killer {
    attachment: Attachment,
    /// How long the verb takes, as far as it is known.
    takes: Duration,
    killed: u32,
}

impl Killer {
    /// Begins a verb, and kills it if it is still there after a part of its time.
    fn kill(&mut self, fence: &Fence<'_>, verb: &str) -> Result<()> {
        let mut arguments = vec![verb];
        if self.attachment == Attachment::Clsact {
            arguments.insert(0, "--without-tcx");
        }
        // What can go wrong is near the end: programs are loaded first.
        let from = if random().is_multiple_of(4) { 0 } else { 60 };
        let mut daemon = fence.camfence.start(arguments)?;
        thread::sleep(self.takes * (from + random() % (102 - from)) / 100);
        if daemon.is_running()? {
            daemon.signal(Signal::SIGKILL)?;
            self.killed += 1;
            self.takes += self.takes / 50;
        } else {
            self.takes -= self.takes / 8;
        }
        while daemon.is_running()? {}
        Ok(())
    }
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
    let mut killer = Killer { attachment, takes, killed: 0 };
    let mut round = 0;
    while killer.killed < KILLS {
        ensure!(round < 5 * KILLS, "only {} were killed", killer.killed);
        let config = load.config(2_000 + round);
        load.during(|| {
            fence.camfence.configure(&config)?;
            killer.kill(&fence, ["reload", "up"][round as usize % 2])?;
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
        round += 1;
    }
    fence.up()?;
    load.check_counters(&fence)?;
    load.check_ledger(&fence)?;
    ensure!(open_seconds(&fence, CAM3)? > 3_000);
    println!("{} of {round} killed, {} frames", killer.killed, load.sent());
    Ok(())
}

fn an_upgrade_can_be_killed(attachment: Attachment) -> Result<()> {
    let mut killer = Killer { attachment, takes: Duration::from_millis(700), killed: 0 };
    for _ in 0..UPGRADES {
        let home = Home::new(attachment)?;
        let mut load = Load::new(&home)?;
        let fence = load.fence(1_024)?;
        old::stand(old::ABI_2, &fence, attachment, CAM3, 600)?;
        load.during(|| {
            killer.kill(&fence, "up")?;
            fence.up()
        })?;
        load.check_wires()?;
        load.check_counters(&fence)?;
        ensure!(open_seconds(&fence, CAM3)? > 500);
    }
    Ok(())
}

over_every_attachment!(a_resize_can_be_killed, an_upgrade_can_be_killed);
