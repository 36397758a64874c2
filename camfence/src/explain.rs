//! Why a frame passes or is dropped: the verdict, the reason, and the line of the configuration that
//! decided. The verdict is the core's own, on the host; no kernel is asked.

mod build;
mod question;
mod rule;
mod sketch;

use std::fmt;

use camfence_common::{
    abi::{Camera, Subject},
    mac::Mac,
    reason::{Direction, Effect, Reason},
    verdict,
    wire::ethernet,
};
use serde::{Serialize, Serializer};

pub use self::{
    question::{Question, QuestionError},
    rule::{Rule, Value},
    sketch::sketch,
};
use crate::{
    capture::Frame,
    config::{Config, Mode},
    policy::compile::CompiledPolicy,
};

/// Why a frame passes or is dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The camera's name; none of a device that is not registered.
    pub camera: Option<String>,
    /// The device's MAC.
    pub mac: Mac,
    /// The profile it is judged by, if it is by one.
    pub profile: Option<String>,
    /// Which way the frame goes.
    pub direction: Direction,
    /// What the frame is, in words. No byte of the frame is among them, only numbers.
    pub frame: String,
    /// Whether the verdict is carried out.
    pub mode: Mode,
    /// Why; none of a bystander's frame, which passes without being looked at.
    pub reason: Option<Reason>,
    /// The line of the configuration that decided; none if it is built in.
    pub rule: Option<Rule>,
    /// What was assumed, and what else helps to understand.
    pub notes: Vec<String>,
}

impl Explanation {
    /// What the core says: "pass", "drop", or "bystander" of a frame that it does not judge.
    pub fn verdict(&self) -> &'static str {
        match self.reason.map(Reason::effect) {
            None => "bystander",
            Some(Effect::Pass) => "pass",
            Some(Effect::Drop) => "drop",
        }
    }

    fn is_audited(&self) -> bool {
        self.mode == Mode::Audit && self.verdict() == "drop"
    }

    /// What happens to the frame, in a word or two.
    pub fn outcome(&self) -> &'static str {
        match self.verdict() {
            "bystander" => "passed by",
            "pass" => "passed",
            _ if self.is_audited() => "audited",
            _ => "dropped",
        }
    }
}

/// The keys are documented in the README; others' scripts parse them.
impl Serialize for Explanation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Json<'a> {
            camera: Option<&'a str>,
            mac: String,
            profile: Option<&'a str>,
            direction: &'static str,
            frame: &'a str,
            mode: &'static str,
            verdict: &'static str,
            reason: Option<&'static str>,
            description: Option<&'static str>,
            rule: Option<&'a Rule>,
            notes: &'a [String],
        }
        let json = Json {
            camera: self.camera.as_deref(),
            mac: self.mac.to_string(),
            profile: self.profile.as_deref(),
            direction: self.direction.name(),
            frame: &self.frame,
            mode: self.mode.as_str(),
            verdict: self.verdict(),
            reason: self.reason.map(Reason::name),
            description: self.reason.map(Reason::description),
            rule: self.rule.as_ref(),
            notes: &self.notes,
        };
        json.serialize(serializer)
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.camera.as_deref().unwrap_or("no camera");
        write!(f, "device:  {name} ({})", self.mac)?;
        if let Some(profile) = &self.profile {
            write!(f, ", profile {profile:?}")?;
        }
        write!(f, "\nframe:   {}, {}", self.direction.name(), self.frame)?;
        let Some(reason) = self.reason else {
            f.write_str("\nverdict: passes unseen: a bystander's frames are not judged")?;
            return self.write_notes(f);
        };
        let outcome = match self.outcome() {
            "audited" => "would be dropped, and passes: the mode is \"audit\"",
            outcome => outcome,
        };
        write!(f, "\nverdict: {outcome}\nreason:  {}: {}", reason.name(), reason.description())?;
        match &self.rule {
            Some(rule) => write!(f, "\nrule:    {rule}")?,
            None => f.write_str("\nrule:    built in")?,
        }
        self.write_notes(f)
    }
}

impl Explanation {
    fn write_notes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.notes.iter().try_for_each(|note| write!(f, "\nnote:    {note}"))
    }
}

/// What the core on the host says of a frame.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ruling<'a> {
    /// What the frame is judged by.
    pub(crate) entry: &'a Camera,
    /// The device.
    pub(crate) mac: Mac,
    /// Why.
    pub(crate) reason: Reason,
}

impl Ruling<'_> {
    /// Whose counters the frame goes to.
    pub(crate) fn subject(&self, port: u32) -> Subject {
        if self.entry.is(Camera::STRANGERS) {
            Subject::Strangers(port)
        } else {
            Subject::Camera(self.mac)
        }
    }

    /// Whether the frame ends here.
    pub(crate) fn drops(&self) -> bool {
        self.reason.effect() == Effect::Drop && !self.entry.is(Camera::AUDIT)
    }
}

/// Judges and explains frames of one port.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Explainer<'a> {
    pub(crate) config: &'a Config,
    /// The configuration, compiled for a machine where "auto" stands for nothing.
    pub(crate) policy: &'a CompiledPolicy,
    /// The port's interface index, as the policy was compiled with.
    pub(crate) port: u32,
}

impl<'a> Explainer<'a> {
    /// What the core says of a frame; none of a bystander's.
    pub(crate) fn judge(&self, direction: Direction, frame: &Frame<'_>) -> Option<Ruling<'a>> {
        let mac = ethernet::camera_mac(frame.bytes, direction)?;
        let entry = verdict::find(direction, frame.bytes, self.policy, || self.port)?;
        let reason = verdict::judge(direction, frame, self.policy, entry).reason();
        Some(Ruling { entry, mac, reason })
    }

    /// Explains what the core said of a frame.
    pub(crate) fn explain(
        &self,
        direction: Direction,
        frame: &Frame<'_>,
        ruling: Ruling<'_>,
    ) -> Explanation {
        let Ruling { entry, mac, reason } = ruling;
        let camera = self.config.cameras.iter().find(|camera| camera.mac == mac);
        let sealed = entry.is(Camera::SEALED);
        let profile = self.config.profiles.get(entry.profile as usize).filter(|_| !sealed);
        let case = rule::Case { config: self.config, camera, profile, entry, direction, frame };
        Explanation {
            camera: camera.map(|camera| camera.name.clone()),
            mac,
            profile: profile.map(|profile| profile.name.clone()),
            direction,
            frame: sketch(frame.bytes),
            mode: if entry.is(Camera::AUDIT) { Mode::Audit } else { Mode::Enforce },
            reason: Some(reason),
            rule: case.rule(reason),
            notes: Vec::new(),
        }
    }
}
