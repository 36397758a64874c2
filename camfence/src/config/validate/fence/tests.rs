use super::{
    super::tests::{camera, fails, parse},
    *,
};

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
fn entries_of_the_ledger_have_a_range() {
    for number in ["0", "1023", "-1", "1048577", "4294968320"] {
        let what = format!("entries = {number} is out of range");
        fails(&format!("[ledger]\nentries = {number}"), 2, &what, "from 1024 to 1048576");
    }
    for number in [1_024, 1_048_576] {
        let config = parse(&format!("[ledger]\nentries = {number}")).unwrap();
        assert_eq!(config.ledger.entries, number);
    }
}

#[test]
fn modes_are_known_by_name() {
    for mode in Mode::ALL {
        assert_eq!(parse(&format!("[fence]\nmode = \"{mode}\"")).unwrap().fence.mode, mode);
    }
    let text = "[fence]\nmode = \"Audit\"";
    fails(text, 2, "there is no mode \"Audit\"", "did you mean \"audit\"? modes: enforce, audit");
    let text = camera("b0:c5:54:25:5b:0e", "x") + "mode = \"off\"";
    fails(&text, 4, "there is no mode \"off\"", "modes: enforce, audit");
}

#[test]
fn a_fence_that_only_counts_has_no_camera_that_does_more() {
    let cameras = camera("b0:c5:54:25:5b:01", "a")
        + &camera("b0:c5:54:25:5b:02", "b")
        + "mode = \"audit\"\n"
        + &camera("b0:c5:54:25:5b:03", "c")
        + "mode = \"enforce\"\n";
    for (mode, expected) in [
        ("enforce", [Mode::Enforce, Mode::Audit, Mode::Enforce]),
        ("audit", [Mode::Audit, Mode::Audit, Mode::Audit]),
    ] {
        let config = parse(&format!("[fence]\nmode = \"{mode}\"\n{cameras}")).unwrap();
        let modes: Vec<_> = config.cameras.iter().map(|camera| camera.mode).collect();
        assert_eq!(modes, expected, "{mode}");
    }
}

#[test]
fn unknown_is_a_word_or_a_profile() {
    for (word, expected) in [
        ("pass", Unknown::Pass),
        ("drop", Unknown::Drop),
        ("default", Unknown::Profile(0)),
        ("guests", Unknown::Profile(1)),
    ] {
        let profiles = "[profile.nvr-only]\n[profile.guests]\n[profile.zoo]";
        let config = parse(&format!("[fence]\nunknown = \"{word}\"\n{profiles}")).unwrap();
        assert_eq!(config.fence.unknown, expected);
        assert_eq!(config.word_for(expected), word);
        let text = format!("[interface.p0]\nunknown = \"{word}\"\n{profiles}");
        assert_eq!(parse(&text).unwrap().interfaces["p0"].unknown, Some(expected));
    }
    for heading in ["fence", "interface.p0"] {
        let text = format!("[{heading}]\nunknown = \"guest\"\n[profile.guests]");
        let what = "unknown = \"guest\": there is no such profile";
        let hint = "did you mean \"guests\"? values: pass, drop, default, guests";
        fails(&text, 2, what, hint);
    }
    let what = "unknown = \"Drop\": there is no such profile";
    fails("[fence]\nunknown = \"Drop\"", 2, what, "did you mean \"drop\"?");
}

#[test]
fn an_interface_may_have_its_own_hook() {
    let config = parse("[interface.\"eth0.20\"]\nhook = \"xdp\"\n[interface.p0]").unwrap();
    let expected = Interface { hook: Some(Hook::Xdp), unknown: None };
    assert_eq!(config.interfaces["eth0.20"], expected);
    assert_eq!(config.interfaces["p0"], Interface::default());
    let text = "[interface.p0]\nhook = \"tcx\"";
    fails(text, 2, "there is no hook \"tcx\"", "did you mean \"tc\"?");
    let what = "interface name \"a/b\" has a character that no interface can have";
    fails("\n[interface.\"a/b\"]", 2, what, "ip link");
}
