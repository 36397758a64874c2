//! WS-Discovery (OASIS, 1.1) as ONVIF devices use it (ONVIF Core Specification, "Device discovery"): a
//! device says hello or answers a probe, with its types and scopes.

use percent_encoding::percent_decode_str;
use quick_xml::{Reader, events::Event};

use crate::discover::fact::{Fact, Onvif, text};

/// What every ONVIF device's scopes begin with.
const SCOPE: &str = "onvif://www.onvif.org/";
/// The type of a camera or encoder, without the prefix that stands for the namespace.
const TYPE: &str = "NetworkVideoTransmitter";

/// Reads a message as far as it goes: many are longer than a frame. Nothing in it is expanded, and no
/// document type is looked at.
pub(super) fn read(message: &[u8], facts: &mut Vec<Fact>) {
    let message = String::from_utf8_lossy(message);
    let mut reader = Reader::from_str(&message);
    reader.config_mut().check_end_names = false;
    let (mut says, mut inside, mut onvif) = (false, Inside::Other, None);
    // Each event is a piece of the message, so that there are not more than it has bytes.
    while let Ok(event) = reader.read_event() {
        match event {
            Event::Start(start) => {
                let name = start.local_name();
                says |= matches!(name.as_ref(), "Hello" | "ProbeMatches");
                inside = Inside::of(name.as_ref());
            }
            Event::End(_) => inside = Inside::Other,
            Event::Text(words) if says => inside.read(&words, &mut onvif),
            Event::Eof => break,
            _ => {}
        }
    }
    facts.extend(onvif.map(Fact::Onvif));
}

/// The element that text is in.
#[derive(Clone, Copy)]
enum Inside {
    Types,
    Scopes,
    Other,
}

impl Inside {
    fn of(name: &str) -> Self {
        match name {
            "Types" => Self::Types,
            "Scopes" => Self::Scopes,
            _ => Self::Other,
        }
    }

    fn read(self, words: &str, onvif: &mut Option<Onvif>) {
        for word in words.split_ascii_whitespace() {
            match self {
                Self::Types if is_type(word) => {
                    onvif.get_or_insert_default();
                }
                Self::Scopes => {
                    if let Some(scope) = word.strip_prefix(SCOPE) {
                        read_scope(scope, onvif.get_or_insert_default());
                    }
                }
                _ => {}
            }
        }
    }
}

fn is_type(word: &str) -> bool {
    word.rsplit(':').next() == Some(TYPE)
}

/// `name/Front%20Door`. What is said first counts.
fn read_scope(scope: &str, onvif: &mut Onvif) {
    let Some((what, value)) = scope.split_once('/') else { return };
    let place = match what.to_ascii_lowercase().as_str() {
        "name" => &mut onvif.name,
        "hardware" => &mut onvif.hardware,
        "location" => &mut onvif.location,
        _ => return,
    };
    if place.is_none() {
        *place = text(&percent_decode_str(value).collect::<Vec<u8>>());
    }
}
