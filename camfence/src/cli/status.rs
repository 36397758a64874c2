//! `camfence status`

use std::{cmp::Reverse, process::ExitCode, time::Duration};

use camfence::{
    config::Config,
    fence::Standing,
    telemetry::{
        now::Now,
        report::{
            AttachedReport, CameraReport, DirectionReport, PortReport, StatusReport,
            StrangersReport,
        },
    },
};
use camfence_common::{
    mac::Mac,
    reason::{Direction, Effect},
};

use super::{Options, output};

pub(crate) async fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let config = options.load()?;
    let standing = options.fence()?.read(&config).await?;
    let report = StatusReport::new(&config, &standing, Now::awake());
    if options.json {
        output::json(&report)?;
    } else {
        print_ports(&report.interfaces, standing.only_audits());
        output::line("");
        if print_exceptions(&report.cameras) {
            output::line("");
        }
        print_counts(camera_rows(&report.cameras).chain(stranger_rows(&report.interfaces)));
        print_last_seen(&report.cameras);
    }
    warn_of_differences(&config, &standing);
    Ok(ExitCode::SUCCESS)
}

fn print_ports(ports: &[PortReport], only_audits: bool) {
    let at = |attached: Option<AttachedReport>| {
        attached.map_or_else(
            || "-".to_string(),
            |attached| format!("{} {}", attached.hook, attached.mode),
        )
    };
    let rows = ports.iter().map(|port| {
        let enforcing = match (port.ifindex, &port.problem, port.enforcing) {
            (None, ..) => "NO: there is no such interface, or the bridge has no ports".into(),
            (_, Some(problem), _) => format!("NO: {problem}"),
            _ if only_audits && port.is_attached() => "NO: audit".into(),
            (.., false) => "NO: run `camfence up`".into(),
            (.., true) => "yes".into(),
        };
        vec![port.name.clone(), at(port.outbound), at(port.inbound), enforcing]
    });
    output::table(&["PORT", "OUTBOUND", "INBOUND", "ENFORCING"], 4, rows.collect());
}

/// The cameras that the fence does not hold now. True if there are any.
fn print_exceptions(cameras: &[CameraReport]) -> bool {
    let open = cameras.iter().filter_map(|camera| {
        let left = humantime::format_duration(Duration::from_secs(camera.open_seconds?));
        Some(format!("{} (closes in {left})", camera.name))
    });
    let audit = cameras.iter().filter(|camera| camera.is_audited());
    let audit = audit.map(|camera| camera.name.clone());
    let lines = [("open", open.collect::<Vec<_>>()), ("audit", audit.collect())];
    let mut any = false;
    for (what, names) in lines.iter().filter(|(_, names)| !names.is_empty()) {
        output::line(&format!("{what}: {}", names.join(", ")));
        any = true;
    }
    any
}

/// When each camera last sent something, those that are longest silent first.
fn print_last_seen(cameras: &[CameraReport]) {
    let mut seen: Vec<&CameraReport> = cameras.iter().collect();
    seen.sort_by_key(|camera| Reverse(camera.ago.unwrap_or(Duration::MAX)));
    let row = |camera: &CameraReport| {
        vec![camera.name.clone(), camera.ago.map_or_else(|| "never".into(), output::ago)]
    };
    if !seen.is_empty() {
        output::line("");
        output::table(&["CAMERA", "LAST SEEN"], 2, seen.into_iter().map(row).collect());
    }
}

/// A line for each camera, direction and reason that occurred, and for unknown sources.
pub(crate) fn print_replayed(cameras: &[CameraReport], unknown: Option<&StrangersReport>) {
    let unknown = unknown.into_iter().flat_map(|unknown| unknown_rows("unknown", unknown));
    print_counts(camera_rows(cameras).chain(unknown));
}

fn print_counts(rows: impl Iterator<Item = Vec<String>>) {
    let header = ["CAMERA", "MAC", "DIRECTION", "VERDICT", "REASON", "PACKETS", "BYTES"];
    output::table(&header, 5, rows.collect());
}

fn camera_rows(cameras: &[CameraReport]) -> impl Iterator<Item = Vec<String>> {
    cameras.iter().flat_map(|camera| {
        let who = [camera.name.clone(), camera.mac.clone()];
        rows(&who, [&camera.outbound, &camera.inbound], camera.is_audited())
    })
}

/// The same for the unknown sources of ports that have a policy for them.
fn stranger_rows(ports: &[PortReport]) -> impl Iterator<Item = Vec<String>> {
    ports
        .iter()
        .filter_map(|port| Some((port, port.unknown.as_ref()?)))
        .flat_map(|(port, unknown)| unknown_rows(&format!("unknown on {}", port.name), unknown))
}

fn unknown_rows(who: &str, unknown: &StrangersReport) -> Vec<Vec<String>> {
    let who = [who, "-"].map(str::to_string);
    rows(&who, [&unknown.outbound, &unknown.inbound], unknown.is_audited())
}

fn rows(who: &[String], directions: [&DirectionReport; 2], audited: bool) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for (direction, report) in Direction::ALL.into_iter().zip(directions) {
        for (reason, count) in &report.reasons {
            let verdict = match reason.effect() {
                Effect::Pass => "passed",
                Effect::Drop if audited => "would drop",
                Effect::Drop => "dropped",
            };
            let (packets, bytes) = (count.packets.to_string(), output::bytes(count.bytes));
            let what = [direction.name(), verdict, reason.name(), &packets, &bytes];
            rows.push([who, &what.map(str::to_string)].concat());
        }
    }
    if rows.is_empty() {
        let nothing = ["-", "-", "-", "0", "0 B"].map(str::to_string);
        rows.push([who, &nothing].concat());
    }
    rows
}

fn warn_of_differences(config: &Config, standing: &Standing) {
    let live = |mac| standing.cameras.contains_key(mac);
    let known = |mac: &Mac| config.cameras.iter().any(|camera| camera.mac == *mac);
    let differs = config.cameras.iter().any(|camera| !live(&camera.mac))
        || !standing.cameras.keys().all(known);
    if differs {
        eprintln!("notice: the configuration has changed since; `camfence reload` brings it live");
    }
}
