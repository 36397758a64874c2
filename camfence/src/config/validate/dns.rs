//! Which names cameras may ask DNS servers for.

use std::{collections::HashMap, net::IpAddr, ops::Range};

use camfence_common::limits::MAX_DNS_NAMES;
use toml::Spanned;

use super::{Check, suggestion};
use crate::config::{
    Dns, DnsName, Guard, Problem,
    error::quoted,
    raw::{RawDns, Text},
};

/// Longest label and longest name (RFC 1035 §2.3.4, the name as text).
const LABEL_MAX_BYTES: usize = 63;
const NAME_MAX_BYTES: usize = 253;

const FORM: &str = "write a name like \"pool.ntp.org\", or \"*.example.net\" for all below it";

impl Check<'_> {
    /// Reads a profile's `dns`.
    pub(super) fn dns(&mut self, written: Option<&Spanned<RawDns>>) -> Option<Dns> {
        let written = written?;
        match written.as_ref() {
            RawDns::Word(word) => self.dns_word(word, written.span()),
            RawDns::Names(names) => Some(self.dns_names(names, written.span())),
        }
    }

    fn dns_word(&mut self, word: &str, at: Range<usize>) -> Option<Dns> {
        match word {
            "pass" => Some(Dns::Pass),
            "deny" => Some(Dns::Deny),
            _ => {
                let what = format!("dns = {} is neither \"pass\" nor \"deny\"", quoted(word));
                let known = Guard::ALL.map(Guard::as_str);
                let hint = suggestion(word, &known, "values") + ", or a list of names";
                self.report(at, Problem::new(what, hint));
                None
            }
        }
    }

    fn dns_names(&mut self, written: &[Text], list: Range<usize>) -> Dns {
        if written.is_empty() {
            let hint = "write dns = \"deny\" to let no query through";
            self.report(list, Problem::new("the list of names is empty", hint));
        }
        if let Some(beyond) = written.get(MAX_DNS_NAMES) {
            let what = format!(
                "{} is one too many: a profile holds {MAX_DNS_NAMES} names",
                quoted(beyond.as_ref())
            );
            let hint = "a name like \"*.example.net\" stands for all below it";
            self.report(beyond.span(), Problem::new(what, hint));
        }
        let mut seen = HashMap::new();
        let mut names = Vec::new();
        for entry in written.iter().take(MAX_DNS_NAMES) {
            match parse(entry.as_ref()) {
                Ok(name) => {
                    self.unique(&mut seen, name.clone(), entry, |entry, first| {
                        let what = format!("{} is already on line {first}", quoted(entry));
                        Problem::new(what, "list each name once")
                    });
                    names.push(name);
                }
                Err(problem) => self.report(entry.span(), problem),
            }
        }
        Dns::Only(names)
    }
}

/// Reads the name that a query asks for.
pub fn read_name(text: &str) -> Result<DnsName, Problem> {
    if text.contains('*') {
        let what = format!("{} is not one name", quoted(text));
        return Err(Problem::new(what, "write the name that is asked for, like pool.ntp.org"));
    }
    parse(text)
}

fn parse(text: &str) -> Result<DnsName, Problem> {
    let written = text.strip_suffix('.').unwrap_or(text);
    let (name, below) = match written.strip_prefix("*.") {
        Some(name) => (name, true),
        None => (written, false),
    };
    let refused =
        |(why, hint): (String, &str)| Problem::new(format!("{} {why}", quoted(text)), hint);
    check_whole(written, name).and_then(|()| check_labels(name)).map_err(refused)?;
    Ok(DnsName { name: name.to_ascii_lowercase(), below })
}

type Refusal = (String, &'static str);

/// What can be wrong with a name as a whole.
fn check_whole(written: &str, name: &str) -> Result<(), Refusal> {
    let (why, hint) = if name.is_empty() {
        ("is not a name", FORM)
    } else if written == "*" {
        ("means every name", "write dns = \"pass\" to let every query through")
    } else if name.contains('*') {
        ("has a * that is not all of the first label", FORM)
    } else if name.parse::<IpAddr>().is_ok() {
        let hint = "list the names to ask for; whom to ask is what local and allow say";
        ("is an address, not a name", hint)
    } else if written.len() > NAME_MAX_BYTES {
        return Err((format!("is longer than {NAME_MAX_BYTES} bytes"), "no name is that long"));
    } else {
        return Ok(());
    };
    Err((why.to_owned(), hint))
}

fn check_labels(name: &str) -> Result<(), Refusal> {
    for label in name.split('.') {
        if label.is_empty() {
            return Err(("has an empty label".to_owned(), "write one dot between two labels"));
        }
        let foreign = |c: &char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        if let Some(c) = label.chars().find(foreign) {
            let hint = if c.is_ascii() {
                "labels consist of letters, digits, - and _"
            } else {
                "write an international name in its xn-- form"
            };
            return Err((format!("has {c:?} in it"), hint));
        }
        if label.len() > LABEL_MAX_BYTES {
            let why = format!("has a label of more than {LABEL_MAX_BYTES} bytes");
            return Err((why, "no label is that long"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
