//! The reader of DNS answers.

use std::time::SystemTime;

use camfence::{names::Names, printable::Printable};
use camfence_common::mac::Mac;

/// Reads a message as an answer to a camera.
///
/// # Panics
/// When a name is not fit to be shown, or is not found by the address that it was learned for.
pub fn names(message: &[u8]) {
    const CAMERA: Mac = Mac([2, 0, 0, 0, 0, 1]);
    let mut names = Names::default();
    names.learn(CAMERA, message, SystemTime::UNIX_EPOCH);
    for (mac, address, named) in names.iter() {
        assert_eq!(mac, CAMERA);
        assert_eq!(names.of(mac, address), Some(&named.name));
        assert_eq!(Printable::from(named.name.as_str()), named.name, "made fit once more");
    }
}
