//! What the daemon may do beyond any user: load programs and attach them, and nothing else.

use std::{fs, io, os::unix::fs::MetadataExt as _, path::Path};

use rustix::{
    fs::{AtFlags, CWD, chownat},
    io::Errno,
    process::{Resource, Rlimit, getegid, geteuid, getrlimit, setrlimit},
    thread::{
        self, CapabilitySet, CapabilitySets, capability_is_in_bounding_set,
        remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
    },
};
use thiserror::Error;

use crate::history::STATE_DIR;

/// What the daemon keeps: maps and programs, attaching them, and the pointer arithmetic in the
/// programs, which the verifier takes from nobody without the last.
const KEPT: CapabilitySet =
    CapabilitySet::BPF.union(CapabilitySet::NET_ADMIN).union(CapabilitySet::PERFMON);

/// Numbers that a capability can have.
const CAPABILITIES: u32 = 64;

/// The daemon cannot give up what it does not need.
#[derive(Debug, Error)]
#[error("cannot give up {what}: {source}")]
pub struct PrivilegeError {
    what: &'static str,
    source: io::Error,
}

/// Gives up every capability but those for the fence, for good. Capabilities belong to a thread:
/// call it before there is another.
///
/// Whoever is root stays the owner of root's files, but no longer passes where their modes let no
/// one: so what is pinned under `root` becomes root's first, and the database at `history`.
pub(super) fn reduce(root: &Path, history: &Path) -> Result<(), PrivilegeError> {
    let failed = |what| move |error: Errno| PrivilegeError { what, source: error.into() };
    if geteuid().is_root() {
        raise_memory_limit();
        own(root).map_err(|source| PrivilegeError { what: "others' pins", source })?;
        own_history(history);
    }
    set_no_new_privs(true).map_err(failed("new privileges"))?;
    let had = thread::capabilities(None).map_err(failed("capabilities"))?.permitted;
    empty_bounding_set(had).map_err(failed("the bounding set"))?;
    let kept = had & KEPT;
    let sets =
        CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
    set_capabilities(None, sets).map_err(failed("capabilities"))
}

/// Takes the others out of the bounding set. That takes a capability itself; whoever has not got it
/// has new privileges forbidden, which comes to the same.
fn empty_bounding_set(had: CapabilitySet) -> Result<(), Errno> {
    if !had.contains(CapabilitySet::SETPCAP) {
        return Ok(());
    }
    for number in 0..CAPABILITIES {
        let capability = CapabilitySet::from_bits_retain(1 << number);
        match capability_is_in_bounding_set(capability) {
            Ok(true) if !KEPT.contains(capability) => {
                remove_capability_from_bounding_set(capability)?;
            }
            Ok(_) => {}
            // Beyond the last that this kernel knows.
            Err(Errno::INVAL) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Kernels before 5.11 count maps as locked memory, and raising that limit takes a capability.
fn raise_memory_limit() {
    let unlimited = Rlimit { current: None, maximum: None };
    if getrlimit(Resource::Memlock) != unlimited {
        // Where it is refused, later kernels do without.
        let _ = setrlimit(Resource::Memlock, unlimited);
    }
}

/// Makes the database this user's, and the directory that is for nothing else. If that fails, it cannot be
/// written, which is told then.
fn own_history(path: &Path) {
    let _ = own(path);
    if path.parent() == Some(Path::new(STATE_DIR)) {
        let _ = own(Path::new(STATE_DIR));
    }
}

/// Makes everything in a directory this user's; the service may have left what is there.
fn own(path: &Path) -> io::Result<()> {
    let metadata = match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        metadata => metadata?,
    };
    if metadata.uid() != geteuid().as_raw() {
        chownat(CWD, path, Some(geteuid()), Some(getegid()), AtFlags::SYMLINK_NOFOLLOW)?;
    }
    if metadata.is_dir() {
        for entry in fs::read_dir(path)? {
            own(&entry?.path())?;
        }
    }
    Ok(())
}
