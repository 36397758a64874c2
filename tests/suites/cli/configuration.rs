//! Configurations that are wrong, missing or unreadable.

use std::fs;

use anyhow::Result;

use crate::bench::{Bench, GOOD, failed_with, fails};

/// A configuration, what is said of it, and part of the hint.
fn wrong() -> Vec<(String, Vec<&'static str>, &'static str)> {
    let fence = |line: &str| format!("[fence]\ninterfaces = [\"p0\"]\n{line}\n");
    let camera = |lines: &str| format!("[fence]\ninterfaces = [\"p0\"]\n[[camera]]\n{lines}\n");
    let mac = |mac: &str| camera(&format!("mac = \"{mac}\"\nname = \"driveway\""));
    let twice =
        |mac: &str, name: &str| format!("{GOOD}\n[[camera]]\nmac = \"{mac}\"\nname = \"{name}\"\n");
    let profile = |line: &str| format!("[fence]\ninterfaces = [\"p0\"]\n[profile.a]\n{line}\n");
    vec![
        ("fenec = 1\n".into(), vec![":1:", "fenec"], "fence"),
        (fence("hok = \"tc\""), vec![":3:", "hok"], "hook"),
        (fence("hook = \"tcx\""), vec![":3:", "tcx"], "tc"),
        (fence("unknown = \"dorp\""), vec![":3:", "unknown", "dorp"], "drop"),
        (fence("mode = \"Audit\""), vec![":3:", "Audit"], "audit"),
        (fence("max_cameras = 0"), vec![":3:", "max_cameras = 0"], "65536"),
        (fence("local = [\"192.168.1.1/24\"]"), vec![":3:", "192.168.1.1/24"], "192.168.1.0/24"),
        (fence("local = [\"fd00::1/64\"]"), vec![":3:", "fd00::1/64"], "fd00::/64"),
        (fence("local = [\"home\"]"), vec![":3:", "home"], ""),
        (fence("local = \"auto\""), vec![":3:"], ""),
        (profile("locl = []"), vec![":4:", "locl"], "local"),
        (profile("allow = [\"udp/0 to any\"]"), vec![":4:", "udp/0 to any"], "65535"),
        (profile("allow = [\"npt to any\"]"), vec![":4:", "npt to any"], "ntp"),
        (profile("dns = [\"a..b\"]"), vec![":4:", "a..b"], "dot"),
        (profile("dns = true"), vec![":4:", "true"], "dns = "),
        (profile("rogue = \"no\""), vec![":4:", "rogue"], "deny"),
        (
            camera("mac = \"b0:c5:54:25:5b:0e\"\nname = \"a\"\naddresses = [\"10.0.0.1/8\"]"),
            vec![":6:", "10.0.0.1/8"],
            "10.0.0.0/8",
        ),
        ("[interface.p0]\nunknown = \"x\"\n".into(), vec![":2:", "unknown"], "default"),
        (
            camera("mac = \"b0:c5:54:25:5b:0e\"\nname = \"a\"\nnmae = 1"),
            vec![":6:", "nmae"],
            "name",
        ),
        (camera("name = \"a\""), vec![":3:", "mac"], ""),
        (camera("mac = \"b0:c5:54:25:5b:0e\""), vec![":3:", "name"], ""),
        (
            camera("mac = \"b0:c5:54:25:5b:0e\"\nname = \"a\"\nprofile = \"none\""),
            vec![":6:", "none"],
            "default",
        ),
        (mac("01:00:5e:00:00:fb"), vec![":4:", "multicast"], ""),
        (mac("00:00:00:00:00:00"), vec![":4:", "zeros"], ""),
        (mac("ff:ff:ff:ff:ff:ff"), vec![":4:", "broadcast"], ""),
        (mac("garbage"), vec![":4:", "garbage"], "b0:c5:54:25:5b:0e"),
        (twice("b0:c5:54:25:5b:0e", "b"), vec![":10:", "line 6"], ""),
        (twice("b0:c5:54:25:5b:1f", "driveway"), vec![":11:", "line 7"], ""),
        ("[metrics]\nlisten = \"9477\"\n".into(), vec![":2:", "9477"], "127.0.0.1:9477"),
        ("[metrics]\nlistn = \"127.0.0.1:9477\"\n".into(), vec![":2:", "listn"], "listen"),
        ("[fence\n".into(), vec![":1:"], ""),
        ("[fence]\ninterfaces = [\"p0\", \"p0\"]\n".into(), vec![":2:", "already"], "once"),
    ]
}

#[test]
fn a_wrong_configuration_is_refused_and_what_stands_stays() -> Result<()> {
    let bench = Bench::new()?;
    let camfence = bench.camfence("")?;
    for (text, ..) in wrong() {
        camfence.configure(&text)?;
        assert_eq!(camfence.run(["up"])?.code, Some(1), "{text}");
    }
    bench.is_untouched()?;
    camfence.configure(GOOD)?;
    camfence.run(["up"])?.success()?;
    let before = (bench.pins()?, camfence.json(["status"])?);
    for (text, what, hint) in wrong() {
        camfence.configure(&text)?;
        let path = camfence.config_path();
        let path = path.to_string_lossy();
        let what: Vec<_> = what.into_iter().chain([&*path]).collect();
        for verb in ["up", "reload", "check", "list", "status"] {
            fails(&camfence.run([verb])?, &what, Some(hint));
        }
        fails(&camfence.run(["replay", "/dev/null"])?, &what, Some(hint));
        assert_eq!(fs::read_to_string(camfence.config_path())?, text);
    }
    camfence.configure(GOOD)?;
    assert_eq!((bench.pins()?, camfence.json(["status"])?), before);
    Ok(())
}

#[test]
fn a_check_in_json_says_what_is_wrong() -> Result<()> {
    let bench = Bench::new()?;
    let camfence = bench.camfence("[fence]\nhok = 1\n")?;
    let outcome = camfence.run(["check", "--json"])?;
    failed_with(&outcome, &["hok"], Some("hook"));
    let printed: serde_json::Value = serde_json::from_str(&outcome.stdout)?;
    assert_eq!(printed["ok"], false);
    assert_eq!(printed["problems"][0]["line"], 2);
    Ok(())
}

#[test]
fn a_check_says_when_nothing_is_dropped() -> Result<()> {
    let bench = Bench::new()?;
    let text = "[fence]\nmode = \"audit\"\nunknown = \"guests\"\n[profile.guests]\n";
    let camfence = bench.camfence(text)?;
    let printed = camfence.json(["check"])?;
    assert_eq!((&printed["mode"], &printed["unknown"]), (&"audit".into(), &"guests".into()));
    let outcome = camfence.run(["check"])?;
    assert!(outcome.stdout.contains("nothing is dropped: mode = \"audit\""), "{outcome:#?}");
    Ok(())
}

#[test]
fn a_configuration_that_cannot_be_read_is_refused() -> Result<()> {
    let bench = Bench::new()?;
    let camfence = bench.camfence(GOOD)?;
    let path = camfence.config_path();
    let shown = path.to_string_lossy();
    let verbs: [&[&str]; 6] = [
        &["up"],
        &["reload"],
        &["status"],
        &["check"],
        &["add", "b0:c5:54:25:5b:1f", "--name", "garage"],
        &["remove", "driveway"],
    ];
    let all = |what: &str, hint: &str| -> Result<()> {
        for verb in verbs {
            fails(&camfence.run(verb)?, &[&shown, what], Some(hint));
        }
        Ok(())
    };
    fs::remove_file(&path)?;
    all("there is no such file", "--config")?;
    assert!(!path.exists(), "`add` made a configuration");
    fs::create_dir(&path)?;
    all("is a directory", "name the file")?;
    fs::remove_dir(&path)?;
    fs::write(&path, b"[fence]\nname = \"\xff\xfe\"\n")?;
    all("not UTF-8", "UTF-8")?;
    bench.is_untouched()
}
