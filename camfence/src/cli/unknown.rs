//! `camfence unknown`

use std::process::ExitCode;

use camfence::{
    fence::Seen,
    telemetry::{now::Now, unknown::UnknownReport},
};

use super::{Options, output};

pub(crate) async fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let sightings = options.fence()?.sightings().await?;
    let now = Now::since_boot();
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
    let ago = |moment| output::ago(now.since(moment));
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
