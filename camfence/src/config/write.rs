//! Replaces a file in one step: after a crash or a power cut it is the old one or the new one.

use std::{
    ffi::OsString,
    fs::{self, File, Metadata, Permissions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, PermissionsExt, fchown},
    path::{Path, PathBuf},
};

use tempfile::{Builder, NamedTempFile};

/// Mode of a file that was not there before.
const NEW_FILE_MODE: u32 = 0o644;

/// A file could not be written; the old one is still in place, unless it is only the directory
/// that could not be flushed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}", path.display())]
pub struct WriteError {
    /// What was tried.
    action: &'static str,
    /// On which path.
    path: PathBuf,
    /// What came of it.
    source: io::Error,
}

/// A file's next version, complete beside it. Dropping it leaves no trace.
#[derive(Debug)]
#[must_use = "nothing is replaced before it is committed"]
pub struct PreparedFile {
    temporary: NamedTempFile,
    target: PathBuf,
}

impl PreparedFile {
    /// Writes the text to a temporary file next to `path`, or next to what that links to, with the
    /// mode of the file there, and its owner where this process may give files away. Access control
    /// lists and hard links are not kept. It need not be on disk yet: that may take as long as the
    /// disk wants.
    pub fn prepare(path: &Path, text: &str) -> Result<Self, WriteError> {
        let (target, old) = resolve(path).map_err(fails("look up", path))?;
        let directory = target.parent().unwrap_or(Path::new("/"));
        let mut prefix = OsString::from(".");
        prefix.push(target.file_name().unwrap_or_default());
        let temporary = Builder::new()
            .prefix(&prefix)
            .tempfile_in(directory)
            .map_err(fails("create a file in", directory))?;
        fill(&temporary, text, old.as_ref()).map_err(fails("write", temporary.path()))?;
        Ok(Self { temporary, target })
    }

    /// The file that will be replaced, links resolved.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Puts the new version in the old one's place, and both on disk.
    pub fn commit(self) -> Result<(), WriteError> {
        let Self { temporary, target } = self;
        temporary.as_file().sync_all().map_err(fails("flush", temporary.path()))?;
        temporary.persist(&target).map_err(|error| fails("replace", &target)(error.error))?;
        let directory = target.parent().unwrap_or(Path::new("/"));
        // The rename itself is on disk only once the directory is.
        File::open(directory)
            .and_then(|directory| directory.sync_all())
            .map_err(fails("flush", directory))
    }
}

fn fails<'a>(action: &'static str, path: &'a Path) -> impl Fn(io::Error) -> WriteError + 'a {
    move |source| WriteError { action, path: path.to_owned(), source }
}

/// The path without links, and what is there now. A file that does not exist yet is fine; a link
/// to nowhere is not, for replacing it would turn the link into a file.
fn resolve(path: &Path) -> io::Result<(PathBuf, Option<Metadata>)> {
    match fs::canonicalize(path) {
        Ok(target) => {
            let old = fs::metadata(&target)?;
            if !old.is_file() {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
            }
            Ok((target, Some(old)))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => {
            let name = path.file_name().ok_or(error)?;
            let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            Ok((fs::canonicalize(directory.unwrap_or(Path::new(".")))?.join(name), None))
        }
        Err(error) => Err(error),
    }
}

fn fill(temporary: &NamedTempFile, text: &str, old: Option<&Metadata>) -> io::Result<()> {
    let mut file = temporary.as_file();
    file.write_all(text.as_bytes())?;
    let mode = match old {
        Some(old) => keep_owner(file, old)?,
        None => NEW_FILE_MODE,
    };
    // After the owner, for a change of owner takes bits away.
    file.set_permissions(Permissions::from_mode(mode))
}

/// Gives a file the owner and group of the old one, as far as this process may; and the mode to
/// set. A service has only files of its own to give: the group it shares with others is kept.
fn keep_owner(file: &File, old: &Metadata) -> io::Result<u32> {
    let new = file.metadata()?;
    let may_not = |result: io::Result<()>| match result {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(true),
        result => result.map(|()| false),
    };
    if new.uid() != old.uid() && !may_not(fchown(file, Some(old.uid()), Some(old.gid())))? {
        return Ok(old.mode());
    }
    if new.gid() != old.gid() && may_not(fchown(file, None, Some(old.gid())))? {
        return Ok(for_another_group(old.mode()));
    }
    Ok(old.mode())
}

/// A mode that lets the members of another group do no more than anyone.
const fn for_another_group(mode: u32) -> u32 {
    let others = (mode & 0o007) << 3;
    mode & (!0o070 | others)
}

#[cfg(test)]
mod tests;
