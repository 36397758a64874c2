//! A log file: appended to, and kept below a size.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

/// Its owner writes it, and its group may read it.
const MODE: u32 = 0o640;

/// A log file, whether or not it is open.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    max_size: u64,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    size: u64,
    /// Whether the last line has no end: the disk was full.
    is_torn: bool,
}

impl LogFile {
    /// The file at a path. Nothing is touched yet.
    pub(super) const fn new(path: PathBuf, max_size: u64) -> Self {
        Self { path, max_size, open: None }
    }

    /// Appends a line. At its largest size the file is renamed, in place of the one that was before.
    pub(super) fn write(&mut self, line: &[u8]) -> io::Result<()> {
        let open = self.opened()?;
        if open.size > 0 && open.size + line.len() as u64 > self.max_size {
            fs::rename(&self.path, predecessor(&self.path))?;
        }
        self.opened()?.append(line)
    }

    /// The file that is at the path now: somebody may have renamed or removed the one that was.
    fn opened(&mut self) -> io::Result<&mut Open> {
        let kept = self.open.take().filter(|open| open.is_at(&self.path));
        let open = kept.map_or_else(|| Open::at(&self.path), Ok)?;
        Ok(self.open.insert(open))
    }
}

impl Open {
    fn at(path: &Path) -> io::Result<Self> {
        let is_new = !path.exists();
        let file = OpenOptions::new().append(true).create(true).mode(MODE).open(path)?;
        if is_new {
            // Whatever the umask took away.
            file.set_permissions(Permissions::from_mode(MODE))?;
        }
        let size = file.metadata()?.len();
        Ok(Self { file, size, is_torn: false })
    }

    fn is_at(&self, path: &Path) -> bool {
        let id = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
        let at_path = fs::metadata(path).map(id).ok();
        at_path.is_some() && at_path == self.file.metadata().map(id).ok()
    }

    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        if self.is_torn {
            self.file.write_all(b"\n")?;
            self.is_torn = false;
        }
        let before = self.size;
        let written = self.file.write_all(line);
        self.size = self.file.metadata()?.len();
        self.is_torn = written.is_err() && self.size != before;
        written
    }
}

/// What the file is renamed to.
fn predecessor(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".1");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &Path) -> Vec<String> {
        fs::read_to_string(path).unwrap().lines().map(Into::into).collect()
    }

    #[test]
    fn it_is_appended_to_and_private() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deny.log");
        for text in ["one\n", "two\n"] {
            LogFile::new(path.clone(), 1_000).write(text.as_bytes()).unwrap();
        }
        assert_eq!(lines(&path), ["one", "two"]);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
    }

    #[test]
    fn it_stays_below_its_size_and_one_predecessor_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deny.log");
        let mut file = LogFile::new(path.clone(), 100);
        for number in 0..35 {
            file.write(format!("line {number:04}\n").as_bytes()).unwrap();
            assert!(fs::metadata(&path).unwrap().len() <= 100);
        }
        assert_eq!((lines(&path).len(), lines(&predecessor(&path)).len()), (5, 10));
        assert_eq!(lines(&predecessor(&path))[0], "line 0020");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
    }

    #[test]
    fn one_that_was_renamed_is_made_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deny.log");
        let mut file = LogFile::new(path.clone(), 1_000);
        file.write(b"before\n").unwrap();
        fs::rename(&path, directory.path().join("deny.log-20260101")).unwrap();
        file.write(b"after\n").unwrap();
        fs::remove_file(&path).unwrap();
        file.write(b"again\n").unwrap();
        assert_eq!(lines(&path), ["again"]);
    }

    #[test]
    fn a_full_disk_is_an_error_and_no_end() {
        let mut full = LogFile::new("/dev/full".into(), u64::MAX);
        assert!(full.write(b"line\n").is_err());
        assert!(full.write(b"line\n").is_err());
        let mut nowhere = LogFile::new("/nonexistent/deny.log".into(), 100);
        assert!(nowhere.write(b"line\n").is_err());
    }
}
