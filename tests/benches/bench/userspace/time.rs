//! What takes time.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;
use camfence_tests::measure::{Measurement, Series, Unit};

use super::daemon::{Daemon, SETTLED, Site};
use super::{FEW, series};
use crate::Plan;

/// How long an idle daemon is watched: as long as it takes to look at its ports a few times.
const WATCHED: Duration = Duration::from_secs(20);
const WATCHED_QUICK: Duration = Duration::from_secs(5);

/// Cameras of fences that are put up.
const FENCED: [(usize, &str); 3] = [
    (1, "1 camera fenced (ms)"),
    (10_000, "10,000 cameras fenced (ms)"),
    (65_536, "65,536 cameras fenced (ms)"),
];

/// Cameras of fences that are scraped.
const SCRAPED: [(usize, &str); 2] =
    [(1_000, "scrape, 1,000 cameras (ms)"), (10_000, "scrape, 10,000 cameras (ms)")];

/// From the start of the process to a fence that judges.
pub(super) fn start(plan: &Plan) -> Result<Vec<Series>> {
    let started = |(cameras, name)| {
        Measurement::new(name, Unit::MILLISECONDS, move || {
            let site = Site::new()?;
            let camfence = site.camfence(cameras, "")?;
            let daemon = Daemon::start(&camfence)?;
            let took = daemon.took;
            daemon.end()?;
            Ok(milliseconds(took))
        })
    };
    series(plan, FENCED.into_iter().map(started).collect(), FEW)
}

/// From the request to the last byte, of a fence whose cameras each have counted something.
pub(super) fn scrape(plan: &Plan) -> Result<Vec<Series>> {
    let [few, many] = [Site::new()?, Site::new()?];
    let camfences = [few.camfence(SCRAPED[0].0, "")?, many.camfence(SCRAPED[1].0, "")?];
    let daemons = [Daemon::start(&camfences[0])?, Daemon::start(&camfences[1])?];
    let mut measurements = Vec::new();
    for (site, (cameras, name)) in [&few, &many].into_iter().zip(SCRAPED) {
        site.send_from_each(cameras)?;
        measurements.push(Measurement::new(name, Unit::MILLISECONDS, move || {
            let begun = Instant::now();
            site.scrape()?;
            Ok(milliseconds(begun.elapsed()))
        }));
    }
    let series = series(plan, measurements, usize::MAX)?;
    daemons.into_iter().try_for_each(Daemon::end)?;
    Ok(series)
}

/// How much of a CPU it takes while nothing happens, in percent.
pub(super) fn idle(plan: &Plan) -> Result<Vec<Series>> {
    let watched = if plan.quick { WATCHED_QUICK } else { WATCHED };
    let site = Site::new()?;
    let camfence = site.camfence(1, "")?;
    let daemon = Daemon::start(&camfence)?;
    sleep(SETTLED);
    let idle = Measurement::new("idle (% of a CPU)", Unit::CPU, || {
        let before = daemon.on_cpu()?;
        sleep(watched);
        let on_cpu = daemon.on_cpu()?.saturating_sub(before);
        Ok(100.0 * on_cpu.as_secs_f64() / watched.as_secs_f64())
    });
    let series = series(plan, vec![idle], FEW)?;
    daemon.end()?;
    Ok(series)
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
