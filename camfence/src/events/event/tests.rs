use serde_json::json;

use super::*;

fn contact() -> Event {
    let mut event = Event::new(Kind::FirstContact, "2026-01-02T12:34:56.789Z".into());
    event.camera = Some("driveway".into());
    event.peer = Some([203, 0, 113, 7].into());
    (event.protocol, event.port) = (Some("udp".into()), Some(10_240));
    event.direction = Some("outbound".into());
    event.reason(Reason::NotLocal)
}

#[test]
fn an_event_in_words() {
    let mut event = contact();
    assert_eq!(event.to_string(), "first contact  udp/10240 to 203.0.113.7  dropped not-local");
    event.name = Some("p2p\u{1b}[31m.example".into());
    event.direction = Some("inbound".into());
    event.audit = true;
    let words =
        "first contact  udp/10240 from 203.0.113.7 (p2p\\u{1b}[31m.example)  would drop not-local";
    assert_eq!(event.to_string(), words);
    let mut closed = Event::new(Kind::Closed, String::new());
    closed.by = Some("deadline".into());
    assert_eq!(closed.to_string(), "closed  by deadline");
}

#[test]
fn what_there_is_nothing_to_say_of_is_not_there() {
    let expected = json!({
        "time": "2026-01-02T12:34:56.789Z", "seq": 0, "event": "first-contact", "camera": "driveway",
        "peer": "203.0.113.7", "protocol": "udp", "port": 10_240, "direction": "outbound",
        "verdict": "drop", "reason": "not-local",
    });
    assert_eq!(serde_json::to_value(contact()).unwrap(), expected);
    assert_eq!(serde_json::from_value::<Event>(expected).unwrap(), contact());
}

#[test]
fn names_are_those_of_json() {
    for kind in Kind::ALL {
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
    }
}
