use std::os::unix::fs::symlink;

use tempfile::{TempDir, tempdir};

use super::*;

/// A directory with `c.toml` in it, which says "old".
fn scene() -> (TempDir, PathBuf) {
    let dir = tempdir().unwrap();
    let path = dir.path().join("c.toml");
    fs::write(&path, "old").unwrap();
    (dir, path)
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap().map(Result::unwrap);
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn replaces_a_file_on_commit() {
    let (dir, path) = scene();
    let prepared = PreparedFile::prepare(&path, "new").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    assert_eq!(names(dir.path()).len(), 2);
    prepared.commit().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    assert_eq!(names(dir.path()), ["c.toml"]);
}

#[test]
fn leaves_no_trace_without_commit() {
    let (dir, path) = scene();
    drop(PreparedFile::prepare(&path, "new").unwrap());
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    assert_eq!(names(dir.path()), ["c.toml"]);
}

#[test]
fn keeps_mode_and_owner() {
    let (_dir, path) = scene();
    for mode in [0o600, 0o640, 0o666, 0o444] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let old = fs::metadata(&path).unwrap();
        PreparedFile::prepare(&path, "new").unwrap().commit().unwrap();
        let new = fs::metadata(&path).unwrap();
        assert_eq!(new.mode() & 0o7777, mode);
        assert_eq!((new.uid(), new.gid()), (old.uid(), old.gid()));
    }
}

#[test]
fn keeps_another_owner() {
    let (_dir, path) = scene();
    if std::os::unix::fs::chown(&path, Some(1), Some(2)).is_err() {
        eprintln!("skipped: only root can give files away");
        return;
    }
    PreparedFile::prepare(&path, "new").unwrap().commit().unwrap();
    let new = fs::metadata(&path).unwrap();
    assert_eq!((new.uid(), new.gid()), (1, 2));
}

#[test]
fn follows_a_link_to_its_target() {
    let (dir, path) = scene();
    let elsewhere = tempdir().unwrap();
    let link = elsewhere.path().join("link.toml");
    symlink(&path, &link).unwrap();
    let prepared = PreparedFile::prepare(&link, "new").unwrap();
    assert_eq!(prepared.target(), fs::canonicalize(&path).unwrap());
    assert_eq!(names(elsewhere.path()), ["link.toml"]);
    prepared.commit().unwrap();
    assert!(link.is_symlink());
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    assert_eq!(names(dir.path()), ["c.toml"]);
}

#[test]
fn makes_a_file_that_was_not_there() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("c.toml");
    PreparedFile::prepare(&path, "new").unwrap().commit().unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, NEW_FILE_MODE);
}

#[test]
fn refuses_what_is_no_file() {
    let (dir, path) = scene();
    let dangling = dir.path().join("dangling");
    symlink(dir.path().join("nowhere"), &dangling).unwrap();
    let missing = dir.path().join("no/such/c.toml");
    for (path, what) in [
        (dir.path(), "not a regular file"),
        (&dangling, "No such file"),
        (&missing, "No such file"),
        (&path.join("x"), "Not a directory"),
    ] {
        let error = PreparedFile::prepare(path, "new").unwrap_err().to_string();
        assert!(error.starts_with("cannot look up /") && error.contains(what), "{error}");
    }
    assert!(dangling.is_symlink());
    assert_eq!(names(dir.path()), ["c.toml", "dangling"]);
}

#[test]
fn another_group_may_no_more_than_anyone() {
    for (mode, expected) in [(0o640, 0o600), (0o664, 0o644), (0o660, 0o600), (0o755, 0o755)] {
        assert_eq!(for_another_group(mode), expected, "{mode:o}");
    }
}
