//! Every attempt and every need once more, with what must not change their reasons: bytes behind
//! the packet, which no header counts, and tags.

use camfence_common::reason::Reason;
use camfence_tests::judge::{Expected, Fixture, Step};

use crate::{attempts, check, needed};

/// Where the tags of a frame are.
const TAGS_AT: usize = 12;
const TAG: [u8; 4] = [0x81, 0x00, 0x00, 20];
const SERVICE_TAG: [u8; 4] = [0x88, 0xa8, 0x00, 100];
const TAG_KINDS: [&[u8]; 2] = [&[0x81, 0x00], &[0x88, 0xa8]];

fn all_changed(change: impl Fn(&Step) -> Vec<u8>) -> Vec<Fixture> {
    attempts().iter().chain(&needed::all()).map(|fixture| fixture.changed(&change)).collect()
}

/// Adds bytes behind a packet, unless it is short of bytes: those would make it whole.
fn followed_by(trailer: &[u8], step: &Step) -> Vec<u8> {
    match step.expected {
        Expected::Counted(Reason::Malformed) | Expected::Bystander => step.frame.clone(),
        Expected::Counted(_) | Expected::Stranger(_) => [step.frame.as_slice(), trailer].concat(),
    }
}

/// Puts a frame without tags behind some.
fn behind(tags: &[u8], step: &Step) -> Vec<u8> {
    match step.frame.split_at_checked(TAGS_AT) {
        Some((addresses, rest)) if rest.len() >= 2 && !TAG_KINDS.contains(&&rest[..2]) => {
            [addresses, tags, rest].concat()
        }
        _ => step.frame.clone(),
    }
}

#[test]
fn what_is_behind_a_packet_changes_nothing() {
    let notice = b"NOTIFY * HTTP/1.1";
    check(&all_changed(|step| followed_by(notice, step)));
    check(&all_changed(|step| followed_by(&[0; 64], step)));
}

#[test]
fn a_tag_changes_nothing() {
    check(&all_changed(|step| behind(&TAG, step)));
}

#[test]
fn a_tag_in_a_service_tag_changes_nothing() {
    check(&all_changed(|step| behind(&[SERVICE_TAG, TAG].concat(), step)));
}
