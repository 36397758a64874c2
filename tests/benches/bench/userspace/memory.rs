//! How much memory it takes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::Duration;

use anyhow::{Context as _, Result};
use camfence_tests::Camfence;
use camfence_tests::measure::{Measurement, Series, Unit};

use super::daemon::{Daemon, SETTLED, Site};
use super::{FEW, series};
use crate::Plan;

const MIB: Unit = Unit::new("mebibytes", "MiB", 1);

/// Destinations of a flood.
const FLOOD: u32 = 1_000_000;
const FLOOD_QUICK: u32 = 100_000;

/// Scrapes of 10,000 cameras that follow each other, to see what they leave behind.
const SCRAPES: u32 = 100;
const SCRAPES_QUICK: u32 = 10;

/// How many look at once.
const LOOKING: usize = 4;

/// How often who looks asks again.
const PAUSE: Duration = Duration::from_millis(200);

/// Resident memory: while nothing happens, the most during a flood of destinations, and what scrapes add.
pub(super) fn memory(plan: &Plan) -> Result<Vec<Series>> {
    let destinations = if plan.quick { FLOOD_QUICK } else { FLOOD };
    let times = if plan.quick { SCRAPES_QUICK } else { SCRAPES };
    let idle = Measurement::new("idle (MiB)", MIB, || {
        of_daemon(1, "", |_, _, daemon| {
            sleep(SETTLED);
            daemon.memory("VmRSS")
        })
    });
    let flooded = |name, ledger| {
        Measurement::new(name, MIB, move || {
            of_daemon(1, ledger, |site, camfence, daemon| {
                flood(site, camfence, destinations)?;
                daemon.memory("VmHWM")
            })
        })
    };
    let growth = Measurement::new("what scrapes leave (MiB)", MIB, move || {
        of_daemon(10_000, "", |site, _, daemon| {
            site.send_from_each(10_000)?;
            site.scrape()?;
            let before = daemon.memory("VmRSS")?;
            (0..times).try_for_each(|_| site.scrape().map(drop))?;
            Ok(daemon.memory("VmRSS")?.saturating_sub(before))
        })
    });
    let measurements = vec![
        idle,
        flooded("flood, most (MiB)", ""),
        flooded("flood, ledger of 100,000, most (MiB)", "[ledger]\nentries = 100000\n"),
        growth,
    ];
    series(plan, measurements, FEW)
}

#[expect(clippy::cast_precision_loss, reason = "far less than 2^52")]
fn of_daemon(
    cameras: usize,
    more: &str,
    memory: impl FnOnce(&Site, &Camfence<'_>, &Daemon<'_>) -> Result<u64>,
) -> Result<f64> {
    let site = Site::new()?;
    let camfence = site.camfence(cameras, more)?;
    let daemon = Daemon::start(&camfence)?;
    let memory = memory(&site, &camfence, &daemon)?;
    daemon.end()?;
    Ok(memory as f64 / f64::from(1 << 20))
}

/// Sends to very many destinations, while somebody follows the events, and metrics and page are asked for.
fn flood(site: &Site, camfence: &Camfence<'_>, destinations: u32) -> Result<()> {
    let _follower = camfence.start(["--json", "events", "--follow"])?;
    let done = AtomicBool::new(false);
    scope(|scope| {
        let done = &done;
        let looking = [(); LOOKING].map(|()| {
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    site.look()?;
                    sleep(PAUSE);
                }
                anyhow::Ok(())
            })
        });
        let sent = site.send_to_each(destinations);
        // What is told of it, and written, comes later.
        sleep(SETTLED);
        done.store(true, Ordering::Relaxed);
        for looking in looking {
            looking.join().ok().context("a thread panicked")??;
        }
        sent
    })
}
