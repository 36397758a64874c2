//! The line of the configuration that decided.
//!
//! The core itself finds it: it judges the frame again by profiles with one line only, and the first
//! by which the reason stays is the one.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use camfence_common::{
    abi,
    reason::{Direction, Reason},
    verdict,
};
use ipnet::IpNet;
use serde::Serialize;

use crate::{
    capture::Frame,
    config::{self, Allowance, Config, Dns, Fence, Ledger, Local, Profile, Unknown, network},
    policy::compile::{CompiledPolicy, Surroundings, compile},
};

/// A line of the configuration, or what one entry of it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// Its key.
    pub key: &'static str,
    /// What it says: the entry that decided, or all if none did.
    pub value: Value,
    /// The profile it is of; none if it is of `[fence]` or of the camera.
    pub profile: Option<String>,
}

/// What a line says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// One entry, or a word.
    One(String),
    /// A list.
    List(Vec<String>),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(value) => write!(f, "{value:?}"),
            Self::List(values) => write!(f, "{values:?}"),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}", self.key, self.value)?;
        match &self.profile {
            Some(profile) => write!(f, " of profile {profile:?}"),
            None => Ok(()),
        }
    }
}

/// A frame that was judged, and by what.
pub(super) struct Case<'a> {
    pub(super) config: &'a Config,
    pub(super) camera: Option<&'a config::Camera>,
    pub(super) profile: Option<&'a Profile>,
    pub(super) entry: &'a abi::Camera,
    pub(super) direction: Direction,
    pub(super) frame: &'a Frame<'a>,
}

impl<'a> Case<'a> {
    /// The rule behind a reason; none if it is built in.
    pub(super) fn rule(&self, reason: Reason) -> Option<Rule> {
        let one = |value: &str| Value::One(value.to_owned());
        match reason {
            Reason::Sealed => {
                let value = one(self.config.word_for(Unknown::Drop));
                Some(Rule { key: "unknown", value, profile: None })
            }
            Reason::Spoof => {
                let bound = self.camera?.addresses.iter().map(|&net| network(net).to_string());
                let value = Value::List(bound.collect());
                Some(Rule { key: "addresses", value, profile: None })
            }
            Reason::Dns => self.of_profile("dns", dns(&self.profile?.dns)),
            Reason::PortMapping => {
                self.of_profile("port-mapping", one(self.profile?.port_mapping.as_str()))
            }
            Reason::Rogue => self.of_profile("rogue", one(self.profile?.rogue.as_str())),
            Reason::Local => self.of_profile("local", one(&self.local()?.to_string())),
            Reason::Allowed | Reason::Fragment => {
                self.of_profile("allow", one(&self.allowance(reason)?.text))
            }
            Reason::NotLocal | Reason::Inbound => {
                self.of_profile("local", locals(&self.profile?.local))
            }
            Reason::Opened
            | Reason::Malformed
            | Reason::Link
            | Reason::EtherType
            | Reason::Tunnel
            | Reason::SourceRoute
            | Reason::OnLink
            | Reason::NoPolicy => None,
        }
    }

    fn of_profile(&self, key: &'static str, value: Value) -> Option<Rule> {
        let profile = Some(self.profile?.name.clone());
        Some(Rule { key, value, profile })
    }

    /// The local network that decided.
    fn local(&self) -> Option<IpNet> {
        let profile = self.profile?;
        let alone = |net: IpNet| Profile {
            local: Local { prefixes: vec![net], auto: false },
            ..without_lists(profile)
        };
        let mut nets = profile.local.prefixes.iter().copied();
        nets.find(|&net| self.reason_by(alone(net)) == Some(Reason::Local))
    }

    /// The allowance that decided.
    fn allowance(&self, reason: Reason) -> Option<&'a Allowance> {
        let mut allowances = self.profile?.allow.iter();
        allowances.find(|&allowance| self.reason_with(allowance.clone()) == Some(reason))
    }

    /// The allowance that would let the frame pass if one thing about it were different, and
    /// that thing.
    pub(super) fn nearest_miss(&self) -> Option<(&'a Allowance, &'static str)> {
        let allowed = |allowance| self.reason_with(allowance) == Some(Reason::Allowed);
        let allow = &self.profile?.allow;
        let by_port = allow.iter().find(|&a| allowed(Allowance { ports: None, ..a.clone() }));
        let by_address = || allow.iter().find(|&a| allowed(Allowance { to: None, ..a.clone() }));
        by_port
            .map(|allowance| (allowance, "port"))
            .or_else(|| by_address().map(|allowance| (allowance, "address")))
    }

    fn reason_with(&self, allowance: Allowance) -> Option<Reason> {
        let profile = self.profile?;
        let local = Local { prefixes: profile.local.prefixes.clone(), auto: false };
        self.reason_by(Profile { allow: vec![allowance], local, ..without_lists(profile) })
    }

    /// What the core says by another profile.
    fn reason_by(&self, profile: Profile) -> Option<Reason> {
        let config = Config {
            path: PathBuf::new(),
            fence: Fence { interfaces: Vec::new(), ..self.config.fence.clone() },
            profiles: vec![profile],
            cameras: Vec::new(),
            interfaces: BTreeMap::new(),
            ledger: Ledger::default(),
            log: None,
            metrics: None,
            page: None,
        };
        // Shorter lists than those that were compiled before.
        let tables: CompiledPolicy = compile(&config, &Surroundings::default()).ok()?;
        let entry = abi::Camera { profile: 0, ..*self.entry };
        Some(verdict::judge(self.direction, self.frame, &tables, &entry).reason())
    }
}

/// A profile with its guards, except that of names: this frame was let through by it.
fn without_lists(profile: &Profile) -> Profile {
    Profile {
        name: String::new(),
        local: Local { prefixes: Vec::new(), auto: false },
        allow: Vec::new(),
        dns: Dns::Pass,
        ..*profile
    }
}

fn dns(dns: &Dns) -> Value {
    match dns {
        Dns::Pass => Value::One("pass".to_owned()),
        Dns::Deny => Value::One("deny".to_owned()),
        Dns::Only(names) => Value::List(names.iter().map(ToString::to_string).collect()),
    }
}

fn locals(local: &Local) -> Value {
    let nets = local.prefixes.iter().map(ToString::to_string);
    Value::List(nets.chain(local.auto.then(|| "auto".to_owned())).collect())
}
