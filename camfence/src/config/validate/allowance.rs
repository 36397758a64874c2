//! Allowances: `PROTO[/PORT[-PORT]] to DEST`, or `PRESET to DEST`.

use std::ops::RangeInclusive;

use camfence_common::{limits::MAX_ALLOWANCES, wire::extension};
use ipnet::IpNet;

use super::{Check, network::address_or_network, suggestion};
use crate::config::{Allowance, PRESETS, Preset, Problem, Protocol, error::quoted, raw::Text};

type Ports = Option<RangeInclusive<u16>>;

const FORM: &str = "write an allowance like \"udp/123 to 192.168.1.1\" or \"ntp to any\"";

/// Headers between an IP header and what the packet carries: hop-by-hop options, routing,
/// fragment, authentication, destination options, mobility, HIP and Shim6.
const EXTENSIONS: [u8; 8] = [0, 43, 44, 51, 60, 135, 139, 140];

const PROTOCOLS: [(&str, Protocol); 3] =
    [("tcp", Protocol::Tcp), ("udp", Protocol::Udp), ("icmp", Protocol::Icmp)];

impl Check<'_> {
    /// Reads a list of allowances, up to the first that is one too many.
    pub(super) fn allowances(&mut self, written: &[Text]) -> Vec<Allowance> {
        let mut allow = Vec::new();
        let mut count = 0;
        for entry in written {
            let read = parse(entry.as_ref());
            count += read.as_ref().map_or(1, Vec::len);
            if count > MAX_ALLOWANCES {
                self.report(entry.span(), one_too_many(entry.as_ref()));
                break;
            }
            match read {
                Ok(read) => allow.extend(read),
                Err(problem) => self.report(entry.span(), problem),
            }
        }
        allow
    }
}

fn one_too_many(entry: &str) -> Problem {
    let what = format!(
        "{} is one too many: a profile holds {MAX_ALLOWANCES} allowances, presets written out",
        quoted(entry)
    );
    Problem::new(what, "join ports into ranges and destinations into networks")
}

/// Reads an entry; a preset means several allowances.
fn parse(text: &str) -> Result<Vec<Allowance>, Problem> {
    let read = || {
        let (what, to) = words(text)?;
        Ok((traffic(what)?, destination(to)?))
    };
    let (traffic, to) = read().map_err(|problem: Problem| Problem {
        what: format!("{}: {}", quoted(text), problem.what),
        ..problem
    })?;
    let allowance = |(protocol, ports)| Allowance { text: text.to_owned(), protocol, ports, to };
    Ok(traffic.into_iter().map(allowance).collect())
}

/// The words before and after the `to`.
fn words(text: &str) -> Result<(&str, &str), Problem> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        let hint = format!("write {}", quoted(&text.to_ascii_lowercase()));
        return Err(Problem::new("an allowance is written in lower case", hint));
    }
    if text.starts_with(' ') || text.ends_with(' ') {
        let hint = format!("write {}", quoted(text.trim_matches(' ')));
        return Err(Problem::new("there is a space at its beginning or end", hint));
    }
    // One more than there can be is enough to tell.
    let words: Vec<_> = text.split(' ').filter(|word| !word.is_empty()).take(4).collect();
    match words[..] {
        [what, "to", to] => Ok((what, to)),
        [what] | [what, "to"] => {
            let hint =
                format!("write {}, or an address for any", quoted(&format!("{what} to any")));
            Err(Problem::new("it does not say where to", hint))
        }
        [what, to] => {
            let hint = format!("write {}", quoted(&format!("{what} to {to}")));
            Err(Problem::new("the word \"to\" is missing", hint))
        }
        _ => Err(Problem::new("this is not an allowance", FORM)),
    }
}

/// Reads what one frame carries, in the words of allowances: `PROTO[/PORT]`, or a preset that stands
/// for a single port. Tunnels are no mistake here.
pub fn read_traffic(text: &str) -> Result<(Protocol, Option<u16>), Problem> {
    let traffic = any_traffic(text)?;
    let [(protocol, ports)] = traffic.as_slice() else {
        let known = Preset::find(text).map_or_else(String::new, Preset::to_string);
        let what = format!("{} stands for several: {known}", quoted(text));
        return Err(Problem::new(what, "name one of them"));
    };
    match ports {
        Some(ports) if ports.start() != ports.end() => {
            let what = format!("{} is a range of ports, and a frame has one", quoted(text));
            Err(Problem::new(what, format!("write {protocol}/{}", ports.start())))
        }
        ports => Ok((*protocol, ports.as_ref().map(|ports| *ports.start()))),
    }
}

/// The protocols and ports that a protocol or a preset means.
fn traffic(what: &str) -> Result<Vec<(Protocol, Ports)>, Problem> {
    let traffic = any_traffic(what)?;
    for &(protocol, _) in &traffic {
        refuse_tunnel(protocol)?;
    }
    Ok(traffic)
}

fn refuse_tunnel(protocol: Protocol) -> Result<(), Problem> {
    match protocol {
        Protocol::Number(number) if extension::Protocol(number).is_tunnel() => {
            let what = format!("protocol {number} is a tunnel");
            Err(Problem::new(what, "tunnels are dropped wherever they go: remove this"))
        }
        _ => Ok(()),
    }
}

fn any_traffic(what: &str) -> Result<Vec<(Protocol, Ports)>, Problem> {
    let (word, ports) = match what.split_once('/') {
        Some((word, ports)) => (word, Some(ports)),
        None => (what, None),
    };
    if let Some(preset) = Preset::find(word) {
        return preset_traffic(preset, ports);
    }
    let protocol = protocol(word)?;
    let ports = ports.map(|written| ports_of(protocol, written)).transpose()?;
    Ok(vec![(protocol, ports)])
}

fn preset_traffic(preset: &Preset, ports: Option<&str>) -> Result<Vec<(Protocol, Ports)>, Problem> {
    if ports.is_some() {
        let what = format!("the preset \"{}\" has its own ports", preset.name);
        let hint = format!("leave the ports out, or write tcp or udp; it means {preset}");
        return Err(Problem::new(what, hint));
    }
    let single = |&(protocol, port)| (protocol, Some(port..=port));
    Ok(preset.entries.iter().map(single).collect())
}

fn protocol(word: &str) -> Result<Protocol, Problem> {
    if let Some(&(_, protocol)) = PROTOCOLS.iter().find(|(name, _)| *name == word) {
        return Ok(protocol);
    }
    if !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit()) {
        return protocol_number(word);
    }
    let names = PROTOCOLS.iter().map(|&(name, _)| name);
    let known: Vec<_> = names.chain(PRESETS.iter().map(|preset| preset.name)).collect();
    let what = format!("there is no protocol or preset {}", quoted(word));
    let hint = suggestion(word, &known, "protocols and presets");
    Err(Problem::new(what, hint + ", or a protocol's number"))
}

fn protocol_number(word: &str) -> Result<Protocol, Problem> {
    let Ok(number) = word.parse::<u8>() else {
        let what = format!("there is no protocol {}", quoted(word));
        return Err(Problem::new(what, "protocols have numbers from 0 to 255"));
    };
    if EXTENSIONS.contains(&number) {
        let what = format!("protocol {number} is an extension header");
        let hint = "name what the packets carry behind it, like udp/123";
        return Err(Problem::new(what, hint));
    }
    Ok(match extension::Protocol(number) {
        extension::Protocol::TCP => Protocol::Tcp,
        extension::Protocol::UDP => Protocol::Udp,
        _ => Protocol::Number(number),
    })
}

fn ports_of(protocol: Protocol, written: &str) -> Result<RangeInclusive<u16>, Problem> {
    if !matches!(protocol, Protocol::Tcp | Protocol::Udp) {
        let what = match protocol {
            Protocol::Number(number) => format!("protocol {number} has no ports"),
            named => format!("{named} has no ports"),
        };
        return Err(Problem::new(what, format!("write \"{protocol}\" alone, or tcp or udp")));
    }
    let (first, last) = written.split_once('-').unwrap_or((written, written));
    let (first, last) = (port(first)?, port(last)?);
    if first > last {
        let what = format!("the ports {} end before they begin", quoted(written));
        return Err(Problem::new(what, format!("write {last}-{first}")));
    }
    Ok(first..=last)
}

fn port(written: &str) -> Result<u16, Problem> {
    if written.is_empty() || !written.bytes().all(|byte| byte.is_ascii_digit()) {
        let what = format!("{} is not a port", quoted(written));
        return Err(Problem::new(what, "write one number, or a range like 5000-5010"));
    }
    if let Ok(port @ 1..) = written.parse() {
        return Ok(port);
    }
    let what = format!("port {} is out of range", quoted(written));
    Err(Problem::new(what, "ports go from 1 to 65535"))
}

fn destination(word: &str) -> Result<Option<IpNet>, Problem> {
    if word == "any" {
        return Ok(None);
    }
    if let Some(read) = address_or_network(word) {
        return read.map(Some);
    }
    let what = format!("{} is not a destination", quoted(word));
    let hint = "write an address, a network like 192.168.1.0/24 or any; \
                names are not looked up, and ports belong to the protocol";
    Err(Problem::new(what, hint))
}

#[cfg(test)]
mod tests;
