//! All who judge a frame: the model, the core on the host, and the programs in the kernel.

use std::{collections::BTreeMap, fmt::Write as _};

use anyhow::{Result, ensure};
use camfence::{
    config::{Config, Mode},
    kernel::runner::PORT,
};
use camfence_common::{
    abi::{self, Tally},
    flow::FlowKey,
    reason::{Direction, Reason},
};
use camfence_tests::{
    judge::{Host, Kernel, Ruling, compiled, programs, runs},
    model::{self, Subject},
};

/// Flows that the kernel's ledger has room for. Frames are of more, so that some are evicted.
const LEDGER: u32 = 16_384;

/// The judges under one policy.
pub(crate) struct Judges {
    config: Config,
    host: Host,
    kernel: Kernel,
    /// What the kernel has to have counted, by the host's word, under this policy and those before.
    flows: BTreeMap<FlowKey, Tally>,
}

impl Judges {
    pub(crate) fn new(config: &Config) -> Result<Self> {
        let policy = compiled(config)?;
        let (host, kernel) = (Host::new(&policy), Kernel::with_ledger(&policy, LEDGER)?);
        Ok(Self { config: config.clone(), host, kernel, flows: BTreeMap::new() })
    }

    /// Goes on under another policy, with the programs that are there.
    pub(crate) fn turn_to(&mut self, config: &Config) -> Result<()> {
        let policy = compiled(config)?;
        self.kernel.set_policy(&policy)?;
        (self.config, self.host) = (config.clone(), Host::new(&policy));
        Ok(())
    }

    /// The model's reason, none for a bystander's frame, if all others rule like it.
    pub(crate) fn agree(&mut self, direction: Direction, frame: &[u8]) -> Result<Option<Reason>> {
        let unknown = self.config.fence.unknown;
        let reason = model::judge(&self.config, direction, unknown, frame);
        let expected = self.ruling(direction, reason, frame);
        let mut rulings = vec![("host".to_owned(), self.host.judge(direction, frame))];
        for &program in programs(direction).iter().filter(|&&program| runs(program, frame)) {
            rulings.push((format!("{program:?}"), self.kernel.judge(program, frame)?));
            if let Some(key) = self.host.flow(direction, frame) {
                let one = Tally { packets: 1, bytes: frame.len() as u64 };
                self.flows.entry(key).or_default().add(one);
            }
        }
        if rulings.iter().all(|(_, ruling)| *ruling == expected) {
            return Ok(reason);
        }
        let mut all = format!("{}\n  model: {expected:?}", direction.name());
        for (judge, ruling) in rulings {
            write!(all, "\n  {judge}: {ruling:?}")?;
        }
        anyhow::bail!(all)
    }

    /// Checks that each flow of the ledger is one of the host's and counts no more than that, and that all
    /// that is not there was evicted.
    pub(crate) fn check_ledger(&self) -> Result<()> {
        let contents = self.kernel.ledger()?;
        let (mut found, mut expected) = (contents.missing.evicted, Tally::default());
        for (key, flow) in &contents.flows {
            let most = self.flows.get(key).copied().unwrap_or_default();
            ensure!(flow.tally.packets <= most.packets, "{key:?}: {flow:?}, not {most:?}");
            found.add(flow.tally);
        }
        self.flows.values().for_each(|tally| expected.add(*tally));
        ensure!(found == expected, "the ledger has {found:?}, not {expected:?}");
        ensure!(contents.missing.lost == Tally::default(), "{:?}", contents.missing);
        Ok(())
    }

    /// What has to happen for a reason.
    fn ruling(&self, direction: Direction, reason: Option<Reason>, frame: &[u8]) -> Ruling {
        let Some(reason) = reason else { return Ruling::BYSTANDER };
        let (subject, mode) = self.counted_for(direction, frame);
        let ruling = Ruling::counted_for(subject, direction, reason, frame.len());
        if mode == Mode::Audit { ruling.audited() } else { ruling }
    }

    /// For whom a frame is counted, and whether its verdict is carried out.
    fn counted_for(&self, direction: Direction, frame: &[u8]) -> (abi::Subject, Mode) {
        match model::subject(&self.config, direction, self.config.fence.unknown, frame) {
            Subject::Judged(station) if station.registered => {
                (abi::Subject::Camera(station.mac), station.mode)
            }
            _ => (abi::Subject::Strangers(PORT), self.config.fence.mode),
        }
    }
}
