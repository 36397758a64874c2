//! Databases in MaxMind's format, as small as a test needs.
//!
//! As in version 2.0 of its specification: a tree of addresses by their bits, whose leaves lead to
//! values, and behind both what describes them. IPv4 is where `::/96` is.

use std::fs;
use std::net::{IpAddr, Ipv6Addr};
use std::path::Path;

use anyhow::{Context as _, Result};
use ipnet::IpNet;

/// Zeros between the tree and the values.
const SEPARATOR: usize = 16;

/// A value.
#[derive(Debug, Clone)]
pub enum Value {
    /// Text.
    Text(&'static str),
    /// Bytes that should be text.
    Bytes(&'static [u8]),
    /// A number.
    Number(u32),
    /// Values by name.
    Map(Vec<(&'static str, Value)>),
}

/// A branch: where to go by the next bit.
type Node = [Branch; 2];

#[derive(Debug, Clone, Copy)]
enum Branch {
    Nothing,
    Node(usize),
    /// Where a value is among them.
    Value(usize),
}

/// Writes a database of networks that do not overlap.
pub fn write(path: &Path, networks: &[(&str, Value)]) -> Result<()> {
    let (mut nodes, mut data) = (vec![[Branch::Nothing; 2]], Vec::new());
    for (network, value) in networks {
        let at = data.len();
        put(&mut data, value);
        insert(&mut nodes, network.parse()?, Branch::Value(at))?;
    }
    let count = nodes.len();
    let mut bytes = Vec::new();
    for branch in nodes.iter().flatten() {
        let record = match branch {
            Branch::Nothing => count,
            Branch::Node(number) => *number,
            Branch::Value(at) => count + SEPARATOR + at,
        };
        bytes.extend(&u32::try_from(record)?.to_be_bytes()[1..]);
    }
    bytes.extend([0; SEPARATOR]);
    bytes.append(&mut data);
    bytes.extend(b"\xab\xcd\xefMaxMind.com");
    describe(&mut bytes, u32::try_from(count)?);
    fs::write(path, bytes).with_context(|| path.display().to_string())
}

fn insert(nodes: &mut Vec<Node>, network: IpNet, value: Branch) -> Result<()> {
    let (address, length) = match network {
        IpNet::V4(v4) => {
            let [a, b, c, d] = v4.network().octets();
            let [high, low] = [[a, b], [c, d]].map(u16::from_be_bytes);
            (Ipv6Addr::new(0, 0, 0, 0, 0, 0, high, low), 96 + v4.prefix_len())
        }
        IpNet::V6(v6) => (v6.network(), v6.prefix_len()),
    };
    let bits = u128::from_be_bytes(address.octets());
    let bit = |at: u8| usize::from(bits >> (127 - at) & 1 == 1);
    let mut node = 0;
    for at in 0..length - 1 {
        node = match nodes[node][bit(at)] {
            Branch::Node(next) => next,
            Branch::Nothing => {
                nodes.push([Branch::Nothing; 2]);
                nodes[node][bit(at)] = Branch::Node(nodes.len() - 1);
                nodes.len() - 1
            }
            Branch::Value(_) => anyhow::bail!("{network} is in another network"),
        };
    }
    nodes[node][bit(length - 1)] = value;
    Ok(())
}

/// Types of values, by their numbers.
const TEXT: u8 = 2;
const UINT16: u8 = 5;
const UINT32: u8 = 6;
const MAP: u8 = 7;
const UINT64: u8 = 9;
const ARRAY: u8 = 11;

/// What is before a value: its type, and its length, here less than 285.
fn head(bytes: &mut Vec<u8>, kind: u8, length: usize) {
    let short = u8::try_from(length.min(29)).unwrap_or(29);
    bytes.push(if kind < 8 { kind << 5 | short } else { short });
    if kind >= 8 {
        bytes.push(kind - 7);
    }
    if let Some(rest) = length.checked_sub(29) {
        bytes.push(u8::try_from(rest).expect("shorter values"));
    }
}

fn put(bytes: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Text(text) => put(bytes, &Value::Bytes(text.as_bytes())),
        Value::Bytes(text) => {
            head(bytes, TEXT, text.len());
            bytes.extend(*text);
        }
        Value::Number(number) => number_as(bytes, UINT32, &number.to_be_bytes()),
        Value::Map(values) => {
            head(bytes, MAP, values.len());
            for (name, value) in values {
                put(bytes, &Value::Text(name));
                put(bytes, value);
            }
        }
    }
}

fn number_as(bytes: &mut Vec<u8>, kind: u8, number: &[u8]) {
    head(bytes, kind, number.len());
    bytes.extend(number);
}

fn describe(bytes: &mut Vec<u8>, nodes: u32) {
    let text = |bytes: &mut Vec<u8>, text| put(bytes, &Value::Text(text));
    head(bytes, MAP, 9);
    text(bytes, "node_count");
    put(bytes, &Value::Number(nodes));
    for (name, number) in [
        ("record_size", 24_u16),
        ("ip_version", 6),
        ("binary_format_major_version", 2),
        ("binary_format_minor_version", 0),
    ] {
        text(bytes, name);
        number_as(bytes, UINT16, &number.to_be_bytes());
    }
    text(bytes, "database_type");
    text(bytes, "Test");
    text(bytes, "languages");
    head(bytes, ARRAY, 1);
    text(bytes, "en");
    text(bytes, "build_epoch");
    number_as(bytes, UINT64, &1_795_219_200_u64.to_be_bytes());
    text(bytes, "description");
    put(bytes, &Value::Map(vec![("en", Value::Text("made by a test"))]));
}

/// A country as GeoLite2 and DB-IP have it.
pub fn country(code: &'static str) -> Value {
    Value::Map(vec![("country", Value::Map(vec![("iso_code", Value::Text(code))]))])
}

/// A network as GeoLite2 and DB-IP have it.
pub fn network(asn: u32, owner: &'static str) -> Value {
    Value::Map(vec![
        ("autonomous_system_number", Value::Number(asn)),
        ("autonomous_system_organization", Value::Text(owner)),
    ])
}

/// An address, for short.
///
/// # Panics
/// If it is none.
pub fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}
