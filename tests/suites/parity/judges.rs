//! All who judge a frame: the model, the core on the host, and the programs in the kernel.

use std::fmt::Write as _;

use anyhow::Result;
use camfence::{
    config::{Config, Mode},
    kernel::runner::Outcome,
    policy::compile::compile,
};
use camfence_common::{
    mac::Mac,
    reason::{Direction, Reason},
};
use camfence_tests::judge::{Host, Kernel, Ruling, programs, runs};

use crate::model::{self, Subject};

/// Frames of strangers that are judged are counted for the port, which shows as this camera.
const STRANGERS: Mac = Mac([0; 6]);

/// The judges under one policy.
pub(crate) struct Judges {
    config: Config,
    host: Host,
    kernel: Kernel,
}

impl Judges {
    pub(crate) fn new(config: &Config) -> Result<Self> {
        let policy = compile(config, &[])?;
        let (host, kernel) = (Host::new(&policy), Kernel::new(&policy)?);
        Ok(Self { config: config.clone(), host, kernel })
    }

    /// Goes on under another policy, with the programs that are there.
    pub(crate) fn turn_to(&mut self, config: &Config) -> Result<()> {
        *self = Self::new(config)?;
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
        let (camera, mode) = self.counted_for(direction, frame);
        let mut ruling = Ruling::counted(camera, direction, reason, frame.len());
        if mode == Mode::Audit {
            ruling.outcome = Outcome::Passed;
        }
        ruling
    }

    /// For whom a frame is counted, and whether its verdict is carried out.
    fn counted_for(&self, direction: Direction, frame: &[u8]) -> (Mac, Mode) {
        match model::subject(&self.config, direction, self.config.fence.unknown, frame) {
            Subject::Judged(station) if station.registered => (station.mac, station.mode),
            _ => (STRANGERS, self.config.fence.mode),
        }
    }
}
