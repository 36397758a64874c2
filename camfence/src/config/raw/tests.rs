use super::*;

fn problem(text: &str) -> Problem {
    parse(text, &Lines::new(text)).expect_err(text)
}

#[track_caller]
fn fails(text: &str, line: usize, what: &str, hint: &str) {
    let problem = problem(text);
    assert_eq!((problem.line, problem.what.as_str()), (Some(line), what), "{text:?}");
    assert!(problem.hint.contains(hint), "{text:?}: {}", problem.hint);
    assert!(!problem.what.contains('\n') && !problem.hint.contains('\n'), "{text:?}");
}

#[test]
fn reads_every_key_there_is() {
    let text = r#"
        [fence]
        interfaces = ["br-cam"]
        unknown = "pass"
        mode = "enforce"
        hook = "auto"
        local = ["auto"]
        max_cameras = 16
        [profile.nvr]
        local = ["192.168.1.10/32"]
        allow = ["ntp to any"]
        dns = ["pool.ntp.org"]
        port-mapping = "deny"
        rogue = "deny"
        [profile.word]
        dns = "deny"
        [[camera]]
        mac = "b0:c5:54:25:5b:0e"
        name = "driveway"
        profile = "nvr"
        addresses = ["192.168.1.31"]
        mode = "audit"
        [interface.p0]
        hook = "tc"
        unknown = "nvr"
        [metrics]
        listen = "127.0.0.1:9477"
        [page]
        listen = "[::]:9478"
        token_file = "/etc/camfence/page.token"
        changes = false
    "#;
    let raw = parse(text, &Lines::new(text)).unwrap();
    assert_eq!(raw.camera[0].0.name.as_ref(), "driveway");
    assert_eq!(raw.metrics.unwrap().0.listen.as_ref(), "127.0.0.1:9477");
    let page = raw.page.unwrap().0;
    assert_eq!(page.token_file.unwrap().as_ref(), "/etc/camfence/page.token");
    assert_eq!((page.listen.as_ref().as_str(), page.changes), ("[::]:9478", Some(false)));
    let dns: Vec<_> = raw.profile.values().map(|profile| profile.0.dns.as_ref()).collect();
    assert!(matches!(dns[0].unwrap().as_ref(), RawDns::Names(names) if names.len() == 1));
    assert!(matches!(dns[1].unwrap().as_ref(), RawDns::Word(word) if word == "deny"));
    assert_eq!(raw.fence.0.max_cameras.unwrap().into_inner(), 16);
}

#[test]
fn an_empty_file_is_a_configuration() {
    for text in ["", "\n", "# nothing\n", "\u{feff}", "[fence]"] {
        assert!(parse(text, &Lines::new(text)).is_ok(), "{text:?}");
    }
}

#[test]
fn unknown_keys_are_named_at_every_level() {
    let fence = "keys allowed here: interfaces, unknown, mode, hook, local, max_cameras";
    for (text, line, key, hint) in [
        ("x = 1", 1, "x", "keys allowed here: fence, profile, camera, interface, ledger, log,"),
        ("\n[cameras]\n", 2, "cameras", "did you mean `camera`?"),
        ("[fence]\n\ndns = 1\n", 3, "dns", fence),
        ("[fence]\r\ninterface = []\r\n", 2, "interface", "did you mean `interfaces`?"),
        ("[profile.a]\nalow = []", 2, "alow", "did you mean `allow`? keys allowed here: local,"),
        ("[profile.a]\nport_mapping = 1", 2, "port_mapping", "did you mean `port-mapping`?"),
        ("profile = { a = { x = 1 } }", 1, "x", "local, allow, dns, port-mapping, rogue"),
        ("[[camera]]\nmac = \"\"\nip = []", 3, "ip", "mac, name, profile, addresses, mode"),
        ("[interface.p0]\nmode = 1", 2, "mode", "keys allowed here: hook, unknown"),
        ("\n[interface.eth0.20]", 2, "20", "like [interface.\"eth0.20\"]"),
        ("camera = [\n{ Mac = 1 },\n]", 2, "Mac", "did you mean `mac`?"),
        ("[ledger]\nsize = 1", 2, "size", "keys allowed here: entries"),
        ("[metrics]\nport = 1", 2, "port", "keys allowed here: listen"),
    ] {
        fails(text, line, &format!("unknown key \"{key}\""), hint);
    }
    fails("[fence]\n\"a`, expected `b\\n\" = 1", 2, r#"unknown key "a`, expected `b\n""#, fence);
}

#[test]
fn wrong_types_are_shown_as_written() {
    for (text, line, what, hint) in [
        ("[fence]\ninterfaces = \"br0\"", 2, "expected a list, found \"br0\"", "[\"…\"]"),
        ("[fence]\ninterfaces = [\n\"br0\",\n3]", 4, "expected text, found 3", "quotes"),
        ("[fence]\nmax_cameras = \"x\"", 2, "expected a whole number, found \"x\"", "1024"),
        ("[fence]\nmax_cameras = 1.5", 2, "expected a whole number, found 1.5", "1024"),
        ("[fence]\nhook = true # x", 2, "expected text, found true", "quotes"),
        ("[fence]\nhook = [1,\n2]", 2, "expected text, found [1,…", "quotes"),
        ("[fence]\nhook = 1979-05-27", 2, "expected text, found 1979-05-27", "quotes"),
        ("\nfence = 3", 2, "expected a table, found 3", "[fence]"),
        ("\n[[fence]]\nhook = \"tc\"", 2, "expected a table, found [[fence]]", "single"),
        ("\n[camera]\nmac = \"x\"", 2, "expected a list, found [camera]", "[[camera]]"),
        ("metrics = [\"127.0.0.1:1\"]", 1, "expected a table, found [\"127.0.0.1:1\"]", "["),
        ("camera = [[\"m\", \"n\"]]", 1, "expected a table, found [\"m\", \"n\"]", "["),
        ("[profile]\na = 1", 2, "expected a table, found 1", "["),
        ("[interface]\np0 = 1", 2, "expected a table, found 1", "["),
        ("[profile.a]\nallow = \"ntp\"", 2, "expected a list, found \"ntp\"", "[\"…\"]"),
        ("[profile.a]\nallow = [\n1]", 3, "expected text, found 1", "quotes"),
        ("[profile.a]\nrogue = true", 2, "expected text, found true", "quotes"),
        ("[profile.a]\ndns = [\n\"a\",\n1]", 4, "expected text, found 1", "quotes"),
        ("[[camera]]\naddresses = \"::1\"", 2, "expected a list, found \"::1\"", "[\"…\"]"),
    ] {
        fails(text, line, what, hint);
    }
}

#[test]
fn dns_takes_two_types() {
    for found in ["true", "53", "1.5", "1979-05-27", "{ names = [] }"] {
        let what = format!("expected \"pass\", \"deny\" or a list of names, found {found}");
        fails(&format!("[profile.a]\n\ndns = {found}"), 3, &what, "dns = [\"pool.ntp.org\"]");
    }
}

#[test]
fn numbers_that_fit_nowhere_are_refused() {
    let nines = "9".repeat(30);
    let text = format!("[fence]\n\nmax_cameras = {nines}");
    fails(&text, 3, &format!("expected a whole number, found {nines}"), "1024");
    let nines = "9".repeat(60);
    let text = format!("[fence]\n\nmax_cameras = {nines}");
    fails(&text, 3, &format!("the number {nines} is too large"), "smaller");
}

#[test]
fn missing_keys_are_named() {
    for (text, line, key) in [
        ("\n[[camera]]\nname = \"a\"", 2, "mac"),
        ("\ncamera = [{ mac = \"a\" }]", 2, "name"),
        ("\n\n[metrics]\n", 3, "listen"),
    ] {
        fails(text, line, &format!("`{key}` is missing here"), &format!("{key} = \""));
    }
}

#[test]
fn syntax_errors_name_the_line_they_start_on() {
    for (text, line, hint) in [
        ("[fence\n", 1, "bracket"),
        ("\nname = \"x\ny = 1\n", 2, "quote"),
        ("[fence]\nhook = auto", 2, "double quotes"),
        ("[fence]\r\nlocal = [\r\n", 2, "bracket"),
        ("\nx", 2, "equals"),
        ("[fence]\nhook = \"\\q\"", 2, "quote"),
        ("[fence]\nhook = \"a\0\"", 2, "quote"),
        ("\r", 1, ""),
        ("\n=1", 2, ""),
    ] {
        let problem = problem(text);
        assert_eq!(problem.line, Some(line), "{text:?}: {problem:?}");
        assert!(problem.what.starts_with("this is not valid TOML: "), "{text:?}: {problem:?}");
        assert!(!problem.what.contains(char::is_control), "{text:?}: {problem:?}");
        assert!(problem.hint.contains(hint), "{text:?}: {problem:?}");
    }
}

#[test]
fn what_is_written_twice_is_named() {
    fails("[fence]\nhook = \"tc\"\nhook = \"tc\"", 3, "`hook` is written twice", "one of the two");
    fails("[fence]\n\n[fence]", 3, "`fence` is written twice", "one of the two");
}

#[test]
fn deep_nesting_is_said_to_be_that() {
    for text in [format!("\na = {}", "[".repeat(1_000)), format!("\n{}a = 1", "a.".repeat(1_000))] {
        let problem = problem(&text);
        assert_eq!(problem.what, "this is not a configuration: it is nested too deeply");
    }
}

#[test]
fn hostile_text_is_refused_not_followed() {
    for text in ["[".repeat(100_000), "a=".to_owned() + &"[".repeat(100_000), "a.".repeat(100_000)]
    {
        assert!(problem(&text).what.len() < 400);
    }
    let deep = format!("x = {}{}", "{a=".repeat(50_000), "}".repeat(50_000));
    assert!(problem(&deep).what.len() < 400);
    let long = format!("{} = 1", "k".repeat(1 << 19));
    assert!(problem(&long).what.len() < 400);
}
