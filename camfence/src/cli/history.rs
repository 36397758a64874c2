//! `camfence history`

use std::{process::ExitCode, time::Duration};

use camfence::{
    history::{bucket::Width, query::Joined},
    operations,
    telemetry::{
        history::{Bucket, HistoryReport},
        now::Now,
    },
};
use clap::Args;

use super::{Options, output, past};

/// How far it looks back if the command line does not say.
const SINCE: &str = "7d";

/// Characters of the longest bar.
const BAR: usize = 20;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Only of this camera, by name or MAC
    #[arg(value_name = "NAME|MAC")]
    camera: Option<String>,
    /// How far back, such as 24h
    #[arg(long, value_name = "TIME", default_value = SINCE)]
    since: humantime::Duration,
    /// How long each line is: 5min, hour or day; without it, as suits the time
    #[arg(long, value_name = "WIDTH")]
    by: Option<Width>,
}

pub(crate) fn run(options: &Options, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let config = options.load()?;
    let camera = arguments.camera.as_deref();
    let mac = camera.map(|camera| operations::mac_of(&config, camera)).transpose()?;
    let since: Duration = arguments.since.into();
    let width = arguments.by.unwrap_or(Width::suiting(since));
    let reader = past::open(&config)?;
    let fence = options.fence()?;
    let joined = Joined::new(&reader, || fence.reading_of_counters().ok())?;
    let from = Now::awake().since_epoch().saturating_sub(since);
    let counts = joined.counts(width, from, mac)?;
    let report = HistoryReport::new(width, &counts, reader.names()?, &config);
    if options.json {
        output::json(&report)?;
    } else if report.buckets.is_empty() {
        output::line("nothing was counted");
    } else {
        print(&report, width);
    }
    Ok(ExitCode::SUCCESS)
}

fn print(report: &HistoryReport, width: Width) {
    let most = report.buckets.iter().map(dropped).max().unwrap_or_default();
    let bars = output::is_terminal();
    let row = |bucket: &Bucket| {
        let sum = |count: fn(&Bucket) -> [u64; 2]| count(bucket).into_iter().sum::<u64>();
        let mut row = vec![
            when(bucket, width),
            bucket.camera.clone().unwrap_or_else(|| bucket.mac.clone()),
            sum(|it| [it.outbound.passed.packets, it.inbound.passed.packets]).to_string(),
            output::bytes(sum(|it| [it.outbound.passed.bytes, it.inbound.passed.bytes])),
            dropped(bucket).to_string(),
            output::bytes(sum(|it| [it.outbound.dropped.bytes, it.inbound.dropped.bytes])),
        ];
        if bars {
            row.push(bar(dropped(bucket), most));
        }
        row
    };
    let header = ["BEGIN (UTC)", "CAMERA", "PASSED", "BYTES", "DROPPED", "BYTES", ""];
    let columns = if bars { header.len() } else { header.len() - 1 };
    output::table(&header[..columns], 2, report.buckets.iter().map(row).collect());
}

/// Packets that were dropped, both ways.
const fn dropped(bucket: &Bucket) -> u64 {
    bucket.outbound.dropped.packets + bucket.inbound.dropped.packets
}

/// As long as a number is, of the longest.
fn bar(number: u64, most: u64) -> String {
    let eighths = u128::from(number) * BAR as u128 * 8 / u128::from(most.max(1));
    let eighths = usize::try_from(eighths).unwrap_or_default();
    let rest = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8];
    let bar = "█".repeat(eighths / 8) + rest;
    format!("{bar:<BAR$}")
}

/// When a bucket begins, as exactly as it is long.
fn when(bucket: &Bucket, width: Width) -> String {
    let text = bucket.start.replace('T', " ");
    let length = if width == Width::Day { "2026-11-22".len() } else { "2026-11-22 10:35".len() };
    text.get(..length).unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_number() {
        assert_eq!(bar(80, 80).trim_end().chars().count(), 20);
        assert_eq!(bar(2, 80).trim_end(), "▌");
        assert_eq!(bar(0, 0).trim_end(), "");
        assert_eq!(bar(u64::MAX, u64::MAX).chars().count(), 20);
    }
}
