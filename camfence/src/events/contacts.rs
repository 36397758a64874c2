//! Which contacts are known, so that each is told once.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasher as _, RandomState},
};

use camfence_common::flow::{Flow, FlowKey};

/// Most contacts that are known. The oldest make way, and are told again when they come again.
pub const MOST_CONTACTS: usize = 65_536;

/// The contacts that are known: camera, direction, peer, protocol and port, by a hash of 64 bits that
/// nobody outside can foresee. That two have the same is less likely than that the machine fails.
#[derive(Debug, Default)]
pub struct Contacts {
    hasher: RandomState,
    /// With when the ledger first saw it, where it is known from there and was not told since; else
    /// [`TOLD`].
    known: HashMap<u64, u64>,
    order: VecDeque<u64>,
}

const TOLD: u64 = 0;

impl Contacts {
    /// Takes those in that the ledger has. What the kernel told of their beginning may still come.
    pub fn seed<'a>(&mut self, flows: impl IntoIterator<Item = (&'a FlowKey, &'a Flow)>) {
        let mut flows: Vec<_> = flows.into_iter().collect();
        flows.sort_by_key(|(_, flow)| flow.first);
        for (key, flow) in flows {
            let contact = self.hash(key);
            // Of several reasons, the one that was first.
            if !self.known.contains_key(&contact) {
                self.remember(contact, flow.first);
            }
        }
    }

    /// Whether a contact at a time is to be told.
    pub fn is_first(&mut self, key: &FlowKey, time: u64) -> bool {
        let contact = self.hash(key);
        let Some(first) = self.known.get_mut(&contact) else {
            self.remember(contact, TOLD);
            return true;
        };
        let is_first = *first != TOLD && time <= *first;
        if is_first {
            *first = TOLD;
        }
        is_first
    }

    fn hash(&self, key: &FlowKey) -> u64 {
        self.hasher.hash_one(key.contact())
    }

    fn remember(&mut self, contact: u64, first: u64) {
        if self.order.len() >= MOST_CONTACTS
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.order.push_back(contact);
        self.known.insert(contact, first);
    }
}

#[cfg(test)]
mod tests {
    use camfence_common::{abi::Tally, reason::Reason};

    use super::*;
    use crate::events::drops::tests::key;

    fn flow(first: u64) -> Flow {
        Flow { first, last: first + 5, tally: Tally { packets: 1, bytes: 60 } }
    }

    #[test]
    fn a_contact_is_told_once_whatever_its_reason() {
        let mut contacts = Contacts::default();
        let (dropped, passed) = (key(7, Reason::NotLocal), key(7, Reason::Opened));
        assert!(contacts.is_first(&dropped, 10));
        assert!(!contacts.is_first(&dropped, 10));
        assert!(!contacts.is_first(&passed, 11));
        assert!(contacts.is_first(&key(8, Reason::NotLocal), 11));
    }

    #[test]
    fn what_the_ledger_had_is_known_but_its_beginning_can_still_be_told() {
        let mut contacts = Contacts::default();
        let (old, new) = (key(7, Reason::NotLocal), key(8, Reason::NotLocal));
        contacts.seed([
            (&old, &flow(100)),
            (&key(7, Reason::Opened), &flow(300)),
            (&new, &flow(200)),
        ]);
        assert!(!contacts.is_first(&old, 250), "evicted, and there again");
        assert!(!contacts.is_first(&key(7, Reason::Opened), 300), "another reason");
        assert!(contacts.is_first(&new, 200), "told while nobody listened");
        assert!(!contacts.is_first(&new, 200), "once");
    }

    #[test]
    fn the_oldest_make_way() {
        let mut contacts = Contacts::default();
        for number in 0..=MOST_CONTACTS {
            let number = u32::try_from(number).unwrap();
            assert!(contacts.is_first(&key(number, Reason::NotLocal), 1));
        }
        assert_eq!((contacts.known.len(), contacts.order.len()), (MOST_CONTACTS, MOST_CONTACTS));
        assert!(!contacts.is_first(&key(1, Reason::NotLocal), 2));
        assert!(contacts.is_first(&key(0, Reason::NotLocal), 2));
    }
}
