use std::fmt::Write;

use proptest::prelude::*;

use super::{
    super::tests::{fails, parse as config},
    *,
};

fn dns(value: &str) -> Dns {
    config(&format!("[profile.a]\ndns = {value}")).unwrap().profiles[1].dns.clone()
}

#[test]
fn queries_pass_or_not_or_by_name() {
    assert_eq!(dns("\"pass\""), Dns::Pass);
    assert_eq!(dns("\"deny\""), Dns::Deny);
    let name = |name: &str, below| DnsName { name: name.to_owned(), below };
    assert_eq!(
        dns("[\"pool.ntp.org\", \"*.Example.NET.\", \"example.net\", \"_a-1\"]"),
        Dns::Only(vec![
            name("pool.ntp.org", false),
            name("example.net", true),
            name("example.net", false),
            name("_a-1", false),
        ])
    );
}

#[test]
fn names_as_long_as_can_be_are_names() {
    let label = "a".repeat(63);
    let most = [label.as_str(), &label, &label, &"a".repeat(61)].join(".");
    assert_eq!(most.len(), 253);
    for name in [most.clone(), most.clone() + ".", "*.".to_owned() + &most[2..]] {
        assert!(parse(&name).is_ok(), "{name}");
    }
    let shown = &most[..80];
    for name in ["a".to_owned() + &most, "*.".to_owned() + &most, "a.".repeat(50_000) + "a"] {
        let problem = parse(&name).unwrap_err();
        assert!(problem.what.ends_with("…\" is longer than 253 bytes"), "{problem:?}");
    }
    let problem = parse(&format!("{}.net", "a".repeat(64))).unwrap_err();
    assert!(problem.what.ends_with(" has a label of more than 63 bytes"), "{problem:?}");
    assert!(shown.starts_with(&label));
}

#[test]
fn what_is_no_name_is_explained() {
    for (entry, why, hint) in [
        ("", "is not a name", "like \"pool.ntp.org\""),
        (".", "is not a name", "like \"pool.ntp.org\""),
        ("*.", "means every name", "dns = \"pass\""),
        ("*", "means every name", "dns = \"pass\""),
        ("*..", "is not a name", "for all below it"),
        ("*.*.net", "has a * that is not all of the first label", "\"*.example.net\""),
        ("a.*.net", "has a * that is not all of the first label", "\"*.example.net\""),
        ("*a.net", "has a * that is not all of the first label", "\"*.example.net\""),
        ("a..net", "has an empty label", "one dot"),
        (".net", "has an empty label", "one dot"),
        ("a.net..", "has an empty label", "one dot"),
        ("*..net", "has an empty label", "one dot"),
        ("a b.net", "has ' ' in it", "letters, digits, - and _"),
        ("https://a.net", "has ':' in it", "letters, digits, - and _"),
        ("bücher.de", "has 'ü' in it", "xn--"),
        ("192.168.1.1", "is an address, not a name", "what local and allow say"),
        ("fd00::1", "is an address, not a name", "what local and allow say"),
    ] {
        let text = format!("[profile.a]\ndns = [\n\"a.net\",\n\"{entry}\",\n]");
        fails(&text, 4, &format!("\"{entry}\" {why}"), hint);
    }
}

#[test]
fn a_word_is_one_of_two() {
    for (word, hint) in [
        ("Deny", "did you mean \"deny\"? values: pass, deny, or a list of names"),
        ("pool.ntp.org", "values: pass, deny, or a list of names"),
        ("", "values: pass, deny, or a list of names"),
    ] {
        let what = format!("dns = \"{word}\" is neither \"pass\" nor \"deny\"");
        fails(&format!("[profile.a]\ndns = \"{word}\""), 2, &what, hint);
    }
}

#[test]
fn a_list_of_names_has_one_at_least() {
    let text = "[profile.a]\n\ndns = []";
    fails(text, 3, "the list of names is empty", "write dns = \"deny\"");
}

#[test]
fn a_name_is_listed_once() {
    let text = "[profile.a]\ndns = [\n\"a.net\",\n\"*.a.net\",\n\"A.NET.\",\n]";
    fails(text, 5, "\"A.NET.\" is already on line 3", "once");
}

#[test]
fn names_have_a_limit() {
    let list = |count: usize| {
        let mut text = "[profile.a]\ndns = [\n".to_owned();
        (0..count).for_each(|n| writeln!(text, "\"n{n}.net\",").unwrap());
        text + "]"
    };
    assert!(config(&list(MAX_DNS_NAMES)).is_ok());
    let what = "\"n64.net\" is one too many: a profile holds 64 names";
    fails(&list(MAX_DNS_NAMES + 3), 67, what, "*.example.net");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "(?s)(\\*|\\.|a|_|é|.|[a-z]{60,70}){0,12}") {
        if let Ok(name) = parse(&text) {
            prop_assert_eq!(parse(&name.to_string()), Ok(name));
        }
    }

    #[test]
    fn what_is_printed_means_the_same(text in "(\\*\\.)?[a-zA-Z_][a-zA-Z0-9_-]{0,9}(\\.[a-z]{1,9}){0,4}\\.?") {
        let name = parse(&text).unwrap();
        prop_assert_eq!(parse(&name.to_string()), Ok(name));
    }
}
