//! Random frames: whole sentences of the frame builder aimed at a policy, some of them lies, then
//! spoilt byte by byte.

mod around;
mod damage;
pub(crate) mod dns;
mod message;
mod network;

use std::{fmt, rc::Rc};

use camfence_tests::{Frame, Mac};
use proptest::{collection, prelude::*, sample::select};

pub(crate) use self::{around::Surroundings, message::dhcp};
use self::{damage::Damage, network::Content};

/// What the kernel runs without parting a frame into buffers.
const LENGTHS: std::ops::RangeInclusive<usize> = 14..=2_000;

const ETHERTYPES: [u16; 12] = [
    0x0800, 0x86dd, 0x0806, 0x888e, 0x88c7, 0x88cc, 0x8100, 0x88a8, 0x9100, 0x8864, 0x8847, 0x0026,
];

/// A frame, and how it came to be.
#[derive(Clone)]
pub(crate) struct Spoilt {
    words: Frame,
    damage: Vec<Damage>,
    /// What is judged.
    pub(crate) bytes: Vec<u8>,
}

impl Spoilt {
    fn new(words: Frame, damage: Vec<Damage>) -> Self {
        let mut bytes = words.build();
        for damage in &damage {
            damage.apply(&mut bytes);
        }
        let length = bytes.len().clamp(*LENGTHS.start(), *LENGTHS.end());
        bytes.resize(length, 0);
        Self { words, damage, bytes }
    }
}

/// The bytes as other tools read them, then the words.
impl fmt::Debug for Spoilt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes.iter().try_for_each(|byte| write!(f, "{byte:02x} "))?;
        write!(f, "\nin words: {:?}\nspoilt by {:?}", self.words, self.damage)
    }
}

/// A frame between the stations of a policy.
pub(crate) fn frame(around: Rc<Surroundings>) -> impl Strategy<Value = Spoilt> {
    let tag =
        (prop_oneof![9 => select(vec![0x8100, 0x88a8]), 1 => select(&ETHERTYPES[..])], 0..4096_u16);
    let tags = prop_oneof![
        16 => Just(vec![]),
        5 => collection::vec(tag.clone(), 1..=2),
        1 => collection::vec(tag, 3..=4),
    ];
    let ends = (around::station(), around::station());
    (ends, tags, network::content(), damage::damages()).prop_map(
        move |((from, to), tags, content, damage)| {
            let from = Mac(around.mac(&from).0);
            let link = Frame::from(from).to(Mac(around.mac(&to).0));
            let frame = tags.into_iter().fold(link, |frame, (kind, vid)| frame.tag(kind, vid));
            Spoilt::new(Content::on(content, frame, from, &around), damage)
        },
    )
}

/// Something that happens now and then.
fn rarely<T: Strategy>(strategy: T) -> impl Strategy<Value = Option<T::Value>>
where
    T::Value: Clone,
{
    proptest::option::weighted(0.04, strategy)
}
