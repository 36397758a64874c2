//! Who made a device, by the prefix of its MAC that the IEEE gave out.
//!
//! Debian's package `ieee-data` has the IEEE's lists, and whoever has it can bring them up to date
//! (`update-ieee-data`). Without it the prefixes of those who make cameras are known, from a list that is
//! part of the program.

use std::{
    collections::{HashMap, HashSet},
    fs::File,
    io::{self, Read},
    path::Path,
};

use camfence_common::mac::Mac;

use super::fact::text;
use crate::printable::Printable;

/// Where Debian has the lists.
pub const DIRECTORY: &str = "/usr/share/ieee-data";
/// The lists: prefixes of 24, 28 and 36 bits.
const FILES: [&str; 3] = ["oui.csv", "mam.csv", "oui36.csv"];
/// Largest list that is read. Of 2022 the largest has 3 MB.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// Prefixes of makers of cameras, in the form of the lists: those of `ieee-data` 20220827.1 whose
/// names `likeness` knows. The IEEE asserts no copyright in them.
const BUILT_IN: &str = include_str!("vendor/cameras.csv");

/// The second lowest bit of the first byte: given by whoever runs the device, not by its maker
/// (IEEE 802 §8.4). Phones make up a new one for each network.
const LOCALLY_ADMINISTERED: u8 = 0b10;

/// Whether an address is made up, and tells nobody's name.
pub const fn is_private(mac: Mac) -> bool {
    mac.0[0] & LOCALLY_ADMINISTERED != 0
}

/// Those who made some devices.
#[derive(Debug, Default)]
pub struct Vendors {
    names: HashMap<Prefix, Printable>,
}

/// The first bits of a MAC, and how many they are.
type Prefix = (u32, u64);

/// Longest first: it belongs to somebody who has a part of a shorter one.
const LENGTHS: [u32; 3] = [36, 28, 24];

impl Vendors {
    /// Of these devices, by the lists in a directory, or the built-in one where they do not tell.
    pub fn of(macs: impl Iterator<Item = Mac>, directory: &Path) -> Self {
        let macs = macs.filter(|mac| !is_private(*mac));
        let wanted: HashSet<Prefix> =
            macs.flat_map(|mac| LENGTHS.map(|length| prefix(mac, length))).collect();
        let mut vendors = Self::default();
        vendors.read(BUILT_IN.as_bytes(), &wanted);
        for file in FILES {
            if let Ok(list) = File::open(directory.join(file)) {
                vendors.read(list.take(MAX_FILE_BYTES), &wanted);
            }
        }
        vendors
    }

    /// The maker's name, as the IEEE has it.
    pub fn name(&self, mac: Mac) -> Option<&Printable> {
        LENGTHS.iter().find_map(|length| self.names.get(&prefix(mac, *length)))
    }

    /// Reads a list: registry, prefix, name, address. Lines that are otherwise are left out.
    fn read(&mut self, list: impl Read, wanted: &HashSet<Prefix>) {
        let mut reader =
            csv::ReaderBuilder::new().flexible(true).from_reader(io::BufReader::new(list));
        let mut record = csv::ByteRecord::new();
        while reader.read_byte_record(&mut record).is_ok_and(|more| more) {
            let prefix = record.get(1).and_then(parse);
            let name = record.get(2).and_then(text);
            if let (Some(prefix), Some(name)) = (prefix, name)
                && wanted.contains(&prefix)
            {
                self.names.insert(prefix, name);
            }
        }
    }
}

fn prefix(mac: Mac, length: u32) -> Prefix {
    let bits = mac.0.iter().fold(0, |bits, byte| bits << 8 | u64::from(*byte));
    (length, bits >> (48 - length))
}

/// `B0C554`, `741AE09` or `70B3D5AB1`: as many bits as it has digits, four each.
fn parse(digits: &[u8]) -> Option<Prefix> {
    let digits = str::from_utf8(digits).ok()?;
    let length = u32::try_from(digits.len()).ok()?.checked_mul(4)?;
    let bits = u64::from_str_radix(digits, 16).ok()?;
    LENGTHS.contains(&length).then_some((length, bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mac(text: &str) -> Mac {
        text.parse().unwrap()
    }

    fn named(directory: &Path, address: &str) -> Option<String> {
        let mac = mac(address);
        Vendors::of([mac].into_iter(), directory).name(mac).map(ToString::to_string)
    }

    #[test]
    fn makers_of_cameras_are_known_without_lists() {
        let none = Path::new("/nonexistent");
        assert_eq!(named(none, "b0:c5:54:25:5b:0e").as_deref(), Some("D-Link International"));
        assert_eq!(named(none, "74:da:38:80:7a:08").as_deref(), Some("Edimax Technology Co. Ltd."));
        assert_eq!(named(none, "00:22:72:00:00:01"), None);
        assert_eq!(named(none, "02:cf:00:00:00:01"), None);
    }

    #[test]
    fn lists_tell_more_and_the_longest_prefix_counts() {
        let directory = tempfile::tempdir().unwrap();
        let write =
            |file: &str, text: &str| std::fs::write(directory.path().join(file), text).unwrap();
        let head = "Registry,Assignment,Organization Name,Organization Address\n";
        write(
            "oui.csv",
            &format!(
                "{head}MA-L,741AE0,IEEE Registration Authority,x\nbroken\n\
             MA-L,002272,\"Micro \"\"Fuel\"\", Corp.\",\"two\nlines\"\nMA-L,ZZZZZZ,Nobody,x\n"
            ),
        );
        write("mam.csv", &format!("{head}MA-M,741AE09,IOG Products LLC,x\nMA-M,741AE0,Short,x\n"));
        let named = |mac| named(directory.path(), mac);
        assert_eq!(named("74:1a:e0:90:00:01").as_deref(), Some("IOG Products LLC"));
        assert_eq!(named("74:1a:e0:80:00:01").as_deref(), Some("Short"), "what is read last");
        assert_eq!(named("00:22:72:00:00:01").as_deref(), Some("Micro \"Fuel\", Corp."));
        assert_eq!(named("b0:c5:54:25:5b:0e").as_deref(), Some("D-Link International"));
    }

    #[test]
    fn addresses_that_are_made_up_have_no_maker() {
        assert!(is_private(mac("da:a1:19:00:00:01")));
        assert!(!is_private(mac("b0:c5:54:25:5b:0e")));
    }
}
