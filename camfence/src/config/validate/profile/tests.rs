use std::fmt::Write;

use super::{
    super::tests::{PRIVATE, fails, parse, prefixes},
    *,
};
use crate::config::Dns;

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
fn profile_names_follow_rules() {
    for word in ["drop", "pass"] {
        let what = format!(
            "a profile cannot be named \"{word}\": unknown = \"{word}\" means something else"
        );
        fails(&format!("\n[profile.{word}]"), 2, &what, "another name");
    }
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
fn guards_pass_or_deny() {
    let config = parse("[profile.a]\nport-mapping = \"deny\"\nrogue = \"pass\"").unwrap();
    let Profile { port_mapping, rogue, .. } = config.profiles[1];
    assert_eq!((port_mapping, rogue), (Guard::Deny, Guard::Pass));
    let config = parse("[profile.a]\nport-mapping = \"pass\"\nrogue = \"deny\"").unwrap();
    assert_eq!(config.profiles[1], Profile::new("a", Local::default()));
    for key in ["port-mapping", "rogue"] {
        let what = format!("{key} = \"Deny\" is neither \"pass\" nor \"deny\"");
        let hint = "did you mean \"deny\"? values: pass, deny";
        fails(&format!("[profile.a]\n{key} = \"Deny\""), 2, &what, hint);
        let what = format!("{key} = \"\" is neither \"pass\" nor \"deny\"");
        fails(&format!("[profile.a]\n{key} = \"\""), 2, &what, "values: pass, deny");
    }
}

#[test]
fn a_profile_inherits_networks_only() {
    let text = "[fence]\nlocal = []\n[profile.default]\nallow = [\"ntp to any\"]\n\
                dns = \"deny\"\n[profile.a]";
    let config = parse(text).unwrap();
    assert_eq!((config.profiles[0].allow.len(), &config.profiles[0].dns), (1, &Dns::Deny));
    let nothing = Local { prefixes: Vec::new(), auto: false };
    assert_eq!(config.profiles[1], Profile::new("a", nothing));
}
