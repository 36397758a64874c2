//! Says in the log what following the interfaces came to: each thing once.

use std::{collections::BTreeSet, mem, time::Instant};

use tokio::sync::watch;
use tracing::{error, info, warn};

use super::{
    listen::now_event,
    notify,
    protocol::Failure,
    unfenced::{Note, Unfenced},
};
use crate::{
    events::{Event, Hub, Kind},
    fence::{Followed, FollowedPort, Report},
    operations::OperationError,
};

/// What was said, so that it is not said again.
pub(super) struct FollowLog {
    unfenced: watch::Sender<Unfenced>,
    failure: Option<String>,
    waiting: BTreeSet<String>,
    renamed: BTreeSet<(String, String)>,
    hub: Hub,
    /// The ports that were there, with their indices; none before it was looked.
    ports: Option<BTreeSet<(String, u32)>>,
}

impl FollowLog {
    pub(super) fn new(unfenced: watch::Sender<Unfenced>, hub: Hub) -> Self {
        let (waiting, renamed) = (BTreeSet::new(), BTreeSet::new());
        Self { unfenced, failure: None, waiting, renamed, hub, ports: None }
    }

    /// Takes in what was seen since interfaces were heard to have changed, or since it was begun to look.
    pub(super) fn followed(&mut self, noticed: Instant, followed: &Followed) {
        if self.failure.take().is_some() {
            info!("interfaces are followed again");
        }
        if let Some(broken) = &followed.repaired {
            error!("the fence was broken and has been made anew: {broken}");
            let text = Some(broken.as_str().into());
            self.hub.tell(Event { text, ..now_event(Kind::Repaired) });
        }
        self.report(&followed.report);
        let mut notes = Vec::new();
        self.unfenced.send_modify(|unfenced| {
            notes = unfenced.observe(noticed, Instant::now(), &followed.ports);
        });
        self.tell_ports(&followed.ports);
        for note in &notes {
            tell(note);
            self.hub.tell(event_of(note));
        }
        if !notes.is_empty() {
            let is_open = |port: &&FollowedPort| port.problem.is_some();
            let open = followed.ports.iter().filter(is_open).count();
            notify::status(&format!(
                "{} ports, {open} of them not enforcing",
                followed.ports.len()
            ));
        }
    }

    /// Tells which ports came and went.
    fn tell_ports(&mut self, ports: &[FollowedPort]) {
        let now = ports.iter().map(|port| (port.name.clone(), port.ifindex)).collect();
        let Some(before) = self.ports.replace(now) else { return };
        let now = self.ports.iter().flatten();
        let gone = before.iter().filter(|port| !now.clone().any(|other| other == *port));
        let came = now.clone().filter(|port| !before.contains(*port));
        let gone = gone.map(|port| (Kind::PortGone, port));
        for (kind, (name, _)) in gone.chain(came.map(|port| (Kind::PortFenced, port))) {
            self.hub.tell(Event { interface: Some(name.clone()), ..now_event(kind) });
        }
    }

    /// Takes in that it failed.
    pub(super) fn failed(&mut self, error: &OperationError) -> Failure {
        let failure = Failure::from(error);
        if self.failure.as_ref() != Some(&failure.message) {
            error!("interfaces cannot be followed: {failure}");
            self.failure = Some(failure.message.clone());
        }
        failure
    }

    fn report(&mut self, report: &Report) {
        for (what, ports) in [("fenced", &report.attached), ("no longer fenced", &report.detached)]
        {
            if !ports.is_empty() {
                info!("{what}: {}", ports.join(", "));
            }
        }
        if report.replaced || report.added > 0 {
            info!("the policy has been brought in line with the ports and their networks");
        }
        for notice in &report.notices {
            warn!("{notice}");
        }
        let waiting = report.unfenced.values().cloned().collect();
        let before = mem::replace(&mut self.waiting, waiting);
        for problem in self.waiting.difference(&before) {
            warn!("not fenced, and tried again: {problem}");
        }
        let renamed = report.renamed.iter().cloned().collect();
        let before = mem::replace(&mut self.renamed, renamed);
        for (name, new_name) in self.renamed.difference(&before) {
            warn!("{name} is called {new_name} now: it stays fenced until a reload says otherwise");
        }
    }
}

fn event_of(note: &Note) -> Event {
    match note {
        Note::NotEnforcing { port, problem } => Event {
            interface: Some(port.clone()),
            text: Some(problem.as_str().into()),
            ..now_event(Kind::NotEnforcing)
        },
        Note::Enforcing { port, after } => Event {
            interface: Some(port.clone()),
            seconds: Some(after.as_secs_f64()),
            ..now_event(Kind::Enforcing)
        },
    }
}

fn tell(note: &Note) {
    match note {
        Note::NotEnforcing { port, problem } => error!("{port} is NOT ENFORCING: {problem}"),
        Note::Enforcing { port, after } => {
            warn!("{port} is enforcing; it was not for up to {:.3} s", after.as_secs_f64());
        }
    }
}
