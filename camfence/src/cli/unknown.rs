//! `camfence unknown`

use std::{process::ExitCode, time::Duration};

use camfence::{
    fence::Seen,
    telemetry::unknown::{Now, UnknownReport},
};

use super::{Options, output};

pub(crate) async fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let sightings = options.fence()?.sightings().await?;
    let now = Now::read();
    if options.json {
        output::json(&UnknownReport::new(&sightings.seen, now))?;
    } else if sightings.seen.is_empty() {
        output::line("no unknown source was seen");
    } else {
        print(&sightings.seen, now);
    }
    if !sightings.watched {
        eprintln!("notice: unknown sources pass unseen on every port");
        eprintln!(
            "hint: write unknown = \"drop\" or a profile's name under [fence] or [interface.NAME]"
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn print(seen: &[Seen], now: Now) {
    let ago = |moment| ago(now.since(moment));
    let rows = seen.iter().map(|seen| {
        vec![
            seen.mac.to_string(),
            seen.interface.clone().unwrap_or_else(|| "gone".into()),
            ago(seen.first),
            ago(seen.last),
            seen.tally.packets.to_string(),
            output::bytes(seen.tally.bytes),
        ]
    });
    let header = ["MAC", "PORT", "FIRST SEEN", "LAST SEEN", "PACKETS", "BYTES"];
    output::table(&header, 4, rows.collect());
}

/// A time that has passed, in its largest unit.
fn ago(time: Duration) -> String {
    let seconds = time.as_secs();
    let (count, unit) = match seconds {
        0..60 => (seconds, "s"),
        60..3600 => (seconds / 60, "min"),
        3600..86_400 => (seconds / 3600, "h"),
        _ => (seconds / 86_400, "d"),
    };
    format!("{count} {unit} ago")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_passed_is_told_in_its_largest_unit() {
        let shown = |seconds| ago(Duration::from_secs(seconds));
        let cases = [(0, "0 s"), (59, "59 s"), (60, "1 min"), (7199, "1 h"), (200_000, "2 d")];
        for (seconds, expected) in cases {
            assert_eq!(shown(seconds), format!("{expected} ago"));
        }
    }
}
