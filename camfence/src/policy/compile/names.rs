//! The names that a profile lists, as the kernel finds them.

use std::collections::BTreeMap;

use camfence_common::abi::NameRule;

use crate::config::DnsName;

/// The entries for a list of names. The kernel finds the longest entry that a name ends with and
/// no other, so that each says whether a shorter one lists the names below it.
pub(super) fn compile(listed: &[DnsName]) -> BTreeMap<Vec<u8>, NameRule> {
    let mut entries: BTreeMap<Vec<u8>, NameRule> = BTreeMap::new();
    for name in listed {
        let key = key(&name.name);
        // A name's key is at most 254 bytes.
        let len = u16::try_from(key.len()).unwrap_or(u16::MAX);
        let rule = entries.entry(key).or_insert(NameRule { len, ..NameRule::default() });
        if name.below {
            rule.below = 1;
        } else {
            rule.itself = 1;
        }
    }
    let below: Vec<Vec<u8>> =
        entries.iter().filter(|(_, rule)| rule.below != 0).map(|(key, _)| key.clone()).collect();
    for (key, rule) in &mut entries {
        if below.iter().any(|shorter| shorter.len() < key.len() && key.starts_with(shorter)) {
            (rule.itself, rule.below) = (1, 1);
        }
    }
    entries
}

/// A name from its end, each label followed by a dot.
fn key(name: &str) -> Vec<u8> {
    let mut key: Vec<u8> = name.bytes().rev().collect();
    key.push(b'.');
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> DnsName {
        match text.strip_prefix("*.") {
            Some(name) => DnsName { name: name.into(), below: true },
            None => DnsName { name: text.into(), below: false },
        }
    }

    fn rule(len: u16, itself: bool, below: bool) -> NameRule {
        NameRule { len, itself: itself.into(), below: below.into() }
    }

    #[test]
    fn a_key_is_the_name_from_its_end() {
        let entries = compile(&[name("pool.ntp.org")]);
        assert_eq!(entries, [(b"gro.ptn.loop.".to_vec(), rule(13, true, false))].into());
    }

    #[test]
    fn an_entry_says_what_shorter_ones_list() {
        let entries = compile(&[name("*.ntp.org"), name("pool.ntp.org"), name("tp.org")]);
        assert_eq!(entries[&b"gro.ptn."[..]], rule(8, false, true));
        assert_eq!(entries[&b"gro.ptn.loop."[..]], rule(13, true, true));
        assert_eq!(entries[&b"gro.pt."[..]], rule(7, true, false));
    }
}
