//! `camfence status`

use std::process::ExitCode;

use camfence::{
    config::Config,
    fence::Standing,
    telemetry::report::{AttachedReport, CameraReport, PortReport, StatusReport},
};
use camfence_common::{
    mac::Mac,
    reason::{Direction, Effect},
};

use super::{Options, output};

pub(crate) async fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let config = options.load()?;
    let standing = options.fence()?.read(&config).await?;
    let report = StatusReport::new(&config, &standing);
    if options.json {
        output::json(&report)?;
    } else {
        print_ports(&report.interfaces);
        output::line("");
        print_cameras(&report.cameras);
    }
    warn_of_differences(&config, &standing);
    Ok(ExitCode::SUCCESS)
}

fn print_ports(ports: &[PortReport]) {
    let at = |attached: Option<AttachedReport>| {
        attached.map_or_else(
            || "-".to_string(),
            |attached| format!("{} {}", attached.hook, attached.mode),
        )
    };
    let rows = ports.iter().map(|port| {
        let enforcing = match (port.ifindex, port.enforcing) {
            (None, _) => "NO: there is no such interface, or the bridge has no ports",
            (_, false) => "NO: run `camfence up`",
            (_, true) => "yes",
        };
        vec![port.name.clone(), at(port.outbound), at(port.inbound), enforcing.to_string()]
    });
    output::table(&["PORT", "OUTBOUND", "INBOUND", "ENFORCING"], 4, rows.collect());
}

/// A line for each camera, direction and reason that occurred.
pub(crate) fn print_cameras(cameras: &[CameraReport]) {
    let mut rows = Vec::new();
    for camera in cameras {
        let before = rows.len();
        for direction in Direction::ALL {
            for (reason, count) in &camera.direction(direction).reasons {
                let verdict = match reason.effect() {
                    Effect::Pass => "passed",
                    Effect::Drop => "dropped",
                };
                rows.push(vec![
                    camera.name.clone(),
                    camera.mac.clone(),
                    direction.name().to_string(),
                    verdict.to_string(),
                    reason.name().to_string(),
                    count.packets.to_string(),
                    output::bytes(count.bytes),
                ]);
            }
        }
        if rows.len() == before {
            let nothing = ["-", "-", "-", "0", "0 B"].map(str::to_string);
            rows.push([vec![camera.name.clone(), camera.mac.clone()], nothing.to_vec()].concat());
        }
    }
    let header = ["CAMERA", "MAC", "DIRECTION", "VERDICT", "REASON", "PACKETS", "BYTES"];
    output::table(&header, 5, rows);
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
