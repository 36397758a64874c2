//! An event as one line of `key=value`, which greps and log collectors read.

use serde_json::Value;

use super::Event;

/// The keys, in the order in which they are written.
const KEYS: [&str; 22] = [
    "time",
    "seq",
    "event",
    "camera",
    "mac",
    "interface",
    "direction",
    "peer",
    "name",
    "protocol",
    "port",
    "icmp",
    "verdict",
    "reason",
    "audit",
    "packets",
    "bytes",
    "seconds",
    "by",
    "of",
    "count",
    "text",
];

/// The line, without its end. Keys are those of the JSON; a value with blanks, quotes or nothing in it
/// stands in quotes.
pub(super) fn line(event: &Event) -> String {
    let Ok(Value::Object(fields)) = serde_json::to_value(event) else { return String::new() };
    let mut line = String::new();
    for key in KEYS {
        if let Some(value) = fields.get(key) {
            let separator = if line.is_empty() { "" } else { " " };
            line.extend([separator, key, "=", &written(value)]);
        }
    }
    line
}

fn written(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        // The type and code of ICMP.
        Value::Object(icmp) => format!("{}.{}", icmp["type"], icmp["code"]),
        other => other.to_string(),
    }
}

fn quoted(text: &str) -> String {
    let is_plain =
        |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '"' | '=' | '\\');
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.extend(c.escape_default()),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{events::Kind, printable::Printable};

    /// Reads a line as others do.
    fn read(mut line: &str) -> Vec<(String, String)> {
        let mut fields = Vec::new();
        while !line.is_empty() {
            let (key, rest) = line.split_once('=').unwrap();
            let (value, rest) = match rest.strip_prefix('"') {
                None => rest.split_once(' ').map_or((rest.to_owned(), ""), |(v, r)| (v.into(), r)),
                Some(rest) => {
                    let (mut value, mut chars) = (String::new(), rest.char_indices());
                    let end = loop {
                        match chars.next().unwrap() {
                            (_, '\\') => value.push(chars.next().unwrap().1),
                            (at, '"') => break at,
                            (_, c) => value.push(c),
                        }
                    };
                    let rest = &rest[end + 1..];
                    (value, rest.strip_prefix(' ').unwrap_or(rest))
                }
            };
            fields.push((key.to_owned(), value));
            line = rest;
        }
        fields
    }

    #[test]
    fn every_key_has_its_place() {
        let mut event = Event::new(Kind::Lost, "t".into());
        event.icmp = Some(crate::telemetry::ledger::Icmp { kind: 3, code: 1 });
        event.count = Some(7);
        event.camera = Some("the drive".into());
        assert_eq!(line(&event), r#"time=t seq=0 event=lost camera="the drive" icmp=3.1 count=7"#);
        let json = serde_json::to_value(full()).unwrap();
        for key in json.as_object().unwrap().keys() {
            assert!(KEYS.contains(&key.as_str()), "{key}");
        }
        assert_eq!(json.as_object().unwrap().len(), KEYS.len());
    }

    fn full() -> Event {
        let mut event = Event::new(Kind::Dropped, "2026-01-01T00:00:00.000Z".into());
        let text = || Some(String::from("x"));
        (event.camera, event.mac, event.interface, event.direction) =
            (text(), text(), text(), text());
        (event.protocol, event.verdict, event.reason) = (text(), text(), text());
        (event.by, event.of) = (text(), text());
        (event.packets, event.bytes, event.count) = (Some(1), Some(2), Some(3));
        (event.port, event.seconds, event.audit) = (Some(9), Some(0.5), true);
        event.peer = Some([192, 0, 2, 1].into());
        event.icmp = Some(crate::telemetry::ledger::Icmp { kind: 3, code: 1 });
        (event.name, event.text) = (Some(Printable::from("n")), Some(Printable::from("t")));
        event
    }

    proptest! {
        #[test]
        fn a_line_and_json_say_what_was_put_in(camera: String, name: Vec<u8>, text: Vec<u8>) {
            let mut event = full();
            // Names of cameras have no control characters.
            let camera: String = camera.chars().filter(|c| !c.is_control()).collect();
            event.camera = Some(camera.clone());
            event.name = Some(Printable::new(&name));
            event.text = Some(Printable::new(&text));
            let line = line(&event);
            prop_assert_eq!(line.lines().count(), 1);
            let fields = read(&line);
            let of = |key: &str| fields.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str());
            prop_assert_eq!(fields.len(), KEYS.len());
            prop_assert_eq!(of("camera"), Some(camera.as_str()));
            prop_assert_eq!(of("name"), event.name.as_ref().map(Printable::as_str));
            prop_assert_eq!(of("text"), event.text.as_ref().map(Printable::as_str));
            let json = serde_json::to_string(&event).unwrap();
            prop_assert_eq!(json.lines().count(), 1);
            prop_assert_eq!(&serde_json::from_str::<Event>(&json).unwrap(), &event);
        }
    }
}
