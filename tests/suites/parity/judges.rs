//! All who judge a frame: the model, the core on the host, and the programs in the kernel.

use std::fmt::Write as _;

use anyhow::Result;
use camfence::{
    config::{Config, Mode},
    kernel::runner::PORT,
};
use camfence_common::{
    abi,
    reason::{Direction, Reason},
};
use camfence_tests::{
    judge::{Host, Kernel, Ruling, compiled, programs, runs},
    model::{self, Subject},
};

/// The judges under one policy.
pub(crate) struct Judges {
    config: Config,
    host: Host,
    kernel: Kernel,
}

impl Judges {
    pub(crate) fn new(config: &Config) -> Result<Self> {
        let policy = compiled(config)?;
        let (host, kernel) = (Host::new(&policy), Kernel::new(&policy)?);
        Ok(Self { config: config.clone(), host, kernel })
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
