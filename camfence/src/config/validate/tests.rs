use std::fmt::Write;

use camfence_common::{limits::MAX_LOCAL_PREFIXES, mac::Mac};

use super::*;

fn parse(text: &str) -> Result<Config, Vec<Problem>> {
    Config::parse(Path::new("camfence.toml"), text).map_err(|error| error.problems)
}

/// The one problem of this text.
#[track_caller]
fn fails(text: &str, line: usize, what: &str, hint: &str) {
    let problems = parse(text).expect_err(text);
    assert_eq!(problems.len(), 1, "{problems:#?}");
    let problem = &problems[0];
    assert_eq!((problem.line, problem.what.as_str()), (Some(line), what));
    assert!(problem.hint.contains(hint), "{problem:?}");
}

fn camera(mac: &str, name: &str) -> String {
    format!("[[camera]]\nmac = \"{mac}\"\nname = {name:?}\n")
}

fn with_name(name: &str) -> String {
    format!("[[camera]]\nmac = \"b0:c5:54:25:5b:0e\"\nname = {name}\n")
}

const PRIVATE: [&str; 4] = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"];

fn prefixes(local: &Local) -> Vec<String> {
    local.prefixes.iter().map(ToString::to_string).collect()
}

#[test]
fn nothing_written_means_the_defaults() {
    let config = parse("").unwrap();
    assert!(config.fence.interfaces.is_empty());
    assert_eq!(config.fence.hook, Hook::Auto);
    assert_eq!(config.fence.max_cameras, 1_024);
    assert_eq!(config.profiles.len(), 1);
    assert_eq!(config.profiles[0].name, "default");
    assert_eq!(prefixes(&config.profiles[0].local), PRIVATE);
    assert!(!config.profiles[0].local.auto);
    assert!(config.cameras.is_empty());
    assert_eq!(config.metrics, None);
}

#[test]
fn what_is_written_is_understood() {
    let config = parse(
        r#"
        [fence]
        interfaces = ["br-cam", "eth0.20"]
        unknown = "pass"
        mode = "enforce"
        hook = "xdp-generic"
        local = ["192.168.1.0/24", "auto", "fd00:1::/64"]
        max_cameras = 65536
        [profile.nvr-only]
        local = ["192.168.1.10/32"]
        [profile.inherits]
        [[camera]]
        mac = "B0-C5-54-25-5B-0E"
        name = "driveway"
        profile = "nvr-only"
        [[camera]]
        mac = "b0:c5:54:25:5b:0f"
        name = "garden, left"
        [metrics]
        listen = "[::1]:9477"
    "#,
    )
    .unwrap();
    assert_eq!(config.fence.interfaces, ["br-cam", "eth0.20"]);
    assert_eq!(config.fence.hook, Hook::XdpGeneric);
    assert_eq!(config.fence.max_cameras, 65_536);
    let names: Vec<_> = config.profiles.iter().map(|profile| profile.name.as_str()).collect();
    assert_eq!(names, ["default", "inherits", "nvr-only"]);
    for inherited in &config.profiles[..2] {
        assert_eq!(prefixes(&inherited.local), ["192.168.1.0/24", "fd00:1::/64"]);
        assert!(inherited.local.auto);
    }
    assert_eq!(prefixes(&config.profiles[2].local), ["192.168.1.10/32"]);
    assert!(!config.profiles[2].local.auto);
    assert_eq!(config.cameras[0].mac, Mac([0xb0, 0xc5, 0x54, 0x25, 0x5b, 0x0e]));
    assert_eq!(config.profile_of(&config.cameras[0]).name, "nvr-only");
    assert_eq!(config.profile_of(&config.cameras[1]).name, "default");
    assert_eq!(config.metrics.unwrap().listen.port(), 9477);
}

#[test]
fn a_written_default_profile_is_for_its_own_cameras() {
    let text = "[profile.default]\nlocal = [\"auto\"]\n[profile.a]\n[[camera]]\n\
                mac = \"b0:c5:54:25:5b:0e\"\nname = \"x\"\nprofile = \"default\"\n";
    let config = parse(text).unwrap();
    assert!(config.profiles[0].local.auto && config.profiles[0].local.prefixes.is_empty());
    assert_eq!(prefixes(&config.profiles[1].local), PRIVATE);
    assert_eq!(config.cameras[0].profile, 0);
    assert_eq!(parse("[profile.default]").unwrap().profiles[0].local, Local::default());
}

#[test]
fn nothing_may_be_local() {
    let config = parse("[fence]\nlocal = []").unwrap();
    assert_eq!(config.profiles[0].local, Local { prefixes: Vec::new(), auto: false });
}

#[test]
fn words_of_later_versions_are_explained() {
    for (key, value, known) in [
        ("unknown", "drop", "pass"),
        ("unknown", "nvr-only", "pass"),
        ("mode", "audit", "enforce"),
        ("mode", "Enforce", "enforce"),
    ] {
        let what = format!("{key} = \"{value}\": this version knows only \"{known}\"");
        let hint = format!("write {key} = \"{known}\"");
        fails(&format!("[fence]\n\n{key} = \"{value}\""), 3, &what, &hint);
    }
}

#[test]
fn hooks_are_known_by_name() {
    for hook in Hook::ALL {
        assert_eq!(parse(&format!("[fence]\nhook = \"{hook}\"")).unwrap().fence.hook, hook);
    }
    let text = "[fence]\nhook = \"xdp_generic\"";
    fails(text, 2, "there is no hook \"xdp_generic\"", "did you mean \"xdp-generic\"?");
    fails("[fence]\nhook = \"\"", 2, "there is no hook \"\"", "hooks: auto, xdp, tc, xdp-generic");
}

#[test]
fn max_cameras_has_a_range() {
    for number in ["0", "-1", "65537", "4294967297", "9223372036854775807"] {
        let what = format!("max_cameras = {number} is out of range");
        fails(&format!("[fence]\nmax_cameras = {number}"), 2, &what, "from 1 to 65536");
    }
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
fn profile_names_follow_rules() {
    fails("\n[profile.drop]", 2, "a profile cannot be named \"drop\"", "another name");
    fails("\n[profile.\"\"]", 2, "the profile's name is empty", "name");
    fails("\n[profile.\"a\\n\"]", 2, r#"the name "a\n" has control characters in it"#, "");
}

#[test]
fn profiles_have_a_limit() {
    let profiles = |count: usize| {
        let mut text = String::new();
        // Backwards: the line is that of the last in the file, whatever its name.
        (0..count).rev().for_each(|n| writeln!(text, "[profile.p{n:03}]").unwrap());
        text
    };
    assert_eq!(parse(&profiles(MAX_PROFILES - 1)).unwrap().profiles.len(), MAX_PROFILES);
    assert!(parse(&(profiles(MAX_PROFILES - 1) + "[profile.default]")).is_ok());
    let what = "257 profiles are too many, with the default one";
    fails(&profiles(MAX_PROFILES), 256, what, "keep to 256");
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
[metrics]
listen = "here"
[profile.a]
local = ["1.2.3.4"]
[fence]
unknown = "drop"
mode = "audit"
hook = "x"
local = ["10.0.0.1/8", "y"]
max_cameras = 0
interfaces = ["a b"]
"#;
    let lines: Vec<_> = parse(text).unwrap_err().iter().filter_map(|p| p.line).collect();
    assert_eq!(lines, [3, 4, 5, 7, 9, 11, 12, 13, 14, 14, 15, 16]);
}
