//! The configuration's text, and the language of its entries.

use std::{fmt::Write as _, path::Path};

use camfence::{
    config::{
        Allowance, Config, ConfigError, Dns, DnsName, Profile, Protocol,
        edit::{Edited, NewCamera, add_camera, remove_camera},
    },
    policy::compile::{Surroundings, compile},
};
use camfence_common::mac::Mac;

/// A camera that is added to configurations.
const PORCH: Mac = Mac([0x74, 0xda, 0x38, 0x80, 0x7a, 0x08]);

/// Reads a text as a configuration; compiles it, and adds and removes a camera, if it is one.
///
/// # Panics
/// When one of them does, when a problem has no line in the text or more than one line to say, or
/// when a changed text does not say what it should.
pub fn configuration(text: &[u8]) {
    let Ok(text) = str::from_utf8(text) else { return };
    match parse(text) {
        Err(error) => check_problems(&error, text),
        Ok(config) => {
            if let Err(error) = compile(&config, &Surroundings::default()) {
                assert!(!error.to_string().is_empty() && !error.hint().is_empty());
            }
            check_edits(&config, text);
        }
    }
}

/// Reads a line of text as an allowance and as a name.
///
/// # Panics
/// When reading does, when a problem has no line in the configuration, or when what was read
/// cannot be.
pub fn language(entry: &[u8]) {
    let Ok(entry) = str::from_utf8(entry) else { return };
    if let Some(profile) = profile_with("allow", entry) {
        assert_ne!(profile.allow.len(), 0, "{entry:?}");
        profile.allow.iter().for_each(check_allowance);
    }
    if let Some(profile) = profile_with("dns", entry) {
        let Dns::Only(names) = &profile.dns else { panic!("{:?}", profile.dns) };
        assert_eq!(names.len(), 1, "{entry:?}");
        names.iter().for_each(check_name);
    }
}

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(Path::new("fuzz.toml"), text)
}

fn check_problems(error: &ConfigError, text: &str) {
    assert_ne!(error.problems.len(), 0);
    let lines = 1..=text.lines().count().max(1);
    for problem in &error.problems {
        assert!(problem.line.is_some_and(|line| lines.contains(&line)), "{problem:?}");
        for said in [&problem.what, &problem.hint] {
            assert!(!said.is_empty() && !said.contains(char::is_control), "{problem:?}");
        }
    }
}

/// A camera that is added is the last, and without it all is as it was.
fn check_edits(config: &Config, text: &str) {
    let camera = NewCamera { mac: PORCH, name: "added porch".into(), profile: None };
    let Ok(Edited { text: more, .. }) = add_camera(text, &camera) else { return };
    let mut changed = parse(&more).expect("what was written can be read");
    let added = changed.cameras.pop().expect("it was added");
    assert_eq!((added.mac, added.name), (camera.mac, camera.name), "{more:?}");
    assert_eq!(&changed, config, "{more:?}");
    let Ok(Edited { text: less, .. }) = remove_camera(&more, PORCH) else { return };
    assert_eq!(parse(&less).as_ref(), Ok(config), "{less:?}");
}

/// The profile that a configuration describes with one entry in one list.
fn profile_with(key: &str, entry: &str) -> Option<Profile> {
    let text = format!("[profile.outside]\n{key} = [{}]\n", quoted(entry));
    match parse(&text) {
        Err(error) => {
            check_problems(&error, &text);
            None
        }
        Ok(config) => {
            compile(&config, &Surroundings::default()).expect("one entry is within the limits");
            config.profiles.into_iter().find(|profile| profile.name == "outside")
        }
    }
}

/// As a basic string in TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        if c.is_control() || c == '"' || c == '\\' {
            // A string takes everything that is written to it.
            let _ = write!(quoted, "\\U{:08x}", u32::from(c));
        } else {
            quoted.push(c);
        }
    }
    quoted + "\""
}

fn check_allowance(allowance: &Allowance) {
    if let Some(ports) = &allowance.ports {
        assert!(1 <= *ports.start() && ports.start() <= ports.end(), "{allowance:?}");
        let with_ports =
            matches!(allowance.protocol, Protocol::Tcp | Protocol::Udp | Protocol::Number(6 | 17));
        assert!(with_ports, "{allowance:?}");
    }
    assert!(allowance.to.is_none_or(|to| to == to.trunc()), "{allowance:?}");
}

fn check_name(DnsName { name, .. }: &DnsName) {
    assert!(name.len() <= 253, "{name}");
    for label in name.split('.') {
        let character = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
        assert!((1..=63).contains(&label.len()) && label.bytes().all(character), "{name}");
    }
}
