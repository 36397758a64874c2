use std::{collections::BTreeMap, fmt::Write};

use camfence_common::{limits::MAX_LOCAL_PREFIXES, mac::Mac};

use super::*;
use crate::config::{Dns, Guard, Hook, Interface, Local, Mode, Profile, Unknown};

pub(super) fn parse(text: &str) -> Result<Config, Vec<Problem>> {
    Config::parse(Path::new("camfence.toml"), text).map_err(|error| error.problems)
}

/// The one problem of this text.
#[track_caller]
pub(super) fn fails(text: &str, line: usize, what: &str, hint: &str) {
    let problems = parse(text).expect_err(text);
    assert_eq!(problems.len(), 1, "{problems:#?}");
    let problem = &problems[0];
    assert_eq!((problem.line, problem.what.as_str()), (Some(line), what));
    assert!(problem.hint.contains(hint), "{problem:?}");
}

pub(super) fn camera(mac: &str, name: &str) -> String {
    format!("[[camera]]\nmac = \"{mac}\"\nname = {name:?}\n")
}

pub(super) fn with_name(name: &str) -> String {
    format!("[[camera]]\nmac = \"b0:c5:54:25:5b:0e\"\nname = {name}\n")
}

pub(super) const PRIVATE: [&str; 4] = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"];

pub(super) fn prefixes(local: &Local) -> Vec<String> {
    local.prefixes.iter().map(ToString::to_string).collect()
}

#[test]
fn nothing_written_means_the_defaults() {
    let config = parse("").unwrap();
    assert!(config.fence.interfaces.is_empty());
    assert_eq!(config.fence.hook, Hook::Auto);
    assert_eq!(config.fence.max_cameras, 1_024);
    assert_eq!((config.fence.unknown, config.fence.mode), (Unknown::Pass, Mode::Enforce));
    assert_eq!(config.profiles, [Profile::new("default", Local::default())]);
    assert_eq!(prefixes(&config.profiles[0].local), PRIVATE);
    assert!(!config.profiles[0].local.auto);
    assert!(config.cameras.is_empty() && config.interfaces.is_empty());
    assert_eq!((config.ledger.entries, config.metrics), (16_384, None));
}

#[test]
fn what_is_written_is_understood() {
    let config = parse(
        r#"
        [fence]
        interfaces = ["br-cam", "eth0.20"]
        unknown = "drop"
        mode = "enforce"
        hook = "xdp-generic"
        local = ["192.168.1.0/24", "auto", "fd00:1::/64"]
        max_cameras = 65536
        [profile.nvr-only]
        local = ["192.168.1.10/32"]
        allow = ["udp/123 to 192.168.1.1", "tcp/25 to any"]
        dns = "deny"
        port-mapping = "deny"
        rogue = "pass"
        [profile.inherits]
        [[camera]]
        mac = "B0-C5-54-25-5B-0E"
        name = "driveway"
        profile = "nvr-only"
        addresses = ["192.168.1.31"]
        mode = "audit"
        [[camera]]
        mac = "b0:c5:54:25:5b:0f"
        name = "garden, left"
        [interface.p-guest]
        unknown = "nvr-only"
        hook = "tc"
        [metrics]
        listen = "[::1]:9477"
    "#,
    )
    .unwrap();
    assert_eq!(config.fence.interfaces, ["br-cam", "eth0.20"]);
    assert_eq!(config.fence.hook, Hook::XdpGeneric);
    assert_eq!(config.fence.max_cameras, 65_536);
    assert_eq!((config.fence.unknown, config.fence.mode), (Unknown::Drop, Mode::Enforce));
    let names: Vec<_> = config.profiles.iter().map(|profile| profile.name.as_str()).collect();
    assert_eq!(names, ["default", "inherits", "nvr-only"]);
    for inherited in &config.profiles[..2] {
        assert_eq!(prefixes(&inherited.local), ["192.168.1.0/24", "fd00:1::/64"]);
        assert!(inherited.local.auto);
    }
    assert_eq!(prefixes(&config.profiles[2].local), ["192.168.1.10/32"]);
    assert!(!config.profiles[2].local.auto);
    assert_eq!(config.profiles[1], Profile::new("inherits", config.profiles[0].local.clone()));
    let Profile { allow, dns, port_mapping, rogue, .. } = &config.profiles[2];
    assert_eq!((allow.len(), dns), (2, &Dns::Deny));
    assert_eq!((*port_mapping, *rogue), (Guard::Deny, Guard::Pass));
    let modes = config.cameras.iter().map(|camera| camera.mode);
    assert_eq!(modes.collect::<Vec<_>>(), [Mode::Audit, Mode::Enforce]);
    let expected = Interface { hook: Some(Hook::Tc), unknown: Some(Unknown::Profile(2)) };
    assert_eq!(config.interfaces, BTreeMap::from([("p-guest".to_owned(), expected)]));
    assert_eq!(config.cameras[0].mac, Mac([0xb0, 0xc5, 0x54, 0x25, 0x5b, 0x0e]));
    assert_eq!(config.profile_of(&config.cameras[0]).name, "nvr-only");
    assert_eq!(config.profile_of(&config.cameras[1]).name, "default");
    assert_eq!(config.metrics.unwrap().listen.port(), 9477);
}

#[test]
fn nothing_may_be_local() {
    let config = parse("[fence]\nlocal = []").unwrap();
    assert_eq!(config.profiles[0].local, Local { prefixes: Vec::new(), auto: false });
}

#[test]
fn cameras_beyond_max_cameras_are_refused() {
    let two = camera("b0:c5:54:25:5b:01", "a") + &camera("b0:c5:54:25:5b:02", "b");
    assert!(parse(&format!("[fence]\nmax_cameras = 2\n{two}")).is_ok());
    let what = "2 cameras are more than max_cameras = 1";
    fails(&format!("[fence]\nmax_cameras = 1\n{two}"), 7, what, "max_cameras = 2 or more");
}

#[test]
fn interface_names_are_those_linux_takes() {
    let long = "abcdefghijklmnop";
    for (written, shown, why) in [
        ("", "", "is empty"),
        (long, long, "is longer than 15 bytes"),
        (".", ".", "is reserved"),
        ("..", "..", "is reserved"),
        ("a/b", "a/b", "has a character that no interface can have"),
        ("a b", "a b", "has a character that no interface can have"),
        ("a:1", "a:1", "has a character that no interface can have"),
        ("a\\u000b", "a\\u{b}", "has a character that no interface can have"),
        ("a\\u0000", "a\\0", "has a character that no interface can have"),
    ] {
        let text = format!("[fence]\ninterfaces = [\n\"br0\",\n\"{written}\"]");
        fails(&text, 4, &format!("interface name \"{shown}\" {why}"), "ip link");
    }
    assert!(parse("[fence]\ninterfaces = [\"abcdefghijklmno\", \"eth0.20\", \"ü\"]").is_ok());
}

#[test]
fn an_interface_is_named_once() {
    let text = "[fence]\ninterfaces = [\n\"br0\",\n\"br1\",\n\"br0\"]";
    fails(text, 5, "interface \"br0\" is already on line 3", "once");
}

#[test]
fn local_networks_are_prefixes() {
    for (entry, what, hint) in [
        ("192.168.1.5/24", "has bits set beyond its length of 24", "write \"192.168.1.0/24\""),
        ("fd00:1::1/64", "has bits set beyond its length of 64", "write \"fd00:1::/64\""),
        ("192.168.1.5", "is an address, not a network", "write \"192.168.1.5/32\""),
        ("fd00::1", "is an address, not a network", "write \"fd00::1/128\""),
        ("192.168.1.0/33", "is not a network", "\"auto\""),
        ("192.168.1/24", "is not a network", "\"auto\""),
        ("10.0.0.0/", "is not a network", "\"auto\""),
        ("Auto", "is not a network", "\"auto\""),
        ("", "is not a network", "\"auto\""),
    ] {
        let what = format!("\"{entry}\" {what}");
        fails(&format!("[fence]\nlocal = [\n\"auto\",\n\"{entry}\"]"), 4, &what, hint);
        fails(&format!("[profile.a]\nlocal = [\"{entry}\"]"), 2, &what, hint);
    }
}

#[test]
fn a_list_of_networks_has_a_length_per_family() {
    let list = |v4: usize, v6: usize| {
        let mut text = "[fence]\nlocal = [\n".to_owned();
        (0..v4).for_each(|n| writeln!(text, "\"10.{n}.0.0/16\",").unwrap());
        (0..v6).for_each(|n| writeln!(text, "\"fd00:{n:x}::/32\",").unwrap());
        text + "]"
    };
    assert!(parse(&list(MAX_LOCAL_PREFIXES, MAX_LOCAL_PREFIXES)).is_ok());
    let hint = "join neighbouring networks";
    let what = "\"10.64.0.0/16\" is one too many: a list holds 64 IPv4 networks";
    fails(&list(MAX_LOCAL_PREFIXES + 3, 1), 67, what, hint);
    let what = "\"fd00:40::/32\" is one too many: a list holds 64 IPv6 networks";
    fails(&list(1, MAX_LOCAL_PREFIXES + 3), 68, what, hint);
}

#[test]
fn a_mac_is_one_device_s() {
    for (mac, what, hint) in [
        ("b0:c5:54", "\"b0:c5:54\" is not a MAC address", "b0:c5:54:25:5b:0e"),
        ("", "\"\" is not a MAC address", "six two-digit groups"),
        ("00:00:00:00:00:00", "00:00:00:00:00:00 is all zeros, which no device has", "label"),
        (
            "02:63:66:63:61:6e",
            "02:63:66:63:61:6e is kept for camfence's own test of the fence",
            "label",
        ),
        (
            "FF:FF:FF:FF:FF:FF",
            "ff:ff:ff:ff:ff:ff is the broadcast address, which means every device",
            "label",
        ),
        (
            "01-00-5E-00-00-FB",
            "01:00:5e:00:00:fb is a multicast address, which means a group of devices",
            "label",
        ),
    ] {
        fails(&camera(mac, "x"), 2, what, hint);
    }
}

#[test]
fn macs_and_names_are_used_once() {
    let text = camera("b0:c5:54:25:5b:0e", "a") + "\n" + &camera("B0-C5-54-25-5B-0E", "b");
    fails(&text, 6, "camera b0:c5:54:25:5b:0e is already on line 2", "one of the two");
    let text = camera("b0:c5:54:25:5b:01", "a") + "\n" + &camera("b0:c5:54:25:5b:02", "a");
    fails(&text, 7, "the name \"a\" is already used on line 3", "of its own");
}

#[test]
fn names_are_printable_and_no_addresses() {
    let long = "é".repeat(33);
    for (written, what, hint) in [
        ("\"\"", "the camera's name is empty".to_owned(), "driveway"),
        (
            &format!("\"{long}\"") as &str,
            format!("the name \"{long}\" is too long, 66 bytes"),
            "64 bytes",
        ),
        ("\"a\\tb\"", r#"the name "a\tb" has control characters in it"#.to_owned(), "letters"),
        (
            "\"b0-c5-54-25-5b-0e\"",
            "the name \"b0-c5-54-25-5b-0e\" reads as a MAC address".to_owned(),
            "driveway",
        ),
    ] {
        fails(&with_name(written), 3, &what, hint);
    }
    assert!(parse(&with_name(&format!("\"{}\"", "x".repeat(64)))).is_ok());
}

#[test]
fn a_camera_s_profile_exists() {
    let text = format!("{}profile = \"nvr-onyl\"\n[profile.nvr-only]", with_name("\"x\""));
    let hint = "did you mean \"nvr-only\"? profiles: default, nvr-only";
    fails(&text, 4, "there is no profile \"nvr-onyl\"", hint);
}

#[test]
fn long_hints_are_cut() {
    let mut text = with_name("\"x\"") + "profile = \"none of these\"\n";
    (0..20).for_each(|n| writeln!(text, "[profile.p{n:02}]").unwrap());
    fails(&text, 4, "there is no profile \"none of these\"", "p07, p08 and 11 more");
}

#[test]
fn a_file_of_mistakes_is_not_compared_with_every_name() {
    let mut text = String::new();
    for n in 0..=COMPARED {
        let mac = format!("b0:c5:54:00:{:02x}:{:02x}", n / 256, n % 256);
        text += &camera(&mac, &n.to_string());
        text += "profile = \"defualt\"\n";
    }
    let problems = parse(&text).unwrap_err();
    assert_eq!(problems[COMPARED - 1].hint, "did you mean \"default\"? profiles: default");
    assert_eq!(problems[COMPARED].hint, "profiles: default");
}

#[test]
fn metrics_listen_on_an_address() {
    for wrong in ["9477", "localhost:9477", "127.0.0.1", "127.0.0.1:65536", "::1:9477", ""] {
        let what = format!("\"{wrong}\" is not an address to listen on");
        fails(&format!("[metrics]\nlisten = \"{wrong}\""), 2, &what, "127.0.0.1:9477");
    }
}

#[test]
fn every_mistake_is_found_in_the_order_of_the_file() {
    let text = r#"
[[camera]]
mac = "nonsense"
name = ""
profile = "none"
addresses = ["::"]
mode = "off"
[metrics]
listen = "here"
[interface."a b"]
hook = "x"
unknown = "x"
[profile.a]
local = ["1.2.3.4"]
allow = ["ntp", "x to any"]
dns = ["a b"]
port-mapping = "x"
rogue = "x"
[fence]
unknown = "x"
mode = "x"
hook = "x"
local = ["10.0.0.1/8", "y"]
max_cameras = 0
interfaces = ["a b"]
"#;
    let lines: Vec<_> = parse(text).unwrap_err().iter().filter_map(|p| p.line).collect();
    let expected: Vec<_> = (3..=25).filter(|line| ![8, 13, 19].contains(line)).collect();
    let twice = lines.iter().zip(&lines[1..]).filter(|(a, b)| a == b).map(|(&line, _)| line);
    assert_eq!(twice.collect::<Vec<_>>(), [15, 23]);
    let mut once = lines.clone();
    once.dedup();
    assert_eq!(once, expected);
}
