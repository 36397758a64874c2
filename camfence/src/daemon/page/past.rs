//! What the history has, with what the kernel counted since.

use std::{collections::BTreeMap, time::Duration};

use camfence_common::{
    flow::{FlowKey, Missing},
    mac::Mac,
};

use super::{of_fence, one_line};
use crate::{
    config::Config,
    daemon::protocol::Failure,
    fence::Fence,
    history::{
        self,
        bucket::Width,
        query::{Joined, Last, Span},
        store::{Reader, StoreError},
    },
    telemetry::{history::HistoryReport, ledger::span, now::Now},
};

/// How far back the timeline goes.
const DAY: Duration = Duration::from_hours(24);

/// Whom a camera talked to, so many that were seen last. Without a history, what the kernel has.
pub(super) fn flows(
    fence: &Fence,
    config: &Config,
    mac: Mac,
    most: usize,
) -> Result<(BTreeMap<FlowKey, Span>, Missing), Failure> {
    let Ok(reader) = open(config) else {
        let (contents, now) = (fence.ledger().map_err(of_fence)?, Now::awake());
        let mut last = Last::new(most);
        for (key, flow) in contents.flows.iter().filter(|(key, _)| key.mac() == mac) {
            last.add(*key, span(flow, now));
        }
        return Ok((last.flows(), contents.missing));
    };
    let mut missing = Missing::default();
    let joined = Joined::new(&reader, || {
        let reading = fence.reading().ok()?;
        missing = reading.ledger.missing;
        Some(reading)
    });
    let flows = joined.and_then(|joined| joined.last_flows(mac, most));
    Ok((flows.map_err(|error| of_store(&error))?, missing))
}

/// What passed and was dropped of a camera in each five minutes of the last day.
pub(super) fn day(fence: &Fence, config: &Config, mac: Mac) -> Result<HistoryReport, Failure> {
    let width = Width::FiveMinutes;
    let from = Now::awake().since_epoch().saturating_sub(DAY);
    let counts = open(config).and_then(|reader| {
        Joined::new(&reader, || fence.reading_of_counters().ok())?.counts(width, from, Some(mac))
    });
    let counts = counts.map_err(|error| of_store(&error))?;
    Ok(HistoryReport::new(width, &counts, BTreeMap::new(), config))
}

fn open(config: &Config) -> Result<Reader, StoreError> {
    Reader::open(&history::path(config))
}

fn of_store(error: &StoreError) -> Failure {
    Failure { message: one_line(error), hint: error.hint() }
}
