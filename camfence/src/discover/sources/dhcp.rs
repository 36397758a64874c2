//! DHCP (RFC 2131): a client says its name and what it is.

use super::dhcp6::plain_name;
use crate::{
    discover::fact::{Fact, text},
    printable::Printable,
};

const REQUEST: u8 = 1;
/// The fixed part of a message, and the four bytes that say options follow (RFC 2131 §2).
const OPTIONS: usize = 240;
const COOKIE: [u8; 4] = [99, 130, 83, 99];

const PAD: u8 = 0;
const END: u8 = 255;
/// RFC 2132 §3.14.
const HOST_NAME: u8 = 12;
/// RFC 2132 §9.13.
const VENDOR_CLASS: u8 = 60;
/// RFC 4702 §2: flags and two bytes that are not used any more, and the name.
const CLIENT_NAME: u8 = 81;
const CLIENT_NAME_HEAD: usize = 3;
/// The flag that says the name is written as in DNS.
const ENCODED: u8 = 0b100;

pub(super) fn read(message: &[u8], facts: &mut Vec<Fact>) {
    if message.first() != Some(&REQUEST) || message.get(OPTIONS - 4..OPTIONS) != Some(&COOKIE) {
        return;
    }
    let mut rest = &message[OPTIONS..];
    while let Some((code, value)) = option(&mut rest) {
        let fact = match code {
            HOST_NAME => text(value).map(Fact::Hostname),
            VENDOR_CLASS => text(value).map(Fact::Software),
            CLIENT_NAME => client_name(value).map(Fact::Hostname),
            _ => None,
        };
        facts.extend(fact);
    }
}

/// The next option; none at the end, and when one is not whole.
fn option<'a>(rest: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let begin = rest.iter().position(|&byte| byte != PAD)?;
    match &rest[begin..] {
        [END, ..] => None,
        [code, length, after @ ..] => {
            let (value, after) = after.split_at_checked(usize::from(*length))?;
            *rest = after;
            Some((*code, value))
        }
        _ => None,
    }
}

fn client_name(value: &[u8]) -> Option<Printable> {
    let name = value.get(CLIENT_NAME_HEAD..)?;
    if value.first()? & ENCODED == 0 { text(name) } else { text(&plain_name(name)) }
}
