use std::path::Path;

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::explain::{Rule, Value};

const CONFIG: &str = r#"
[profile.tight]
local = ["192.168.1.0/25", "192.168.1.128/25", "fd00:1::/64"]
allow = ["ntp to 192.0.2.1", "tcp/25 to any", "tcp/25 to 192.0.2.1", "2 to any"]
dns = ["pool.ntp.org", "*.example.net"]
port-mapping = "deny"

[[camera]]
mac = "b0:c5:54:25:5b:0e"
name = "driveway"

[[camera]]
mac = "b0:c5:54:25:5b:0f"
name = "front door"
profile = "tight"
addresses = ["192.168.1.31"]
"#;

fn parse(words: &[&str]) -> Result<Question, Problem> {
    Question::parse(&words.iter().map(ToString::to_string).collect::<Vec<_>>(), None)
}

fn answer(config: &str, words: &[&str]) -> Explanation {
    let config = Config::parse(Path::new("test.toml"), config).unwrap();
    parse(words).unwrap().answer(&config).unwrap()
}

fn rule(key: &'static str, value: &str, profile: &str) -> Rule {
    Rule { key, value: Value::One(value.into()), profile: Some(profile.into()) }
}

#[test]
fn every_mistake_names_what_was_read_and_what_was_expected() {
    let cases: [(&[&str], &str, &str); 18] = [
        (&["driveway"], "are needed", "camfence explain driveway to"),
        (&["driveway", "to"], "are needed", "camfence explain driveway to"),
        (&["driveway", "at", "8.8.8.8"], "\"at\" is neither \"to\" nor \"from\"", "to 8.8.8.8"),
        (&["driveway", "to", "8.8.8"], "\"8.8.8\" is not an address", "like 8.8.8.8"),
        (&["driveway", "to", "example.org"], "\"example.org\" is not", "not looked up"),
        (&["driveway", "to", "10.0.0.0/8"], "\"10.0.0.0/8\" is a network", "an address in it"),
        (&["driveway", "to", "::1", "udpp"], "no protocol or preset \"udpp\"", "\"udp\""),
        (&["driveway", "to", "::1", "UDP/53"], "\"UDP\"", "did you mean \"udp\""),
        (&["driveway", "to", "::1", "udp/0"], "port \"0\" is out of range", "1 to 65535"),
        (&["driveway", "to", "::1", "udp/1-2"], "\"udp/1-2\" is a range", "write udp/1"),
        (&["driveway", "to", "::1", "icmp/8"], "icmp has no ports", "alone"),
        (&["driveway", "to", "::1", "256"], "no protocol \"256\"", "0 to 255"),
        (&["driveway", "to", "::1", "43"], "protocol 43 is an extension header", "behind it"),
        (&["driveway", "to", "::1", "dns"], "\"dns\" stands for several: udp/53, tcp/53", "one"),
        (&["driveway", "to", "::1", "udp/53", "x"], "\"x\" is too much", "asking NAME"),
        (&["driveway", "to", "::1", "asking"], "no name behind it", "asking pool.ntp.org"),
        (&["driveway", "to", "::1", "asking", "*.a.b"], "\"*.a.b\" is not one name", "pool.ntp"),
        (&["driveway", "to", "::1", "tcp/80", "asking", "a.b"], "\"asking a.b\"", "udp/53"),
    ];
    for (words, what, hint) in cases {
        let problem = parse(words).expect_err(&words.join(" "));
        assert!(problem.what.contains(what), "{words:?}: {problem:?}");
        assert!(problem.hint.contains(hint), "{words:?}: {problem:?}");
    }
    assert!(parse(&["a", "from", "::1", "asking", "a.b"]).is_err());
    let words = ["a", "to", "::1"].map(String::from);
    assert!(Question::parse(&words, "10.0.0.1".parse().ok()).is_err());
    let words = ["a", "from", "::1"].map(String::from);
    assert!(Question::parse(&words, "::2".parse().ok()).is_err());
}

#[test]
fn a_device_that_is_not_there_is_an_error_and_the_closest_is_suggested() {
    let config = Config::parse(Path::new("test.toml"), CONFIG).unwrap();
    for (device, what, hint) in [
        ("drivway", "no camera has the name or MAC \"drivway\"", "did you mean \"driveway\"?"),
        ("ff:ff:ff:ff:ff:ff", "is the broadcast address", "label"),
    ] {
        let error = parse(&[device, "to", "::1"]).unwrap().answer(&config).unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
        assert!(error.hint().unwrap().contains(hint), "{error:?}");
    }
}

#[test]
fn the_local_network_that_decides_is_told_as_it_is_written() {
    let answer = answer(CONFIG, &["front door", "to", "192.168.1.200", "tcp/80"]);
    assert_eq!(answer.rule, Some(rule("local", "192.168.1.128/25", "tight")));
}

#[test]
fn the_allowance_that_decides_is_the_first_that_would_alone() {
    let to = |words: &[&str]| answer(CONFIG, &[&["b0:c5:54:25:5b:0f", "to"], words].concat()).rule;
    assert_eq!(to(&["192.0.2.1", "ntp"]), Some(rule("allow", "ntp to 192.0.2.1", "tight")));
    assert_eq!(to(&["192.0.2.1", "tcp/25"]), Some(rule("allow", "tcp/25 to any", "tight")));
    assert_eq!(to(&["192.0.2.1", "2"]), Some(rule("allow", "2 to any", "tight")));
    let from = answer(CONFIG, &["front door", "from", "203.0.113.9", "tcp/25"]);
    assert_eq!(from.rule, Some(rule("allow", "tcp/25 to any", "tight")));
}

#[test]
fn what_is_outside_is_told_with_the_nearest_allowance() {
    for (words, nearest) in [
        (["192.0.2.1", "udp/124"], "the nearest is \"ntp to 192.0.2.1\": it has another port"),
        (["192.0.2.9", "udp/123"], "the nearest is \"ntp to 192.0.2.1\": it has another address"),
    ] {
        let answer = answer(CONFIG, &[&["front door", "to"], &words[..]].concat());
        assert_eq!(answer.reason, Some(Reason::NotLocal));
        assert_eq!(answer.notes, ["none of its 4 allowances fits", nearest]);
    }
}

#[test]
fn what_was_not_said_is_assumed_and_told() {
    let note = |words: &[&str]| answer(CONFIG, words).notes.into_iter().next();
    let tcp = note(&["driveway", "to", "10.0.0.1"]);
    assert_eq!(tcp.as_deref(), Some("no protocol was given: taken as tcp, port 40000"));
    let port = note(&["driveway", "from", "10.0.0.1", "udp"]);
    assert_eq!(port.as_deref(), Some("no port was given: taken as port 40000"));
    assert_eq!(note(&["driveway", "to", "10.0.0.1", "udp/1"]), None);
    let query = answer(CONFIG, &["driveway", "to", "10.0.0.1", "asking", "a.b"]);
    assert!(query.frame.starts_with("udp ") && query.frame.ends_with(":53"), "{query:?}");
}

#[test]
fn names_are_let_through_as_the_list_says() {
    for (name, reason) in [
        ("pool.ntp.org", Reason::Local),
        ("POOL.ntp.org.", Reason::Local),
        ("a.b.example.net", Reason::Local),
        ("example.net", Reason::Dns),
        ("example.org", Reason::Dns),
    ] {
        let words = ["front door", "to", "192.168.1.1", "udp/53", "asking", name];
        assert_eq!(answer(CONFIG, &words).reason, Some(reason), "{name}");
    }
}

#[test]
fn a_bound_camera_sends_from_what_is_bound_and_may_ask_for_an_address() {
    let dhcp = answer(CONFIG, &["front door", "to", "255.255.255.255", "udp/67"]);
    assert_eq!(dhcp.reason, Some(Reason::OnLink));
    assert!(dhcp.frame.contains("192.168.1.31"), "{dhcp:?}");
    let other = answer(CONFIG, &["front door", "to", "2001:db8:5::1", "tcp/443"]);
    assert_eq!(other.reason, Some(Reason::Spoof));
    let value = Value::List(vec!["192.168.1.31".into()]);
    assert_eq!(other.rule, Some(Rule { key: "addresses", value, profile: None }));
    assert!(other.notes[0].contains("no address of this family is bound"), "{other:?}");
}

#[test]
fn unknown_devices_are_judged_as_the_fence_says() {
    let stranger = ["02:00:00:00:00:99", "to", "8.8.8.8", "udp/53"];
    let with = |unknown: &str| {
        answer(
            &format!(
                "[fence]\nunknown = \"{unknown}\"\n[interface.p0]\nunknown = \"pass\"\n{CONFIG}"
            ),
            &stranger,
        )
    };
    let passed = answer(CONFIG, &stranger);
    assert_eq!((passed.verdict(), passed.reason, passed.profile), ("bystander", None, None));
    let sealed = with("drop");
    assert_eq!((sealed.verdict(), sealed.reason), ("drop", Some(Reason::Sealed)));
    assert_eq!(sealed.rule.unwrap().to_string(), "unknown = \"drop\"");
    assert!(sealed.notes[1].contains("on p0 it is otherwise: unknown = \"pass\""));
    let judged = with("tight");
    assert_eq!((judged.reason, judged.profile.as_deref()), (Some(Reason::Dns), Some("tight")));
}

#[test]
fn an_audited_drop_says_that_it_passes() {
    let config = format!("[fence]\nmode = \"audit\"\n{CONFIG}");
    let answer = answer(&config, &["driveway", "to", "8.8.8.8", "udp/1"]);
    assert_eq!((answer.verdict(), answer.outcome()), ("drop", "audited"));
    assert!(answer.to_string().contains("would be dropped, and passes"), "{answer}");
}

proptest! {
    #[test]
    fn any_words_are_read_or_refused(words in vec(".{0,20}", 0..7)) {
        let _ = Question::parse(&words, None);
    }

    /// By an unbound camera without guards, words decide as the addresses and ports in them do.
    #[test]
    fn every_protocol_and_address_has_an_answer(
        v6: bool, peer: u128, protocol: u8, inbound: bool,
    ) {
        let peer = if v6 {
            IpAddr::V6(peer.into())
        } else {
            IpAddr::V4(u32::try_from(peer & 0xffff_ffff).unwrap().into())
        };
        let way = if inbound { "from" } else { "to" };
        let words = ["driveway", way, &peer.to_string(), &protocol.to_string()];
        if parse(&words).is_ok() {
            let answer = answer(CONFIG, &words);
            prop_assert!(answer.reason.is_some_and(|reason| reason != Reason::Malformed), "{answer}");
        }
    }
}
