use std::fs;

use proptest::prelude::*;

use super::*;

fn refused(path: &Path) -> Problem {
    let error = Config::load(path).unwrap_err();
    assert_eq!(error.path, path);
    assert_eq!(error.problems.len(), 1, "{error:?}");
    assert!(!error.to_string().contains('\n'));
    error.problems[0].clone()
}

#[test]
fn loads_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("camfence.toml");
    fs::write(&path, "[fence]\nhook = \"tc\"\n").unwrap();
    let config = Config::load(&path).unwrap();
    assert_eq!((config.fence.hook, config.path), (Hook::Tc, path));
}

#[test]
fn says_where_a_mistake_is() {
    let error = Config::parse(Path::new("/etc/c.toml"), "\nhuh = 1").unwrap_err();
    assert_eq!(error.to_string(), "/etc/c.toml:2: unknown key \"huh\"");
}

#[test]
fn says_why_a_file_cannot_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let missing = refused(&dir.path().join("none.toml"));
    assert_eq!((missing.line, missing.what.as_str()), (None, "there is no such file"));
    assert!(missing.hint.contains("--config"));
    assert_eq!(refused(dir.path()).what, "this is a directory, not a file");
    let through_a_file = dir.path().join("file");
    fs::write(&through_a_file, "").unwrap();
    let problem = refused(&through_a_file.join("x"));
    assert!(problem.what.starts_with("cannot read this file: "), "{problem:?}");
}

#[test]
fn says_that_permission_is_missing() {
    let error = io::Error::from(io::ErrorKind::PermissionDenied);
    assert_eq!(unreadable(&error).what, "no permission to read this file");
}

#[test]
fn refuses_what_is_not_text() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("latin1.toml");
    fs::write(&path, b"# fine\n# caf\xe9\n").unwrap();
    let problem = refused(&path);
    assert_eq!((problem.line, problem.what.as_str()), (Some(2), "this is not UTF-8 text"));
}

#[test]
fn reads_no_more_than_is_allowed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("huge.toml");
    let limit = usize::try_from(MAX_FILE_BYTES).unwrap();
    fs::write(&path, "#".repeat(limit)).unwrap();
    assert!(Config::load(&path).is_ok());
    fs::write(&path, "#".repeat(limit + 1)).unwrap();
    let too_large = format!("this file is larger than {limit} bytes");
    assert_eq!(refused(&path).what, too_large);
    assert_eq!(refused(Path::new("/dev/zero")).what, too_large);
}

#[test]
fn hooks_print_as_they_are_written() {
    assert_eq!(Hook::XdpGeneric.to_string(), "xdp-generic");
    assert_eq!(format!("{:>5}", Hook::Tc), "   tc");
}

/// Text that looks enough like a configuration to get past the first line.
fn fragments() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("[fence]\n"),
        Just("[[camera]]\n"),
        Just("[profile.a]\n"),
        Just("[metrics]\n"),
        Just("camera = ["),
        Just("]"),
        Just("{"),
        Just("}"),
        Just(", "),
        Just("mac = \"b0:c5:54:25:5b:0e\"\n"),
        Just("name = \"é\n"),
        Just("name = 'x'\r\n"),
        Just("local = [\"auto\", \"10.0.0.1/8\"]\n"),
        Just("max_cameras = 0\n"),
        Just("[interface.p0]\n"),
        Just("allow = [\"ntp to any\", \"udp/0\\n to é\"]\n"),
        Just("dns = [\"*.é\", \"a.net\\t\"]\n"),
        Just("dns = \"no\\n\"\n"),
        Just("rogue = \"\\u0000\"\n"),
        Just("addresses = [\"::\", \"10.0.0.1\"]\n"),
        Just("unknown = \"a\"\n"),
        Just("mode = \"\\r\"\n"),
        Just("\"\"\"\n"),
        Just("# é\n"),
        Just("\u{feff}"),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn holds_for(text: &str) -> Result<(), TestCaseError> {
    if let Err(error) = Config::parse(Path::new("c.toml"), text) {
        let count = text.split('\n').count();
        prop_assert!(!error.problems.is_empty());
        prop_assert_eq!(error.to_string().lines().count(), error.problems.len());
        for problem in error.problems {
            prop_assert!(problem.line.is_some_and(|line| (1..=count).contains(&line)));
            prop_assert!(!problem.hint.is_empty());
            prop_assert!(!problem.what.contains('\n') && !problem.hint.contains('\n'));
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_text_is_understood_or_refused(text in "(?s).{0,60}") {
        holds_for(&text)?;
    }

    #[test]
    fn anything_like_a_configuration_is_understood_or_refused(text in fragments()) {
        holds_for(&text)?;
    }
}
