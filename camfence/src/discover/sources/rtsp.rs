//! RTSP (RFC 2326, RFC 7826): what a server answers.

use super::fields::field;
use crate::discover::fact::{Fact, text};

/// Asks what a server can do; any server answers, whether or not it asks for a password.
pub(in crate::discover) const OPTIONS: &[u8] =
    b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: camfence\r\n\r\n";

/// Reads an answer.
pub(in crate::discover) fn read(message: &[u8], facts: &mut Vec<Fact>) {
    if message.starts_with(b"RTSP/1.0 ") || message.starts_with(b"RTSP/2.0 ") {
        facts.push(Fact::Rtsp);
        facts.extend(field(message, "Server").and_then(text).map(Fact::Software));
    }
}
