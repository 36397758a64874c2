//! The file as it is written: every key known, nothing understood yet.

mod explain;

use std::{collections::BTreeMap, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};
use toml::{
    Spanned,
    de::{DeTable, Error},
};

use super::error::{Lines, Problem};

/// Text and where it stands.
pub(super) type Text = Spanned<String>;

/// The whole file. Two are equal that say the same, wherever it stands.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawConfig {
    #[serde(default)]
    pub(super) fence: Table<RawFence>,
    #[serde(default)]
    pub(super) profile: BTreeMap<Text, Table<RawProfile>>,
    #[serde(default)]
    pub(super) camera: Vec<Table<RawCamera>>,
    #[serde(default)]
    pub(super) interface: BTreeMap<Text, Table<RawInterface>>,
    #[serde(default)]
    pub(super) ledger: Table<RawLedger>,
    #[serde(default)]
    pub(super) history: Table<RawHistory>,
    #[serde(default)]
    pub(super) networks: Table<RawNetworks>,
    pub(super) log: Option<Table<RawLog>>,
    pub(super) metrics: Option<Table<RawMetrics>>,
    pub(super) page: Option<Table<RawPage>>,
}

/// `[fence]`.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFence {
    #[serde(default)]
    pub(super) interfaces: Vec<Text>,
    pub(super) unknown: Option<Text>,
    pub(super) mode: Option<Text>,
    pub(super) hook: Option<Text>,
    pub(super) local: Option<Vec<Text>>,
    pub(super) max_cameras: Option<Spanned<i64>>,
}

/// `[profile.NAME]`.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawProfile {
    pub(super) local: Option<Vec<Text>>,
    pub(super) allow: Option<Vec<Text>>,
    pub(super) dns: Option<Spanned<RawDns>>,
    #[serde(rename = "port-mapping")]
    pub(super) port_mapping: Option<Text>,
    pub(super) rogue: Option<Text>,
}

/// `dns = "…"` or `dns = ["…"]`.
#[derive(Debug, PartialEq)]
pub(super) enum RawDns {
    Word(String),
    Names(Vec<Text>),
}

/// `[[camera]]`.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCamera {
    pub(super) mac: Text,
    pub(super) name: Text,
    pub(super) profile: Option<Text>,
    pub(super) addresses: Option<Spanned<Vec<Text>>>,
    pub(super) mode: Option<Text>,
}

/// `[interface.NAME]`.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawInterface {
    pub(super) hook: Option<Text>,
    pub(super) unknown: Option<Text>,
}

/// `[ledger]`.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLedger {
    pub(super) entries: Option<Spanned<i64>>,
}

/// `[history]`.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawHistory {
    pub(super) enabled: Option<bool>,
    pub(super) path: Option<Text>,
    pub(super) keep: Option<Text>,
    pub(super) max_size: Option<Text>,
}

/// `[networks]`.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawNetworks {
    pub(super) country: Option<Text>,
    pub(super) network: Option<Text>,
}

/// `[log]`.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLog {
    pub(super) deny: Text,
    pub(super) format: Option<Text>,
    pub(super) max_size: Option<Text>,
}

/// `[metrics]`.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMetrics {
    pub(super) listen: Text,
}

/// `[page]`.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPage {
    pub(super) listen: Text,
    pub(super) token_file: Option<Text>,
    pub(super) changes: Option<bool>,
}

/// Reads the text of a file. Stops at the first mistake: what follows one is guesswork.
pub(super) fn parse(text: &str, lines: &Lines) -> Result<RawConfig, Problem> {
    let (table, errors) = DeTable::parse_recoverable(text);
    // The parser reports an unclosed string only after what it swallowed.
    let start = |error: &&Error| error.span().map_or(usize::MAX, |span| span.start);
    let first = errors.iter().min_by_key(start);
    if let Some(error) = first {
        return Err(explain::syntax(error, text, lines));
    }
    RawConfig::deserialize(toml::Deserializer::from(table))
        .map_err(|error| explain::shape(&error, text, lines))
}

/// A struct that is written as a table. Serde's derive takes a list too, field by field in order,
/// which would let `camera = [["b0:c5:54:25:5b:0e", "driveway"]]` pass.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Table<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Table<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(TableVisitor(PhantomData)).map(Self)
    }
}

struct TableVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for TableVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

impl<'de> Deserialize<'de> for RawDns {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DnsVisitor)
    }
}

/// What serde says it expected where neither of the two forms of `dns` stands.
const WORD_OR_NAMES: &str = "a word or names";

struct DnsVisitor;

impl<'de> Visitor<'de> for DnsVisitor {
    type Value = RawDns;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(WORD_OR_NAMES)
    }

    fn visit_str<E>(self, word: &str) -> Result<RawDns, E> {
        Ok(RawDns::Word(word.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<RawDns, A::Error> {
        let mut names = Vec::new();
        while let Some(name) = list.next_element()? {
            names.push(name);
        }
        Ok(RawDns::Names(names))
    }
}

#[cfg(test)]
mod tests;
