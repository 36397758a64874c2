//! Camfence's counters, beside what was sent.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use camfence_tests::Camfence;
use serde_json::Value;

use crate::report::Report;
use crate::wire::{Count, Ledger, Wire, since};

/// How often to try for a moment in which nothing is on its way.
const TRIES: u32 = 10;

/// What camfence counted and what was sent, of one quiet moment.
#[derive(Debug, Clone)]
pub(crate) struct Moment {
    /// What `camfence status --json` said.
    pub(crate) status: Value,
    counted: Ledger,
    sent: Ledger,
}

/// Reads both while nothing is on its way.
pub(crate) fn moment(camfence: &Camfence, wire: &mut Wire) -> Result<Moment> {
    for _ in 0..TRIES {
        wire.settle()?;
        let status = status(camfence)?;
        thread::sleep(Duration::from_millis(10));
        if !wire.read()? {
            let counted = read(&status)?;
            return Ok(Moment { status, counted, sent: wire.ledger.clone() });
        }
    }
    bail!("the cameras do not stop talking");
}

fn status(camfence: &Camfence) -> Result<Value> {
    let outcome = camfence.run(["status", "--json"])?;
    let said = outcome.stderr.trim().replace('\n', "; ");
    ensure!(outcome.code == Some(0), "camfence status: {said}");
    serde_json::from_str(&outcome.stdout).context("camfence status --json printed no JSON")
}

/// The cameras that the status lists.
pub(crate) fn cameras(status: &Value) -> Vec<&str> {
    status["cameras"].as_array().into_iter().flatten().filter_map(|c| c["name"].as_str()).collect()
}

/// The counters in the status.
fn read(status: &Value) -> Result<Ledger> {
    let mut ledger = Ledger::new();
    for camera in status["cameras"].as_array().context("no cameras")? {
        let name = camera["name"].as_str().context("a camera without name")?;
        for direction in ["outbound", "inbound"] {
            let reasons = camera[direction]["reasons"].as_object().context("no reasons")?;
            for (reason, value) in reasons {
                ledger.insert((name.into(), direction, reason.clone()), count(value)?);
            }
        }
    }
    Ok(ledger)
}

fn count(value: &Value) -> Result<Count> {
    let number = |key: &str| value[key].as_u64().with_context(|| format!("no {key} in {value}"));
    Ok(Count { packets: number("packets")?, bytes: number("bytes")? })
}

/// Prints what was sent and counted between two moments for some cameras, and checks each line.
pub(crate) fn compare(
    report: &mut Report,
    before: &Moment,
    now: &Moment,
    cameras: &[&str],
) -> Result<()> {
    let counted = since(&now.counted, &before.counted);
    let sent = since(&now.sent, &before.sent);
    let keys: BTreeSet<_> = counted.keys().chain(sent.keys()).collect();
    let mut rows = Vec::new();
    let mut differences = Vec::new();
    for camera in cameras {
        // "outbound" before "inbound".
        for key in keys.iter().rev().filter(|(name, ..)| name == camera) {
            let of = |ledger: &Ledger| ledger.get(key).copied().unwrap_or_default();
            let (sent, counted) = (of(&sent), of(&counted));
            let (_, direction, reason) = key;
            let fate = if is_drop(reason) { "dropped" } else { "passed" };
            let mut row = [camera, *direction, fate, reason].map(str::to_owned).to_vec();
            row.extend(
                [sent.packets, counted.packets, sent.bytes, counted.bytes].map(|n| n.to_string()),
            );
            row.push(if sent == counted { " ok" } else { "DIFFERS" }.into());
            rows.push(row);
            differences.push((format!("{camera} {direction} {reason}"), sent, counted));
        }
    }
    let header =
        ["Camera", "Direction", "Fate", "Reason", "Sent", "Counted", "Bytes sent", "Counted", ""];
    report.table(&header, rows);
    for (what, sent, counted) in &differences {
        report.quietly(what, sent, counted);
    }
    check_sums(report, &now.status)
}

/// Checks that "passed" and "dropped" of the status are the sums of its reasons.
fn check_sums(report: &mut Report, status: &Value) -> Result<()> {
    let ledger = read(status)?;
    for camera in status["cameras"].as_array().into_iter().flatten() {
        let name = camera["name"].as_str().unwrap_or_default();
        for direction in ["outbound", "inbound"] {
            for (verdict, drops) in [("passed", false), ("dropped", true)] {
                let mut sum = Count::default();
                for ((of, way, reason), count) in &ledger {
                    if of == name && *way == direction && is_drop(reason) == drops {
                        sum.packets += count.packets;
                        sum.bytes += count.bytes;
                    }
                }
                let what = format!("{name} {direction} {verdict}, the sum of its reasons");
                report.quietly(&what, &sum, &count(&camera[direction][verdict])?);
            }
        }
    }
    Ok(())
}

fn is_drop(reason: &str) -> bool {
    !matches!(reason, "link" | "on-link" | "local" | "allowed" | "opened")
}
