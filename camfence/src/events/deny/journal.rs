//! Entries in systemd's journal, by its native protocol
//! (<https://systemd.io/JOURNAL_NATIVE_PROTOCOL/>): a datagram of lines `FIELD=value`.

use std::{io, os::unix::net::UnixDatagram};

use serde_json::Value;

use crate::events::Event;

/// Where the journal listens.
const SOCKET: &str = "/run/systemd/journal/socket";

/// A notice, as `syslog(3)` numbers it.
const PRIORITY: u8 = 5;

/// The way to the journal.
#[derive(Debug, Default)]
pub(super) struct Journal(Option<UnixDatagram>);

impl Journal {
    /// Writes an entry: a message, and each key of the event as a field.
    pub(super) fn write(&mut self, event: &Event, message: &str) -> io::Result<()> {
        let socket = match self.0.take() {
            Some(socket) => socket,
            None => UnixDatagram::unbound()?,
        };
        socket.send_to(entry(event, message).as_bytes(), SOCKET)?;
        self.0 = Some(socket);
        Ok(())
    }
}

/// The datagram. No value has an end of a line in it: they would be written in another way.
fn entry(event: &Event, message: &str) -> String {
    let mut entry = format!("PRIORITY={PRIORITY}\nSYSLOG_IDENTIFIER=camfence\n");
    entry += &field("MESSAGE", message);
    if let Ok(Value::Object(keys)) = serde_json::to_value(event) {
        for (key, value) in keys {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            entry += &field(&format!("CAMFENCE_{}", key.to_uppercase()), &value);
        }
    }
    entry
}

fn field(name: &str, value: &str) -> String {
    format!("{name}={}\n", value.replace('\n', " "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{events::Kind, printable::Printable};

    #[test]
    fn an_entry_has_a_field_for_each_key() {
        let mut event = Event::new(Kind::Dropped, "t".into());
        (event.camera, event.packets) = (Some("the\ndrive".into()), Some(7));
        event.name = Some(Printable::from("a\nPRIORITY=0"));
        let expected = "PRIORITY=5\nSYSLOG_IDENTIFIER=camfence\nMESSAGE=it was\nCAMFENCE_CAMERA=the drive\n\
                        CAMFENCE_EVENT=dropped\nCAMFENCE_NAME=a\\nPRIORITY=0\nCAMFENCE_PACKETS=7\n\
                        CAMFENCE_SEQ=0\nCAMFENCE_TIME=t\n";
        assert_eq!(entry(&event, "it was"), expected);
    }
}
