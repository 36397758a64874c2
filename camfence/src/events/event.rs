//! One event, as JSON has it, and in words.

use std::{fmt, net::IpAddr};

use camfence_common::{flow::FlowKey, mac::Mac, reason::Reason};
use serde::{Deserialize, Serialize};

use crate::{
    printable::Printable,
    telemetry::ledger::{Icmp, Service},
};

/// What happened. Others' scripts parse the names; they do not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A camera talked to a destination, or tried to, or something talked to it, for the first time.
    FirstContact,
    /// Frames of one second to one destination were dropped.
    Dropped,
    /// A source was seen that is not registered.
    UnknownSource,
    /// The fence was opened for a camera.
    Opened,
    /// It was closed again.
    Closed,
    /// A camera was added.
    CameraAdded,
    /// A camera was removed.
    CameraRemoved,
    /// A port came, and is fenced.
    PortFenced,
    /// A port is gone, or no longer meant.
    PortGone,
    /// A port is not enforcing.
    NotEnforcing,
    /// It is enforcing again.
    Enforcing,
    /// The fence was found broken, and was made anew.
    Repaired,
    /// The fence is up.
    Up,
    /// It was brought in line with the configuration.
    Reloaded,
    /// It was taken down.
    Down,
    /// Events were not told.
    Lost,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 16] = [
        Self::FirstContact,
        Self::Dropped,
        Self::UnknownSource,
        Self::Opened,
        Self::Closed,
        Self::CameraAdded,
        Self::CameraRemoved,
        Self::PortFenced,
        Self::PortGone,
        Self::NotEnforcing,
        Self::Enforcing,
        Self::Repaired,
        Self::Up,
        Self::Reloaded,
        Self::Down,
        Self::Lost,
    ];

    /// The name, in JSON and in logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FirstContact => "first-contact",
            Self::Dropped => "dropped",
            Self::UnknownSource => "unknown-source",
            Self::Opened => "opened",
            Self::Closed => "closed",
            Self::CameraAdded => "camera-added",
            Self::CameraRemoved => "camera-removed",
            Self::PortFenced => "port-fenced",
            Self::PortGone => "port-gone",
            Self::NotEnforcing => "not-enforcing",
            Self::Enforcing => "enforcing",
            Self::Repaired => "repaired",
            Self::Up => "up",
            Self::Reloaded => "reloaded",
            Self::Down => "down",
            Self::Lost => "lost",
        }
    }

    /// What it is, for the documentation.
    pub const fn about(self) -> &'static str {
        match self {
            Self::FirstContact => {
                "a camera's first packet to or from a peer, protocol and port, whether it passed or not"
            }
            Self::Dropped => {
                "what was dropped for a destination in a second; only while somebody wants it"
            }
            Self::UnknownSource => "an unregistered source on a port with a policy for them",
            Self::Opened => "the fence was opened for a camera, for `seconds`",
            Self::Closed => "it was closed: `by` is `request` or `deadline`",
            Self::CameraAdded => "a camera was added to the fence",
            Self::CameraRemoved => "a camera was removed from it",
            Self::PortFenced => "a port came, and is fenced",
            Self::PortGone => "a port was unplugged, left the bridge or is no longer meant",
            Self::NotEnforcing => "a port does not enforce: `text` says why",
            Self::Enforcing => "it does; it did not for `seconds` at the most",
            Self::Repaired => "what was found broken was made anew: `text` says what",
            Self::Up => "the fence is up",
            Self::Reloaded => "it was brought in line with the configuration",
            Self::Down => "it was taken down",
            Self::Lost => "so many events, `count`, `of` a kind were not told, for `by`",
        }
    }
}

/// What happened, and to whom. Others' scripts parse the keys; they do not change, and a key with nothing
/// to say is not there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When: RFC 3339, UTC.
    pub time: String,
    /// Its number, counted since the daemon started.
    #[serde(default)]
    pub seq: u64,
    /// What.
    pub event: Kind,
    /// The camera's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub camera: Option<String>,
    /// The camera's MAC, or the unknown source's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    /// The port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// "outbound" or "inbound".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<String>,
    /// The other end's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<IpAddr>,
    /// The name by which the camera asked DNS for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Printable>,
    /// The protocol's name, or its number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// The peer's port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The type and code of ICMP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icmp: Option<Icmp>,
    /// "pass" or "drop".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// True if the verdict was not carried out, as the camera is in audit.
    #[serde(default, skip_serializing_if = "is_false")]
    pub audit: bool,
    /// Frames.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packets: Option<u64>,
    /// Their bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// For how long it is open, or was not enforcing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// What made it so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Which events were lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// How many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// More, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Printable>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
const fn is_false(value: &bool) -> bool {
    !*value
}

impl Event {
    /// Something happened at a time. The hub numbers it.
    pub const fn new(event: Kind, time: String) -> Self {
        Self {
            time,
            seq: 0,
            event,
            camera: None,
            mac: None,
            interface: None,
            direction: None,
            peer: None,
            name: None,
            protocol: None,
            port: None,
            icmp: None,
            verdict: None,
            reason: None,
            audit: false,
            packets: None,
            bytes: None,
            seconds: None,
            by: None,
            of: None,
            count: None,
            text: None,
        }
    }

    /// With a MAC.
    #[must_use]
    pub fn mac(self, mac: Mac) -> Self {
        Self { mac: Some(mac.to_string()), ..self }
    }

    /// With the reason of a verdict.
    #[must_use]
    pub fn reason(self, reason: Reason) -> Self {
        let verdict = reason.effect().name();
        Self { verdict: Some(verdict.into()), reason: Some(reason.name().into()), ..self }
    }

    /// With whom a flow is between, and why it passes or not.
    #[must_use]
    pub fn flow(self, key: &FlowKey) -> Self {
        let Service { protocol, port, icmp } = Service::of(key);
        let event = key.reason().into_iter().fold(self, Self::reason).mac(key.mac());
        Self {
            direction: Some(key.direction().name().into()),
            peer: Some(key.peer()),
            protocol: Some(protocol),
            port,
            icmp,
            ..event
        }
    }

    /// What the packets carry.
    fn service(&self) -> Option<Service> {
        let protocol = self.protocol.clone()?;
        Some(Service { protocol, port: self.port, icmp: self.icmp })
    }

    /// One line of keys and values, as `logfmt` has it.
    pub fn logfmt(&self) -> String {
        super::logfmt::line(self)
    }

    /// Who it is about.
    pub fn subject(&self) -> &str {
        let who = self.camera.as_ref().or(self.mac.as_ref()).or(self.interface.as_ref());
        who.map_or("-", String::as_str)
    }
}

/// What happened, without when and to whom.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.event.name().replace('-', " "))?;
        if let Some(service) = self.service() {
            write!(f, "  {service}")?;
        }
        if let Some(peer) = self.peer {
            let inbound = self.direction.as_deref() == Some("inbound");
            write!(f, " {} {peer}", if inbound { "from" } else { "to" })?;
        }
        if let Some(name) = &self.name {
            write!(f, " ({name})")?;
        }
        if let Some(reason) = &self.reason {
            let verdict = match (self.verdict.as_deref(), self.audit) {
                (Some("drop"), true) => "would drop",
                (Some("drop"), false) => "dropped",
                _ => "passed",
            };
            write!(f, "  {verdict} {reason}")?;
        }
        if let (Some(packets), Some(bytes)) = (self.packets, self.bytes) {
            write!(f, "  {packets} packets, {bytes} bytes")?;
        }
        self.rest(f)
    }
}

impl Event {
    fn rest(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Where the port is not who it is about.
        if let (Some(interface), true) = (&self.interface, self.mac.is_some()) {
            write!(f, "  on {interface}")?;
        }
        if let Some(seconds) = self.seconds {
            write!(f, "  for {seconds} s")?;
        }
        if let (Some(count), Some(of)) = (self.count, &self.of) {
            write!(f, "  {count} of {of}")?;
        }
        if let Some(by) = &self.by {
            write!(f, "  by {by}")?;
        }
        if let Some(text) = &self.text {
            write!(f, "  {text}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
