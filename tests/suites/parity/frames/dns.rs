//! DNS queries, honest or not.

use proptest::{collection, prelude::*, sample::Index, sample::select};

use super::{around::Surroundings, rarely};

/// A message to a DNS server.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    /// The bits of the header.
    pub(crate) flags: u16,
    /// How many questions it claims to have.
    pub(crate) questions: u16,
    /// How many answers and authorities.
    pub(crate) records: [u16; 2],
    /// How many additional records.
    pub(crate) additional: u16,
    /// The name, as it is sent.
    pub(crate) name: Vec<u8>,
    /// Type, class, and what else follows.
    pub(crate) behind: Vec<u8>,
}

impl Query {
    /// An honest one.
    pub(crate) fn of(name: &str) -> Self {
        const RECURSION_DESIRED: u16 = 0x0100;
        Self {
            flags: RECURSION_DESIRED,
            questions: 1,
            records: [0, 0],
            additional: 0,
            name: encoded(name),
            behind: vec![0, 1, 0, 1],
        }
    }

    /// As it is sent.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        const ID: u16 = 1;
        let [answers, authorities] = self.records;
        let header = [ID, self.flags, self.questions, answers, authorities, self.additional];
        let mut bytes = header.map(u16::to_be_bytes).as_flattened().to_vec();
        bytes.extend(&self.name);
        bytes.extend(&self.behind);
        bytes
    }
}

/// Labels with their lengths, and the root.
fn encoded(name: &str) -> Vec<u8> {
    let label = |label: &str| {
        let length = u8::try_from(label.len()).expect("labels are short");
        [&[length], label.as_bytes()].concat()
    };
    let mut bytes = name.split('.').flat_map(label).collect::<Vec<_>>();
    bytes.push(0);
    bytes
}

/// A query whose name is yet to be looked up.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    name: Index,
    /// What is put before the name.
    below: Vec<&'static str>,
    /// How long it is to become, if that is longer.
    length: usize,
    /// Bytes that are in upper case.
    upper: u64,
    lies: Vec<Lie>,
}

#[derive(Debug, Clone)]
enum Lie {
    Flags(u16),
    Questions(u16),
    Record(bool, u16),
    Additional(u16),
    /// Another byte in the name or behind it.
    Byte(Index, u8),
    /// The name ends here, with a pointer to where it began.
    Pointer(Index),
    /// Only so much follows the name.
    Behind(usize),
    /// A record of options as EDNS has it, of another type, or with data of another length than it
    /// says.
    Options {
        kind: u8,
        claimed: u8,
        data: u8,
    },
}

pub(super) fn draft() -> BoxedStrategy<Draft> {
    const LONG: &str = "sixty-three-bytes-are-the-most-that-a-label-may-have-in-the-dns";
    const TOO_LONG: &str = "Sixty-three-bytes-are-the-most-that-a-label-may-have-in-the-dns_";
    let labels = select(vec!["a", "x_1", "-", "0", LONG, TOO_LONG]);
    let length = prop_oneof![9 => Just(0), 1 => 254..=257_usize];
    let below = prop_oneof![
        6 => Just(vec![]),
        3 => collection::vec(labels, 1..=2),
        1 => collection::vec(Just(LONG), 3..=4),
    ];
    let upper = prop_oneof![Just(0), any::<u64>()];
    let lies = prop_oneof![3 => Just(vec![]), 2 => collection::vec(lie(), 1..=2)];
    (any::<Index>(), below, length, upper, lies)
        .prop_map(|(name, below, length, upper, lies)| Draft { name, below, length, upper, lies })
        .boxed()
}

fn lie() -> BoxedStrategy<Lie> {
    let count = || prop_oneof![Just(0), Just(1), Just(2), Just(256), any::<u16>()];
    let bytes = prop_oneof![select(b".*-_/:@[`{\xff\0\x3f\x40 ".to_vec()), any::<u8>()];
    prop_oneof![
        1 => prop_oneof![any::<u16>(), (0..16_u16).prop_map(|bit| 1 << bit)].prop_map(Lie::Flags),
        1 => count().prop_map(Lie::Questions),
        1 => (any::<bool>(), count()).prop_map(|(first, count)| Lie::Record(first, count)),
        3 => count().prop_map(Lie::Additional),
        4 => (any::<Index>(), bytes).prop_map(|(at, byte)| Lie::Byte(at, byte)),
        1 => any::<Index>().prop_map(Lie::Pointer),
        2 => (0..24_usize).prop_map(Lie::Behind),
        2 => (3..=5_usize).prop_map(Lie::Behind),
        4 => (prop_oneof![9 => Just(41), 1 => any::<u8>()], 0..4_u8, 0..4_u8)
            .prop_map(|(kind, claimed, data)| Lie::Options { kind, claimed, data }),
        2 => (0..40_u8).prop_map(|data| Lie::Options { kind: 41, claimed: data, data }),
    ]
    .boxed()
}

impl Draft {
    pub(super) fn bytes(&self, around: &Surroundings) -> Vec<u8> {
        let name = around.name(self.name);
        let name = self.below.iter().copied().chain([name]).collect::<Vec<_>>().join(".");
        let name = lengthened(name, self.length);
        let shouted = |(at, c): (usize, char)| {
            if self.upper >> (at % 64) & 1 == 1 { c.to_ascii_uppercase() } else { c }
        };
        let mut query = Query::of(&name.chars().enumerate().map(shouted).collect::<String>());
        self.lies.iter().for_each(|lie| lie.tell(&mut query));
        query.bytes()
    }
}

/// A name below, as long as it says when encoded, unless one label more would be too long for that.
fn lengthened(mut name: String, length: usize) -> String {
    const LONGEST_LABEL: usize = 63;
    // Encoded there is a length at the start and the root at the end. A label adds a dot.
    while let missing @ 2.. = length.saturating_sub(name.len() + 2) {
        let label = (missing - 1).min(LONGEST_LABEL);
        // One byte alone could not be filled.
        let label = if missing == label + 2 { label - 1 } else { label };
        name = format!("{}.{name}", "l".repeat(label));
    }
    name
}

impl Lie {
    fn tell(&self, query: &mut Query) {
        match *self {
            Self::Flags(flags) => query.flags = flags,
            Self::Questions(count) => query.questions = count,
            Self::Record(first, count) => query.records[usize::from(first)] = count,
            Self::Additional(count) => query.additional = count,
            Self::Byte(at, byte) => {
                let length = query.name.len();
                query.name[at.index(length)] = byte;
            }
            Self::Pointer(at) => {
                query.name.truncate(at.index(query.name.len()));
                query.name.extend([0xc0, 12]);
            }
            Self::Behind(bytes) => query.behind.resize(bytes, 0),
            Self::Options { kind, claimed, data } => {
                query.additional = 1;
                query.behind.extend([0, 0, kind, 4, 208, 0, 0, 0, 0, 0, claimed]);
                query.behind.extend(vec![7; data.into()]);
            }
        }
    }
}

/// A UDP length other than the true one.
pub(super) fn length() -> impl Strategy<Value = Option<u16>> {
    rarely(prop_oneof![0..128_u16, any::<u16>()])
}
