//! What was done, and what came of it.

use std::collections::BTreeMap;
use std::time::Duration;

use comfy_table::Table;

use crate::bystander;
use crate::scene::Scene;

/// How often each action was done.
pub(crate) type Done = BTreeMap<&'static str, u32>;

/// Prints what was found, as a table.
pub(crate) fn print(scene: &Scene<'_>, done: &Done, overrun: u64, elapsed: Duration) {
    let leaks = scene.traffic.leaks();
    let durations = by_action(&scene.windows.durations(&leaks));
    let mut table = Table::new();
    table.load_preset(comfy_table::presets::ASCII_MARKDOWN);
    table.set_header(["action", "done", "windows", "median", "p99", "max"]);
    for (action, times) in done {
        let of_action = durations.get(action).map_or(&[][..], Vec::as_slice);
        let [median, high, max] = [50, 99, 100].map(|p| show(percentile(of_action, p)));
        table.add_row([
            (*action).to_owned(),
            times.to_string(),
            of_action.len().to_string(),
            median,
            high,
            max,
        ]);
    }
    for (what, times) in by_action(&scene.accounts) {
        let [median, max] = [50, 100].map(|p| show(percentile(&times, p)));
        println!(
            "{what}: by the daemon's own account, {median} in the median and {max} at the most"
        );
    }
    println!("times that the daemon told of too little: {}", scene.understated);
    let outcome = scene.traffic.bystander.outcome();
    let rate = outcome.rate(elapsed);
    println!("{table}");
    println!("leaks while fenced: 0; counters compared: {}", scene.books.compared);
    println!(
        "bystander: {} sent, {} arrived, {} out of order, {rate} a second of {} ({} stalls, {} retries); lost by the harness: {} + {overrun}",
        outcome.sent,
        outcome.arrived,
        outcome.disordered,
        bystander::RATE,
        outcome.stalls,
        outcome.retries,
        outcome.uncaptured
    );
}

/// The durations of each action.
pub(crate) fn by_action(
    durations: &[(&'static str, Duration)],
) -> BTreeMap<&'static str, Vec<Duration>> {
    let mut sorted: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (action, duration) in durations {
        sorted.entry(*action).or_default().push(*duration);
    }
    for durations in sorted.values_mut() {
        durations.sort();
    }
    sorted
}

/// The value that so many percent are not above; none of nothing.
pub(crate) fn percentile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let last = sorted.len().checked_sub(1)?;
    sorted.get((last * percent).div_ceil(100)).copied()
}

fn show(duration: Option<Duration>) -> String {
    duration.map_or_else(|| "-".into(), |duration| format!("{} ms", duration.as_millis()))
}
