//! SSDP (UPnP Device Architecture §1.2): a device announces what runs on it.

use super::fields::field;
use crate::discover::fact::{Fact, text};

/// How an announcement begins, and an answer to a search.
const BEGINNINGS: [&[u8]; 2] = [b"NOTIFY * HTTP/1.", b"HTTP/1.1 200"];

pub(super) fn read(message: &[u8], facts: &mut Vec<Fact>) {
    let is_one = BEGINNINGS.iter().any(|beginning| message.starts_with(beginning));
    if is_one && field(message, "USN").is_some() {
        facts.extend(field(message, "SERVER").and_then(text).map(Fact::Software));
    }
}
