//! A frame in a user's words, and the answer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use camfence_common::{
    mac::Mac,
    reason::{Direction, Reason},
    wire::{dns, ssdp},
};
use etherparse::err::packet::BuildVecWriteError;
use ipnet::IpNet;
use thiserror::Error;

use super::{Explainer, Explanation, Ruling, build::Parts, rule::Case, sketch::sketch};
use crate::{
    capture::Frame,
    config::{
        Camera, Config, Dns, DnsName, Mode, Problem, Profile, Protocol, Unknown, check_mac, quoted,
        read_name, read_traffic, suggestion,
    },
    policy::compile::{CompileError, Surroundings, compile},
};

/// The port that the frame is judged on, which is as `[fence]` says.
const PORT: u32 = 1;
/// A port that no rule mentions unless the user wrote it, and that of whom it talks to.
const ORDINARY_PORT: u16 = 40_000;
const CLIENT_PORT: u16 = 50_000;

const FORM: &str = "write it like: camfence explain driveway to 8.8.8.8 udp/53";

/// A frame in a user's words: `CAMERA to ADDRESS [PROTO[/PORT]] [asking NAME]`, or
/// `CAMERA from ADDRESS [PROTO[/PORT]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// A camera's name or MAC, or another device's MAC.
    pub device: String,
    /// Outbound is "to", inbound is "from".
    pub direction: Direction,
    /// The other end.
    pub peer: IpAddr,
    /// The protocol and the other end's port, as far as they were said.
    pub traffic: Option<(Protocol, Option<u16>)>,
    /// The name that a DNS query asks for.
    pub asking: Option<DnsName>,
    /// The camera's own address.
    pub source: Option<IpAddr>,
}

/// A question has no answer.
#[derive(Debug, Error)]
pub enum QuestionError {
    /// No such device.
    #[error("{}", .0.what)]
    Device(Problem),
    /// The policy.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// The frame.
    #[error("building the frame")]
    Build(#[from] BuildVecWriteError),
}

impl QuestionError {
    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Device(problem) => Some(problem.hint.clone()),
            Self::Compile(error) => Some(error.hint()),
            Self::Build(_) => None,
        }
    }
}

impl Question {
    /// Reads the words; `source` is the camera's own address if it was given.
    pub fn parse(words: &[String], source: Option<IpAddr>) -> Result<Self, Problem> {
        let [device, way, peer, rest @ ..] = words else {
            return Err(Problem::new(
                "a camera, \"to\" or \"from\" and an address are needed",
                FORM,
            ));
        };
        let direction = direction(way)?;
        let peer = address(peer)?;
        let (traffic, rest) = match rest {
            [word, rest @ ..] if word != "asking" => (Some(read_traffic(word)?), rest),
            rest => (None, rest),
        };
        let asking = asking(rest)?;
        let question = Self { device: device.clone(), direction, peer, traffic, asking, source };
        question.check()?;
        Ok(question.completed())
    }

    /// Whether the parts go together.
    fn check(&self) -> Result<(), Problem> {
        if let Some(source) = self.source {
            if self.direction == Direction::Inbound {
                let what = "--source is the camera's own address, and this frame is not from it";
                return Err(Problem::new(what, "leave --source out"));
            }
            if source.is_ipv4() != self.peer.is_ipv4() {
                let what = format!("{source} and {} are not of one family", self.peer);
                return Err(Problem::new(what, "give --source an address of the same family"));
            }
        }
        let Some(name) = &self.asking else { return Ok(()) };
        let is_dns = match self.traffic {
            None | Some((Protocol::Udp | Protocol::Tcp, None | Some(dns::PORT))) => true,
            Some(_) => false,
        };
        if self.direction == Direction::Inbound || !is_dns {
            let what = format!("\"asking {name}\" is about a query to port {}", dns::PORT);
            return Err(Problem::new(what, "write: CAMERA to ADDRESS udp/53 asking NAME"));
        }
        Ok(())
    }

    /// A query goes to where queries go.
    fn completed(self) -> Self {
        if self.asking.is_none() {
            return self;
        }
        let protocol = self.traffic.map_or(Protocol::Udp, |(protocol, _)| protocol);
        Self { traffic: Some((protocol, Some(dns::PORT))), ..self }
    }

    /// The answer, by a configuration.
    pub fn answer(&self, config: &Config) -> Result<Explanation, QuestionError> {
        let ports = vec![(PORT, config.fence.unknown)];
        let policy = compile(config, &Surroundings { ports, ..Surroundings::default() })?;
        let (mac, camera) = find(config, &self.device).map_err(QuestionError::Device)?;
        let profile = match (camera, config.fence.unknown) {
            (Some(camera), _) => Some(config.profile_of(camera)),
            (None, Unknown::Profile(place)) => config.profiles.get(place),
            (None, _) => None,
        };
        let bytes = self.parts(mac, camera, profile).frame()?;
        let frame = Frame { bytes: &bytes, wire_len: bytes.len() };
        let explainer = Explainer { config, policy: &policy, port: PORT };
        let mut explanation = match explainer.judge(self.direction, &frame) {
            Some(ruling) => {
                let mut explanation = explainer.explain(self.direction, &frame, ruling);
                explanation.notes = self.notes(config, camera, profile, &frame, ruling);
                explanation
            }
            None => self.of_bystander(mac, config.fence.mode, &frame),
        };
        if camera.is_none() {
            explanation.notes.splice(0..0, about_stranger(config, mac));
        }
        Ok(explanation)
    }

    fn parts(&self, mac: Mac, camera: Option<&Camera>, profile: Option<&Profile>) -> Parts<'_> {
        let own = self.source.unwrap_or_else(|| own_address(self.peer, camera, profile));
        let (protocol, port) = self.traffic.unwrap_or((Protocol::Tcp, None));
        let port = port.unwrap_or(ORDINARY_PORT);
        let (source, destination, ports) = match self.direction {
            Direction::Outbound => (own, self.peer, [CLIENT_PORT, port]),
            Direction::Inbound => (self.peer, own, [port, CLIENT_PORT]),
        };
        let asking = self.asking.as_ref();
        Parts { mac, direction: self.direction, source, destination, protocol, ports, asking }
    }

    fn of_bystander(&self, mac: Mac, mode: Mode, frame: &Frame<'_>) -> Explanation {
        Explanation {
            camera: None,
            mac,
            profile: None,
            direction: self.direction,
            frame: sketch(frame.bytes),
            mode,
            reason: None,
            rule: None,
            notes: Vec::new(),
        }
    }

    /// What was assumed, and what else helps.
    fn notes(
        &self,
        config: &Config,
        camera: Option<&Camera>,
        profile: Option<&Profile>,
        frame: &Frame<'_>,
        ruling: Ruling<'_>,
    ) -> Vec<String> {
        let mut notes = Vec::from_iter(self.assumed());
        if ruling.reason == Reason::Spoof && self.source.is_none() {
            notes.push(
                "no address of this family is bound; --source says which it sends from".into(),
            );
        }
        let Some(profile) = profile else { return notes };
        notes.extend(self.about_guard(profile, ruling.reason));
        let Ruling { entry, reason, .. } = ruling;
        if matches!(reason, Reason::NotLocal | Reason::Inbound) {
            let direction = self.direction;
            let profile = Some(profile);
            let case = Case { config, camera, profile, entry, direction, frame };
            notes.extend(about_allowances(&case));
        }
        let outside = matches!(reason, Reason::NotLocal | Reason::Inbound | Reason::Allowed);
        if profile.local.auto && outside {
            let what = "\"auto\" in local stands for the networks of the port, which are known only \
                        where the fence is up: an address in them is local";
            notes.push(what.into());
        }
        notes
    }

    fn assumed(&self) -> Option<String> {
        match self.traffic {
            None => Some(format!("no protocol was given: taken as tcp, port {ORDINARY_PORT}")),
            Some((Protocol::Tcp | Protocol::Udp, None)) => {
                Some(format!("no port was given: taken as port {ORDINARY_PORT}"))
            }
            Some((Protocol::Icmp, _)) => Some("taken as an echo request, as ping sends".into()),
            Some(_) => None,
        }
    }

    fn about_guard(&self, profile: &Profile, reason: Reason) -> Option<String> {
        let (protocol, port) = self.traffic?;
        match (reason, &profile.dns, protocol, port) {
            (Reason::Dns, Dns::Only(_), Protocol::Udp, Some(dns::PORT)) => {
                Some(match &self.asking {
                    Some(name) => format!("{name} is not in the list"),
                    None => "no name was given: `asking NAME` says which".into(),
                })
            }
            (Reason::Dns, Dns::Only(_), ..) => {
                Some("names are let through over UDP port 53 only".into())
            }
            (Reason::PortMapping, _, _, Some(ssdp::PORT)) => {
                Some("taken as a search; an announcement (NOTIFY) goes on to other rules".into())
            }
            _ => None,
        }
    }
}

fn direction(word: &str) -> Result<Direction, Problem> {
    match word {
        "to" => Ok(Direction::Outbound),
        "from" => Ok(Direction::Inbound),
        _ => {
            let what = format!("{} is neither \"to\" nor \"from\"", quoted(word));
            Err(Problem::new(what, FORM))
        }
    }
}

fn address(word: &str) -> Result<IpAddr, Problem> {
    word.parse().map_err(|_| {
        let (why, hint) = if word.parse::<IpNet>().is_ok() {
            ("is a network, and a frame has one address", "write an address in it")
        } else {
            ("is not an address", "write one like 8.8.8.8 or 2001:db8::1; names are not looked up")
        };
        Problem::new(format!("{} {why}", quoted(word)), hint)
    })
}

fn asking(rest: &[String]) -> Result<Option<DnsName>, Problem> {
    match rest {
        [] => Ok(None),
        [asking, name] if asking == "asking" => read_name(name).map(Some),
        [asking] if asking == "asking" => {
            Err(Problem::new("\"asking\" has no name behind it", "write: asking pool.ntp.org"))
        }
        [asking, _, word, ..] if asking == "asking" => Err(too_much(word)),
        [word, ..] => Err(too_much(word)),
    }
}

fn too_much(word: &str) -> Problem {
    let hint = "behind the address come PROTO[/PORT] and `asking NAME`, each once";
    Problem::new(format!("{} is too much", quoted(word)), hint)
}

/// The device by its name or MAC, and the camera if it is one.
fn find<'c>(config: &'c Config, device: &str) -> Result<(Mac, Option<&'c Camera>), Problem> {
    let mac = device.parse::<Mac>().ok();
    let mut cameras = config.cameras.iter();
    if let Some(camera) = cameras.find(|c| c.name == device || Some(c.mac) == mac) {
        return Ok((camera.mac, Some(camera)));
    }
    if mac.is_some() {
        return Ok((check_mac(device)?, None));
    }
    let names: Vec<_> = config.cameras.iter().map(|camera| camera.name.as_str()).collect();
    let what = format!("no camera has the name or MAC {}", quoted(device));
    Err(Problem::new(what, suggestion(device, &names, "cameras")))
}

/// An address that the device could have: the first that is bound to it, else one that is local.
fn own_address(peer: IpAddr, camera: Option<&Camera>, profile: Option<&Profile>) -> IpAddr {
    let bound = camera.map_or(&[][..], |camera| &camera.addresses);
    let local = profile.map_or(&[][..], |profile| &profile.local.prefixes);
    let fits = |net: &&IpNet| net.addr().is_ipv4() == peer.is_ipv4();
    let first = bound.iter().chain(local).find(fits).and_then(|net| net.hosts().next());
    first.unwrap_or_else(|| own_by_peer(peer))
}

/// One of nobody's networks (RFC 5737, RFC 3849), unless link-local addresses talk to the peer: those
/// are each device's own.
fn own_by_peer(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V4(peer) if peer.is_link_local() => Ipv4Addr::new(169, 254, 0, 2).into(),
        IpAddr::V4(_) => Ipv4Addr::new(192, 0, 2, 2).into(),
        IpAddr::V6(peer) if peer.is_unicast_link_local() || peer.is_multicast() => {
            Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2).into()
        }
        IpAddr::V6(_) => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2).into(),
    }
}

fn about_stranger(config: &Config, mac: Mac) -> Vec<String> {
    let word = |unknown| config.word_for(unknown);
    let fence = config.fence.unknown;
    let mut notes = vec![format!("{mac} is not registered: unknown = {:?}", word(fence))];
    let interfaces = config.interfaces.iter();
    notes.extend(interfaces.filter_map(|(name, interface)| {
        let unknown = interface.unknown.filter(|&unknown| unknown != fence)?;
        Some(format!("on {name} it is otherwise: unknown = {:?}", word(unknown)))
    }));
    notes
}

fn about_allowances(case: &Case<'_>) -> Vec<String> {
    let count = case.profile.map_or(0, |profile| profile.allow.len());
    let mut notes = vec![match count {
        0 => "the profile has no allowances".to_owned(),
        1 => "its one allowance does not fit".to_owned(),
        count => format!("none of its {count} allowances fits"),
    }];
    notes.extend(case.nearest_miss().map(|(allowance, what)| {
        format!("the nearest is {:?}: it has another {what}", allowance.text)
    }));
    notes
}

#[cfg(test)]
mod tests;
