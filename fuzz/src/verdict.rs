//! The core: what has to hold for every policy and every frame.

use camfence::policy::compile::{CompiledPolicy, Surroundings, compile};
use camfence_common::{
    abi::Subject,
    packet::{Bytes, Packet},
    reason::{Direction, Effect, Reason},
    verdict::{find, judge},
    wire::{ethernet::camera_mac, length::headers},
};

use crate::policy::{self, Input};

/// The port that frames arrive on; its unknown sources pass.
const PORT: u32 = 1;

/// Where a frame's MACs end, and its first tag would be.
const MACS: usize = 12;

/// Judges a frame by a policy. The bytes are the length of the policy, where the frame is cut in
/// one of the checks, the policy (`policy.rs`) and the frame.
///
/// # Panics
/// When the core does, or when a verdict
/// - is another the second time,
/// - says that a registered camera is none, or the other way round,
/// - changes with padding behind a whole packet,
/// - drops a frame and lets pass what is left when its end is cut off,
/// - finds nothing wrong with a packet that was cut,
/// - drops a frame and lets it pass with one more tag, or lets it pass for another reason.
pub fn verdict(data: &[u8]) {
    let Some((&[len, cut], rest)) = data.split_first_chunk() else { return };
    let (policy, frame) = rest.split_at(usize::from(len).min(rest.len()));
    let config = policy::config(&mut Input::new(policy), frame);
    let policy =
        compile(&config, &Surroundings::default()).expect("the policy is within the limits");
    for direction in Direction::ALL {
        check(direction, frame, MACS + usize::from(cut), &policy);
    }
}

fn check(direction: Direction, frame: &[u8], cut: usize, policy: &CompiledPolicy) {
    let reason = ruling(direction, frame, policy);
    assert_eq!(ruling(direction, frame, policy), reason, "the second time");
    let mac = camera_mac(frame, direction);
    assert_eq!(
        reason.is_some(),
        mac.is_some_and(|mac| policy.cameras.contains_key(&Subject::Camera(mac)))
    );
    let Some(reason) = reason else { return };

    check_length(direction, frame, reason, policy);
    if let Some(rest) = frame.get(..cut) {
        let cut = ruling(direction, rest, policy);
        assert!(!dropped(reason) || dropped_one(cut), "{reason:?}; cut {cut:?}");
        let is_whole = packet_end(frame).is_none_or(|end| end <= rest.len());
        assert!(is_whole || cut == Some(Reason::Malformed), "{reason:?}; cut {cut:?}");
    }
    check_tags(direction, frame, reason, policy);
    check_aggregate(direction, frame, policy);
}

/// What is behind the packet's end changes nothing.
fn check_length(direction: Direction, frame: &[u8], reason: Reason, policy: &CompiledPolicy) {
    let is_whole = packet_end(frame).is_some_and(|end| end <= frame.len());
    if is_whole || reason != Reason::Malformed {
        for padding in [[0; 48], [0xff; 48]] {
            let padded = ruling(direction, [frame, &padding].concat().as_slice(), policy);
            assert_eq!(padded, Some(reason), "padded");
        }
    }
}

/// Where the packet in an untagged frame ends by its own account, if it is an IP packet.
fn packet_end(frame: &[u8]) -> Option<usize> {
    const HEADER: usize = MACS + 2;
    match frame.be16(MACS)? {
        0x0800 => Some(HEADER + usize::from(frame.be16(HEADER + 2)?)),
        0x86dd => Some(HEADER + 40 + usize::from(frame.be16(HEADER + 4)?)),
        _ => None,
    }
}

/// A tag more changes nothing, unless it is one too many or moves a header out of reach.
fn check_tags(direction: Direction, frame: &[u8], reason: Reason, policy: &CompiledPolicy) {
    let Some((macs, rest)) = frame.split_at_checked(MACS) else { return };
    let in_band = [macs, &[0x81, 0, 0, 20], rest].concat();
    let stripped = Held { frame, stripped_tags: 1, is_aggregate: false };
    for tagged in
        [ruling(direction, in_band.as_slice(), policy), ruling(direction, &stripped, policy)]
    {
        assert!(tagged == Some(reason) || dropped_one(tagged), "{reason:?}; tagged {tagged:?}");
    }
}

/// Several frames in one, which have less to say about their length: no more than that they are
/// judged, and that their segments can be counted.
fn check_aggregate(direction: Direction, frame: &[u8], policy: &CompiledPolicy) {
    for stripped_tags in 0..=2 {
        let aggregate = Held { frame, stripped_tags, is_aggregate: true };
        let camera = find(direction, &aggregate, policy, || PORT).expect("it is the same camera's");
        let payload = judge(direction, &aggregate, policy, camera).payload();
        assert_ne!(headers(&aggregate, payload), 0);
    }
}

fn dropped(reason: Reason) -> bool {
    reason.effect() == Effect::Drop
}

fn dropped_one(reason: Option<Reason>) -> bool {
    reason.is_some_and(dropped)
}

/// Why a camera's frame passes or is dropped; none for a bystander's.
fn ruling<P>(direction: Direction, packet: &P, policy: &CompiledPolicy) -> Option<Reason>
where
    P: Packet + ?Sized,
{
    let camera = find(direction, packet, policy, || PORT)?;
    Some(judge(direction, packet, policy, camera).reason())
}

/// A frame as a kernel hands it over.
struct Held<'a> {
    frame: &'a [u8],
    stripped_tags: usize,
    is_aggregate: bool,
}

impl Bytes for Held<'_> {
    fn byte(&self, at: usize) -> Option<u8> {
        self.frame.byte(at)
    }

    fn words<const N: usize>(&self, at: usize) -> Option<[u16; N]> {
        self.frame.words(at)
    }
}

impl Packet for Held<'_> {
    fn wire_len(&self) -> usize {
        self.frame.len()
    }

    fn stripped_tags(&self) -> usize {
        self.stripped_tags
    }

    fn is_aggregate(&self) -> bool {
        self.is_aggregate
    }
}
