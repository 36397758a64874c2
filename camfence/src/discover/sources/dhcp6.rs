//! DHCPv6 (RFC 8415): a client may say its name and what it is.

use crate::discover::fact::{Fact, text};

/// Type and transaction (RFC 8415 §8); relayed messages have others, and are not read.
const HEAD: usize = 4;
/// The types of messages that clients send, SOLICIT to INFORMATION-REQUEST.
const OF_CLIENTS: [u8; 8] = [1, 3, 4, 5, 6, 8, 9, 11];
/// RFC 8415 §21.16: four bytes for the vendor, and texts, each behind its length.
const VENDOR_CLASS: u16 = 16;
/// RFC 4704 §4: flags, and the name as in DNS.
const CLIENT_NAME: u16 = 39;

pub(super) fn read(message: &[u8], facts: &mut Vec<Fact>) {
    if !message.first().is_some_and(|kind| OF_CLIENTS.contains(kind)) {
        return;
    }
    let mut rest = message.get(HEAD..).unwrap_or_default();
    while let Some((code, after)) = number(rest)
        && let Some((value, after)) = counted(after)
    {
        rest = after;
        let fact = match code {
            CLIENT_NAME => {
                text(&plain_name(value.get(1..).unwrap_or_default())).map(Fact::Hostname)
            }
            VENDOR_CLASS => value
                .get(4..)
                .and_then(counted)
                .and_then(|(class, _)| text(class))
                .map(Fact::Software),
            _ => None,
        };
        facts.extend(fact);
    }
}

fn number(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u16::from_be_bytes(*number), rest))
}

/// As many bytes as the number before them says.
fn counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = number(bytes)?;
    rest.split_at_checked(usize::from(length))
}

/// A name of labels, each behind its length, with dots between them. There are no pointers here
/// (RFC 8415 §10).
pub(super) fn plain_name(mut labels: &[u8]) -> Vec<u8> {
    let mut name = Vec::new();
    while let Some((&length, rest)) = labels.split_first()
        && length != 0
        && let Some((label, rest)) = rest.split_at_checked(usize::from(length))
    {
        if !name.is_empty() {
            name.push(b'.');
        }
        name.extend_from_slice(label);
        labels = rest;
    }
    name
}
