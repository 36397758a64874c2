//! A name for a camera that nobody has named yet.

use std::collections::{BTreeSet, HashMap};

use camfence_common::mac::Mac;

use super::{heard::Source, vendor};
use crate::{config::check_name, printable::Printable};

/// Longest name that is suggested, without what makes it unique.
const MAX_CHARS: usize = 32;

/// What to call it: as it calls itself, or by its maker and the end of its MAC.
pub fn suggest(mac: Mac, source: &Source, vendor: Option<&Printable>) -> String {
    let onvif = source.onvif.as_ref().and_then(|onvif| onvif.name.as_ref());
    let own = source.hostnames.iter().chain(onvif).map(plain);
    own.into_iter().find(|name| is_usable(name)).unwrap_or_else(|| by_maker(mac, vendor))
}

fn by_maker(mac: Mac, vendor: Option<&Printable>) -> String {
    let vendor = vendor.filter(|_| !vendor::is_private(mac)).map(Printable::as_str);
    let mut words = vendor.unwrap_or_default().split_whitespace().map(|word| plain(&word.into()));
    let word = words.find(|word| is_usable(word) && !PLACES.contains(&word.as_str()));
    let word = word.unwrap_or_else(|| "camera".into());
    let [.., high, low] = mac.0;
    format!("{word}-{high:02x}{low:02x}")
}

/// What names of makers begin with that is not theirs.
const PLACES: [&str; 6] = ["hangzhou", "zhejiang", "shenzhen", "beijing", "shanghai", "the"];

/// Names that are taken.
#[derive(Debug, Default)]
pub struct Names {
    taken: BTreeSet<String>,
    /// Where to go on counting, by name: a device can give its name to a thousand others.
    next: HashMap<String, u32>,
}

impl Names {
    /// These are.
    pub fn new<'a>(taken: impl Iterator<Item = &'a str>) -> Self {
        Self { taken: taken.map(ToString::to_string).collect(), next: HashMap::new() }
    }

    /// Takes the name, or the name with the first number from 2 on that nobody has.
    pub fn take(&mut self, name: &str) -> String {
        let mut unique = name.to_string();
        while !self.taken.insert(unique.clone()) {
            let next = self.next.entry(name.to_string()).or_insert(2);
            unique = format!("{name}-{next}");
            *next += 1;
        }
        unique
    }
}

/// In lower case, of letters and digits with single dashes between.
fn plain(text: &Printable) -> String {
    let mut name = String::new();
    for c in text.as_str().chars().take(MAX_CHARS) {
        if c.is_ascii_alphanumeric() {
            name.push(c.to_ascii_lowercase());
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
    }
    name.truncate(name.trim_end_matches('-').len());
    name
}

/// Whether it says more than a number, and can be written.
fn is_usable(name: &str) -> bool {
    name.contains(|c: char| c.is_ascii_alphabetic())
        && name != "localhost"
        && check_name(name).is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::discover::fact::{Fact, Onvif, text};

    const HIKVISION: &str = "Hangzhou Hikvision Digital Technology Co.,Ltd.";
    const CAM: Mac = Mac([0x44, 0x19, 0xb6, 0x25, 0x5b, 0x0e]);

    fn named(facts: Vec<Fact>, vendor: &str, mac: Mac) -> String {
        let mut source = Source::default();
        source.take_all(facts, &[], 60);
        suggest(mac, &source, text(vendor.as_bytes()).as_ref())
    }

    #[test]
    fn its_own_name_comes_first() {
        let calls_itself = |name: &str| named(vec![Fact::Hostname(name.into())], HIKVISION, CAM);
        assert_eq!(calls_itself("Front_Door Cam!"), "front-door-cam");
        assert_eq!(calls_itself("\u{202e}\u{1b}[2J"), "u-202e-u-1b-2j");
        assert_eq!(calls_itself("1234"), "hikvision-5b0e");
        assert_eq!(calls_itself("門"), "hikvision-5b0e");
        assert_eq!(calls_itself("b0-c5-54-25-5b-0e"), "hikvision-5b0e", "it reads as a MAC");
        let onvif = Onvif { name: text(b"IPC 3000"), ..Onvif::default() };
        assert_eq!(named(vec![Fact::Onvif(onvif)], "", CAM), "ipc-3000");
    }

    #[test]
    fn otherwise_its_makers() {
        assert_eq!(named(vec![], HIKVISION, CAM), "hikvision-5b0e");
        assert_eq!(named(vec![], "D-Link International", CAM), "d-link-5b0e");
        assert_eq!(named(vec![], "", CAM), "camera-5b0e");
        let private = Mac([2, 0, 0, 0, 0xab, 0xcd]);
        assert_eq!(named(vec![], "whoever", private), "camera-abcd");
    }

    #[test]
    fn names_are_told_apart_by_a_number() {
        let mut names = Names::new(["porch", "porch-2"].into_iter());
        let taken = ["porch", "garage", "porch", "garage"].map(|name| names.take(name));
        assert_eq!(taken, ["porch-3", "garage", "porch-4", "garage-2"]);
    }

    proptest! {
        #[test]
        fn any_name_can_be_written(bytes: Vec<u8>, vendor in ".{0,40}", mac: [u8; 6]) {
            let facts = text(&bytes).map(Fact::Hostname).into_iter().collect();
            let name = named(facts, &vendor, Mac(mac));
            prop_assert!(check_name(&name).is_ok(), "{}", name);
            prop_assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'));
        }
    }
}
