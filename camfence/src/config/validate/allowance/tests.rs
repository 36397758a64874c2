use std::fmt::Write;

use proptest::prelude::*;

use super::{
    super::tests::{fails, parse as config},
    *,
};

/// What an entry means, each allowance as it prints.
#[track_caller]
fn reads(text: &str) -> Vec<String> {
    let allowances = parse(text).expect(text);
    assert!(allowances.iter().all(|allowance| allowance.text == text));
    allowances.iter().map(ToString::to_string).collect()
}

#[test]
fn an_allowance_says_what_and_where_to() {
    for (text, protocol, ports, to) in [
        ("udp/123 to 192.168.1.1", Protocol::Udp, Some(123..=123), Some("192.168.1.1/32")),
        ("tcp/25 to any", Protocol::Tcp, Some(25..=25), None),
        ("tcp/1-65535 to fd00::/8", Protocol::Tcp, Some(1..=65_535), Some("fd00::/8")),
        ("udp/5000-5000  to   ::1", Protocol::Udp, Some(5_000..=5_000), Some("::1/128")),
        ("tcp to 10.0.0.0/8", Protocol::Tcp, None, Some("10.0.0.0/8")),
        ("icmp to 0.0.0.0/0", Protocol::Icmp, None, Some("0.0.0.0/0")),
        ("2 to any", Protocol::Number(2), None, None),
        ("255 to any", Protocol::Number(255), None, None),
        ("1 to any", Protocol::Number(1), None, None),
        ("6/22 to any", Protocol::Tcp, Some(22..=22), None),
        ("17 to any", Protocol::Udp, None, None),
    ] {
        let to = to.map(|net| net.parse().unwrap());
        let text = text.to_owned();
        assert_eq!(parse(&text), Ok(vec![Allowance { text, protocol, ports, to }]));
    }
}

#[test]
fn presets_are_written_out() {
    assert_eq!(reads("ntp to any"), ["udp/123 to any"]);
    assert_eq!(reads("dns to fd00::1"), ["udp/53 to fd00::1", "tcp/53 to fd00::1"]);
    for preset in PRESETS {
        let printed: Vec<_> =
            preset.to_string().split(", ").map(|one| format!("{one} to any")).collect();
        assert_eq!(reads(&format!("{} to any", preset.name)), printed);
    }
}

/// Entries that are wrong, why, and part of the hint.
const WRONG: [(&str, &str, &str); 46] = [
    ("", "this is not an allowance", "like \"udp/123 to 192.168.1.1\""),
    ("udp/123", "it does not say where to", "write \"udp/123 to any\""),
    ("ntp to", "it does not say where to", "write \"ntp to any\""),
    ("ntp any", "the word \"to\" is missing", "write \"ntp to any\""),
    ("to any", "the word \"to\" is missing", "write \"to to any\""),
    ("udp 123 to any", "this is not an allowance", "\"ntp to any\""),
    ("ntp to any other", "this is not an allowance", "\"ntp to any\""),
    ("ntp at any", "this is not an allowance", "\"ntp to any\""),
    ("udp / 123 to any", "this is not an allowance", "\"ntp to any\""),
    (" ntp to any", "there is a space at its beginning or end", "write \"ntp to any\""),
    ("ntp to any ", "there is a space at its beginning or end", "write \"ntp to any\""),
    ("UDP/123 to any", "an allowance is written in lower case", "write \"udp/123 to any\""),
    ("ntp to FD00::1", "an allowance is written in lower case", "write \"ntp to fd00::1\""),
    ("udpp/123 to any", "there is no protocol or preset \"udpp\"", "did you mean \"udp\"?"),
    ("icmpv6 to any", "there is no protocol or preset \"icmpv6\"", "did you mean \"icmp\"?"),
    ("onvfi to any", "there is no protocol or preset \"onvfi\"", "did you mean \"onvif\"?"),
    (
        "https to any",
        "there is no protocol or preset \"https\"",
        "protocols and presets: tcp, udp, icmp, ntp, dns, smtp, rtsp, onvif, or a protocol's number",
    ),
    ("/53 to any", "there is no protocol or preset \"\"", "tcp, udp"),
    ("+6 to any", "there is no protocol or preset \"+6\"", "number"),
    ("0x11 to any", "there is no protocol or preset \"0x11\"", "number"),
    ("256 to any", "there is no protocol \"256\"", "from 0 to 255"),
    ("99999999999999999999 to any", "there is no protocol \"99999999999999999999\"", "0 to 255"),
    ("47 to any", "protocol 47 is a tunnel", "dropped wherever they go"),
    ("4 to 10.0.0.1", "protocol 4 is a tunnel", "dropped wherever they go"),
    ("51 to any", "protocol 51 is an extension header", "behind it"),
    ("ntp/123 to any", "the preset \"ntp\" has its own ports", "it means udp/123"),
    ("dns/ to any", "the preset \"dns\" has its own ports", "it means udp/53, tcp/53"),
    ("icmp/8 to any", "icmp has no ports", "write \"icmp\" alone"),
    ("132/80 to any", "protocol 132 has no ports", "write \"132\" alone"),
    ("udp/ to any", "\"\" is not a port", "one number"),
    ("udp/ntp to any", "\"ntp\" is not a port", "one number"),
    ("udp/+1 to any", "\"+1\" is not a port", "one number"),
    ("udp/1,2 to any", "\"1,2\" is not a port", "one number"),
    ("udp/1- to any", "\"\" is not a port", "a range like 5000-5010"),
    ("udp/1-2-3 to any", "\"2-3\" is not a port", "a range like 5000-5010"),
    ("udp/53/54 to any", "\"53/54\" is not a port", "a range like 5000-5010"),
    ("udp/0 to any", "port \"0\" is out of range", "from 1 to 65535"),
    ("udp/65536 to any", "port \"65536\" is out of range", "from 1 to 65535"),
    ("tcp/1-65536 to any", "port \"65536\" is out of range", "from 1 to 65535"),
    ("tcp/90-80 to any", "the ports \"90-80\" end before they begin", "write 80-90"),
    ("ntp to pool.ntp.org", "\"pool.ntp.org\" is not a destination", "names are not looked up"),
    ("udp to 10.0.0.1:53", "\"10.0.0.1:53\" is not a destination", "ports belong to the protocol"),
    ("ntp to 10.0.0.0/33", "\"10.0.0.0/33\" is not a destination", "a network like"),
    ("ntp to all", "\"all\" is not a destination", "any"),
    (
        "ntp to 10.0.0.1/8",
        "\"10.0.0.1/8\" has bits set beyond its length of 8",
        "write \"10.0.0.0/8\"",
    ),
    ("ntp to fd00::1/64", "\"fd00::1/64\" has bits set beyond its length of 64", "fd00::/64"),
];

#[test]
fn what_is_no_allowance_is_explained() {
    for (entry, why, hint) in WRONG {
        let text = format!("[profile.a]\nallow = [\n\"ntp to any\",\n\"{entry}\",\n]");
        fails(&text, 4, &format!("\"{entry}\": {why}"), hint);
    }
    let problems = config("[profile.a]\nallow = [\"ntp\\tto any\"]").unwrap_err();
    assert_eq!(problems[0].what, r#""ntp\tto any": the word "to" is missing"#);
}

#[test]
fn no_header_before_the_transport_can_be_allowed() {
    let refused: Vec<u8> = (0..=255).filter(|n| parse(&format!("{n} to any")).is_err()).collect();
    let tunnels = (0..=255).filter(|&number| extension::Protocol(number).is_tunnel());
    let mut expected: Vec<u8> = tunnels.chain([0, 43, 44, 51, 60, 135, 139, 140]).collect();
    expected.sort_unstable();
    assert_eq!(refused, expected);
}

#[test]
fn a_long_mistake_makes_a_short_message() {
    for text in ["x".repeat(100_000), "x ".repeat(100_000) + "x", "X".repeat(100_000)] {
        let problem = parse(&text).unwrap_err();
        assert!(problem.what.len() < 400 && problem.hint.len() < 400, "{problem:?}");
    }
}

fn list(entries: impl Iterator<Item = String>) -> String {
    let mut text = "[profile.a]\nallow = [\n".to_owned();
    entries.for_each(|entry| writeln!(text, "\"{entry}\",").unwrap());
    text + "]"
}

#[test]
fn allowances_have_a_limit() {
    let single = |count| (1..=count).map(|port| format!("tcp/{port} to any"));
    let most = config(&list(single(MAX_ALLOWANCES))).unwrap();
    assert_eq!(most.profiles[1].allow.len(), MAX_ALLOWANCES);
    let beyond = "is one too many: a profile holds 64 allowances, presets written out";
    let what = format!("\"tcp/65 to any\" {beyond}");
    fails(&list(single(MAX_ALLOWANCES + 3)), 67, &what, "join ports");
    let with_preset = |before| single(before).chain(["smtp to any".to_owned()]);
    assert!(config(&list(with_preset(MAX_ALLOWANCES - 3))).is_ok());
    let what = format!("\"smtp to any\" {beyond}");
    fails(&list(with_preset(MAX_ALLOWANCES - 2)), 65, &what, "join ports");
    let wrong = list((0..100_000).map(|_| String::new()));
    assert_eq!(config(&wrong).unwrap_err().len(), MAX_ALLOWANCES + 1);
}

/// Entries that are right.
fn entry() -> impl Strategy<Value = String> {
    let port = 1..=u16::MAX;
    let ports = prop_oneof![
        Just(String::new()),
        port.clone().prop_map(|port| format!("/{port}")),
        (port.clone(), port).prop_map(|(a, b)| format!("/{}-{}", a.min(b), a.max(b))),
    ];
    let traffic = prop_oneof![
        ("tcp|udp|6|17", ports).prop_map(|(protocol, ports)| protocol + &ports),
        "icmp|ntp|dns|onvif|1|2|58|132|255",
    ];
    let to = prop_oneof![
        Just("any".to_owned()),
        any::<[u8; 4]>().prop_map(|bytes| std::net::Ipv4Addr::from(bytes).to_string()),
        any::<[u8; 16]>().prop_map(|bytes| std::net::Ipv6Addr::from(bytes).to_string()),
        (any::<[u8; 4]>(), 0..=32_u8).prop_map(|(bytes, len)| {
            IpNet::new(std::net::IpAddr::from(bytes), len).unwrap().trunc().to_string()
        }),
    ];
    (traffic, to).prop_map(|(traffic, to)| format!("{traffic} to {to}"))
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(
        text in "(?s)(tcp|udp|icmp|ntp|6|/|-|65536|to|any|10.0.0.1|fd00::| |é|.){0,12}"
    ) {
        if let Err(problem) = parse(&text) {
            prop_assert!(!problem.hint.is_empty());
        }
    }

    #[test]
    fn what_is_printed_means_the_same(text in entry()) {
        for allowance in parse(&text).unwrap() {
            let printed = allowance.to_string();
            let expected = Allowance { text: printed.clone(), ..allowance };
            prop_assert_eq!(parse(&printed), Ok(vec![expected]));
        }
    }
}
