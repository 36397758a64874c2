//! Where the daemon of a pin root listens, and how there comes to be only one.

use std::{
    env,
    ffi::OsStr,
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io,
    os::unix::{
        ffi::OsStrExt as _,
        fs::{
            DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, chown,
        },
    },
    path::{Path, PathBuf},
};

use rustix::{
    fs::{FlockOperation, Mode, fchmod, flock},
    io::Errno,
    net::{self, AddressFamily, SocketAddrUnix, SocketFlags, SocketType},
    process::geteuid,
};
use thiserror::Error;
use tokio::net::{UnixListener, UnixStream, unix::UCred};
use tracing::warn;

/// Where sockets are unless [`RUN_DIR_VARIABLE`] says otherwise.
pub const RUN_DIR: &str = "/run/camfence";

/// Environment variable that names another directory for sockets.
pub const RUN_DIR_VARIABLE: &str = "CAMFENCE_RUN_DIR";

/// Longest path of a socket: `sun_path` in unix(7), without its final zero.
const MAX_PATH_BYTES: usize = 107;

/// Peers that may wait to be accepted.
const BACKLOG: i32 = 1024;

/// Mode of the socket: its owner, and its group.
const SOCKET_MODE: u32 = 0o660;

/// Permissions of those who are neither owner nor group.
const OTHERS: u32 = 0o007;

/// The group that may ask, if the system has it: the package makes it.
const GROUP: &str = "camfence";

/// Where the system's own groups are.
const GROUPS: &str = "/etc/group";

/// The socket cannot be served.
#[derive(Debug, Error)]
pub enum SocketError {
    /// A daemon serves this pin root already.
    #[error("another camfence run serves {}", root.display())]
    Taken {
        /// The pin root.
        root: PathBuf,
    },
    /// The system refuses.
    #[error("cannot make the control socket {}: {source}", path.display())]
    Io {
        /// The socket, or the file beside it.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl SocketError {
    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Taken { .. } => {
                Some("stop that one first, or name another directory with --bpffs".into())
            }
            Self::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                Some("run as root".into())
            }
            Self::Io { .. } => None,
        }
    }
}

/// The socket of the daemon that serves a pin root, be there one or not.
///
/// `/sys/fs/bpf/camfence` is served at `/run/camfence/sys-fs-bpf-camfence.sock`. A `-` in the root
/// becomes `\x2d`, as in systemd's unit names; a name that is too long ends in a hash.
pub fn socket_path(root: &Path) -> PathBuf {
    let directory = env::var_os(RUN_DIR_VARIABLE).unwrap_or_else(|| RUN_DIR.into());
    in_directory(Path::new(&directory), &canonical(root))
}

fn in_directory(directory: &Path, root: &Path) -> PathBuf {
    const SUFFIX: &str = ".sock";
    let parts: Vec<String> = root
        .iter()
        .filter(|part| *part != OsStr::new("/"))
        .map(|part| part.to_string_lossy().replace('-', r"\x2d"))
        .collect();
    let mut name = parts.join("-");
    let space =
        MAX_PATH_BYTES.saturating_sub(directory.as_os_str().len() + "/".len() + SUFFIX.len());
    if name.len() > space {
        let hash = format!("-{:016x}", fnv1a(root.as_os_str().as_bytes()));
        name.truncate(name.floor_char_boundary(space.saturating_sub(hash.len())));
        name += &hash;
    }
    directory.join(name + SUFFIX)
}

/// A path spelled in one way only, whether or not there is something at its end.
pub(super) fn canonical(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.into());
    for existing in absolute.ancestors() {
        if let (Ok(real), Ok(rest)) = (existing.canonicalize(), absolute.strip_prefix(existing)) {
            return real.join(rest).components().collect();
        }
    }
    absolute
}

/// The hash named FNV-1a: the same in every build, which those of the standard library are not.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The socket of a pin root, served by this process until dropped.
#[derive(Debug)]
pub(super) struct Socket {
    path: PathBuf,
    listener: UnixListener,
    _lock: File,
}

impl Socket {
    /// Binds it, in place of one that a dead daemon left. Needs a tokio runtime.
    pub(super) fn bind(root: &Path) -> Result<Self, SocketError> {
        let path = socket_path(root);
        let failed = |source: io::Error| SocketError::Io { path: path.clone(), source };
        if let Some(directory) = path.parent() {
            make_directory(directory).map_err(failed)?;
        }
        let lock = lock(&path.with_extension("lock")).map_err(failed)?;
        let lock = lock.ok_or_else(|| SocketError::Taken { root: root.into() })?;
        let listener = listen(&path).map_err(failed)?;
        Ok(Self { path, listener, _lock: lock })
    }

    pub(super) fn listener(&self) -> &UnixListener {
        &self.listener
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // The lock is still held, so this is no other daemon's. Left behind it would do no harm.
        let _ = fs::remove_file(&self.path);
    }
}

fn make_directory(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o755).create(directory)?;
    // Whatever the umask took away.
    fs::set_permissions(directory, Permissions::from_mode(0o755))
}

/// Takes the lock that the living daemon holds; none if another one does. The file is never
/// removed: whoever had opened it before would then hold a lock that nobody sees.
fn lock(path: &Path) -> io::Result<Option<File>> {
    let file =
        OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn listen(path: &Path) -> io::Result<UnixListener> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    // Before it is bound, so that there is no moment in which others may connect.
    fchmod(&socket, Mode::from_raw_mode(SOCKET_MODE))?;
    net::bind(&socket, &SocketAddrUnix::new(path)?)?;
    fs::set_permissions(path, Permissions::from_mode(SOCKET_MODE))?;
    if geteuid().is_root()
        && let Some(group) = group()
        && let Err(error) = chown(path, None, Some(group))
    {
        warn!("only root may use the control socket: {error}");
    }
    net::listen(&socket, BACKLOG)?;
    UnixListener::from_std(socket.into())
}

/// The number of the group that may ask.
fn group() -> Option<u32> {
    find_group(&fs::read_to_string(GROUPS).ok()?)
}

fn find_group(groups: &str) -> Option<u32> {
    let line = groups.lines().find(|line| line.split(':').next() == Some(GROUP))?;
    line.split(':').nth(2)?.parse().ok()
}

/// Whether a peer may ask for something: root, this process's own user, and whom the kernel let
/// connect by the socket's group. It lets others too if somebody gave them leave; this does not.
pub(super) fn may_ask(stream: &UnixStream, peer: UCred) -> io::Result<bool> {
    if peer.uid() == 0 || peer.uid() == geteuid().as_raw() {
        return Ok(true);
    }
    let address = stream.local_addr()?;
    let socket = address.as_pathname().map(fs::metadata).transpose()?;
    Ok(socket.is_some_and(|socket| socket.mode() & OTHERS == 0 || socket.gid() == peer.gid()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn named(root: &str) -> PathBuf {
        in_directory(Path::new(RUN_DIR), Path::new(root))
    }

    #[test]
    fn a_root_names_its_socket() {
        let expected = Path::new("/run/camfence/sys-fs-bpf-camfence.sock");
        assert_eq!(named("/sys/fs/bpf/camfence"), expected);
    }

    #[test]
    fn a_group_is_found_by_its_whole_name() {
        let groups = "root:x:0:\ncamfence-old:x:7:\ncamfence:x:998:alice,bob\n";
        assert_eq!(find_group(groups), Some(998));
        assert_eq!(find_group("root:x:0:\n# camfence\n"), None);
        assert_eq!(find_group("camfence:x:\n"), None);
    }

    #[test]
    fn different_roots_have_different_sockets() {
        assert_ne!(named("/bpf/a-b"), named("/bpf/a/b"));
        let long = format!("/bpf/{}", "é".repeat(90));
        let (first, second) = (named(&format!("{long}/a")), named(&format!("{long}/b")));
        assert_ne!(first, second);
        assert!(first.as_os_str().len() <= MAX_PATH_BYTES);
        assert!(first.starts_with(RUN_DIR));
    }

    #[test]
    fn one_root_has_one_socket_however_it_is_spelled() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        let real = dir.path().canonicalize()?.join("real");
        fs::create_dir(&real)?;
        symlink(&real, dir.path().join("link"))?;
        for spelling in ["real/new", "link/new", "./real//new/"] {
            assert_eq!(canonical(&dir.path().join(spelling)), real.join("new"), "{spelling}");
        }
        Ok(())
    }
}
