//! The pin root: a directory on a BPF file system that holds the fence while no process does.
//!
//! ```text
//! /sys/fs/bpf/camfence/
//!   current -> gN                      the generation in use
//!   gN/maps/STATE PROFILES COUNTERS …  the maps that programs name
//!   gN/maps/live                       the camera map that CAMERAS points to
//!   gN/maps/CARRIED SEEN KEPT MISSED   what generations before it counted
//!   gN/programs/outbound_xdp outbound_tc inbound_tc
//!   links/IFINDEX/PROGRAM              XDP and TCX attachments, by interface index
//!   capture                            while the programs capture; locked by whoever reads
//! ```
//!
//! A generation is a set of maps and the programs that work on it. A fence stands when `current`
//! leads to one whose STATE has an ABI number. Where maps have to be of another shape or size, the
//! next generation is made beside the one in use, the programs are replaced in their links, and
//! `current` is put on it by a rename. One with a higher number than `current` is a switch that was
//! not finished, one with a lower number is no longer needed.
//!
//! Up to ABI 2 there were no generations: `maps` and `programs` were in the root itself. Such a
//! fence is seen as generation 0.
//!
//! Attachments are filed by interface index, not by name: a renamed interface keeps its own, one
//! that was deleted and made again gets a new one, and names with a dot, which this file system
//! refuses, do not matter.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{MetadataExt as _, chown, symlink},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rustix::{
    fs::{FlockOperation, flock, statfs},
    io::Errno,
    process::geteuid,
    rand::{GetRandomFlags, getrandom},
};

use super::error::{KernelError, Result, Tried};

/// Where the fence is pinned when nobody says otherwise.
pub const DEFAULT: &str = "/sys/fs/bpf/camfence";

/// `f_type` of a BPF file system (`BPF_FS_MAGIC` in linux/magic.h).
pub(super) const BPF_FS_MAGIC: u64 = 0xcafe_4a11;

/// How long to wait for another process's change to end.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);

/// The symbolic link to the generation in use, and what it is made as before its rename.
const CURRENT: &str = "current";
const NEXT: &str = "next";
/// The symbolic link in a generation that leads nowhere, and whose target is its lineage.
const LINEAGE: &str = "lineage";
/// The directory that is there while the programs capture.
const CAPTURE: &str = "capture";
/// Directories of a generation.
const MAPS: &str = "maps";
const PROGRAMS: &str = "programs";

/// A pin root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    path: PathBuf,
}

/// A set of maps, and the programs that work on it. It may not be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    number: u64,
    directory: PathBuf,
}

/// What a reader finds under a root: as long as it stays the same, what was read belongs together.
#[derive(Debug, PartialEq, Eq)]
pub struct View {
    current: Option<Generation>,
    /// The pinned programs, by inode.
    programs: Vec<(PathBuf, u64)>,
}

impl Generation {
    /// Its number: of two, the one made later has the higher. 0 is the layout of ABI 2.
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Directory of its pinned maps.
    pub fn maps(&self) -> PathBuf {
        self.directory.join(MAPS)
    }

    /// Pin of a map.
    pub fn map(&self, name: &str) -> PathBuf {
        self.maps().join(name)
    }

    /// Directory of its pinned programs.
    pub fn programs(&self) -> PathBuf {
        self.directory.join(PROGRAMS)
    }

    /// Pin of a program.
    pub fn program(&self, name: &str) -> PathBuf {
        self.programs().join(name)
    }

    /// Makes its directories.
    pub fn create(&self) -> Result<()> {
        make(&self.maps())?;
        make(&self.programs())
    }

    /// Which counters its own go on from: as long as this is the same, what is read is never less
    /// than it was. None in one that a version made which knew of no lineages.
    pub fn lineage(&self) -> Option<String> {
        fs::read_link(self.directory.join(LINEAGE)).ok()?.into_os_string().into_string().ok()
    }

    /// Sets that of one that is being made; without one to go on from, a new one.
    pub fn set_lineage(&self, before: Option<String>) -> Result<()> {
        let path = self.directory.join(LINEAGE);
        let what = || format!("making {}", path.display());
        let lineage = before.map_or_else(new_lineage, Ok).tried(what)?;
        symlink(lineage, &path).tried(what)
    }

    /// Removes what is pinned in it. Only with the lock held.
    pub fn remove(&self) -> Result<()> {
        if self.number == 0 {
            remove_directory(&self.programs())?;
            return remove_directory(&self.maps());
        }
        remove_directory(&self.directory)
    }
}

/// Holds a lock until dropped: that on a pin root, which whoever changes the fence holds, or that of
/// who captures.
#[derive(Debug)]
pub struct Lock {
    _directory: File,
}

impl Root {
    /// The root at a path. Nothing is touched.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is anything of a fence in the directory. That one may not look is an error,
    /// not a no.
    pub fn exists(&self) -> Result<bool> {
        Ok(self.current()?.is_some() || !self.generations()?.is_empty())
    }

    /// Makes the directory, and that of the links, with the lock held. The parent must be on a BPF
    /// file system.
    pub fn create(&self) -> Result<Lock> {
        let existing = self.path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
        let file_system =
            statfs(existing).tried(|| format!("looking at {}", existing.display()))?;
        if u64::try_from(file_system.f_type).ok() != Some(BPF_FS_MAGIC) {
            return Err(KernelError::NoBpffs { path: self.path.clone() });
        }
        let lock = self.lock_made_by(|| make(&self.path))?;
        make(&self.links())?;
        Ok(lock)
    }

    /// Takes the lock, waiting a while for another process.
    pub fn lock(&self) -> Result<Lock> {
        self.lock_made_by(|| Ok(()))
    }

    /// Takes the lock on the directory, which `make` sees to. Whoever held it before may have
    /// removed the directory: then it is another one by now, and a lock on the old worth nothing.
    fn lock_made_by(&self, make: impl Fn() -> Result<()>) -> Result<Lock> {
        let start = Instant::now();
        while start.elapsed() < LOCK_PATIENCE {
            make()?;
            let directory =
                File::open(&self.path).tried(|| format!("opening {}", self.path.display()))?;
            match flock(&directory, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) if self.is(&directory) => return Ok(Lock { _directory: directory }),
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) => std::thread::sleep(Duration::from_millis(20)),
                Err(error) => {
                    return Err(error).tried(|| format!("locking {}", self.path.display()));
                }
            }
        }
        Err(KernelError::Locked { path: self.path.clone() })
    }

    /// Whether an open directory is the one at the path.
    fn is(&self, directory: &File) -> bool {
        let id = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
        let at_path = fs::metadata(&self.path).map(id).ok();
        at_path.is_some() && at_path == directory.metadata().map(id).ok()
    }

    /// Marks that the programs are about to capture, for as long as what is returned lives. None if
    /// somebody captures already. Only with the lock held.
    pub fn mark_capture(&self) -> Result<Option<Lock>> {
        let path = self.path.join(CAPTURE);
        make(&path)?;
        give_to_owner(&path)?;
        self.lock_of_capture()
    }

    /// Whether the programs capture, or did when their reader ended without putting others in their
    /// place; and in this case the mark, which nobody else takes while it is held.
    pub fn left_capture(&self) -> Result<Option<Lock>> {
        let there = self.path.join(CAPTURE).try_exists();
        if there.tried(|| format!("looking into {}", self.path.display()))? {
            self.lock_of_capture()
        } else {
            Ok(None)
        }
    }

    /// Takes the mark away. Only with the lock held.
    pub fn unmark_capture(&self) -> Result<()> {
        remove_directory(&self.path.join(CAPTURE))
    }

    fn lock_of_capture(&self) -> Result<Option<Lock>> {
        let path = self.path.join(CAPTURE);
        let directory = File::open(&path).tried(|| format!("opening {}", path.display()))?;
        match flock(&directory, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Lock { _directory: directory })),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error).tried(|| format!("locking {}", path.display())),
        }
    }

    /// Removes what camfence made under the root, and the root. Programs whose links were pinned
    /// here are detached by it.
    pub fn remove(&self) -> Result<()> {
        remove_directory(&self.links())?;
        self.unmark_capture()?;
        for generation in self.generations()? {
            generation.remove()?;
        }
        // Until the last has gone it can be tried again.
        remove_file(&self.path.join(NEXT))?;
        remove_file(&self.path.join(CURRENT))?;
        // It stays if it is a mount point, or if somebody else has something in it.
        let _ = fs::remove_dir(&self.path);
        Ok(())
    }

    /// The generation in use; none without a fence. It may be damaged, or never have been finished.
    pub fn current(&self) -> Result<Option<Generation>> {
        let path = self.path.join(CURRENT);
        let target = match fs::read_link(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let before_generations = self.generation(0);
                let maps = before_generations.maps();
                let is_there = maps.try_exists();
                let is_there = is_there.tried(|| format!("looking at {}", maps.display()))?;
                return Ok(is_there.then_some(before_generations));
            }
            target => target.tried(|| format!("reading {}", path.display()))?,
        };
        let number = target.to_str().and_then(number).ok_or_else(|| KernelError::Failed {
            what: format!("reading {}", path.display()),
            reason: format!("it leads to {}", target.display()),
            errno: None,
        })?;
        Ok(Some(self.generation(number)))
    }

    /// The generation in use, or that there is no fence.
    pub fn in_use(&self) -> Result<Generation> {
        self.current()?.ok_or_else(|| KernelError::Down { path: self.path.clone() })
    }

    /// All generations that are there, those with lower numbers first.
    pub fn generations(&self) -> Result<Vec<Generation>> {
        let mut numbers: Vec<_> = names_in(&self.path)?
            .iter()
            .filter_map(|name| if name == MAPS { Some(0) } else { number(name) })
            .collect();
        numbers.sort_unstable();
        Ok(numbers.into_iter().map(|number| self.generation(number)).collect())
    }

    /// The generation to make next. Nothing is made.
    pub fn next(&self) -> Result<Generation> {
        let all = self.generations()?.into_iter().chain(self.current()?);
        let last = all.map(|generation| generation.number).max();
        Ok(self.generation(last.unwrap_or(0).saturating_add(1)))
    }

    /// Has the root lead to a generation. A reader finds the one before or this one.
    pub fn make_current(&self, generation: &Generation) -> Result<()> {
        let (next, current) = (self.path.join(NEXT), self.path.join(CURRENT));
        remove_file(&next)?;
        symlink(format!("g{}", generation.number), &next)
            .tried(|| format!("making {}", next.display()))?;
        fs::rename(&next, &current).tried(|| format!("replacing {}", current.display()))
    }

    /// What is there now, for a reader to compare.
    pub fn view(&self) -> Result<View> {
        let mut programs = Vec::new();
        for generation in self.generations()? {
            let directory = generation.programs();
            for name in names_in(&directory)? {
                let path = directory.join(name);
                // One that has gone meanwhile is one less.
                if let Ok(metadata) = fs::symlink_metadata(&path) {
                    programs.push((path, metadata.ino()));
                }
            }
        }
        programs.sort_unstable();
        Ok(View { current: self.current()?, programs })
    }

    fn generation(&self, number: u64) -> Generation {
        let directory =
            if number == 0 { self.path.clone() } else { self.path.join(format!("g{number}")) };
        Generation { number, directory }
    }

    /// Directory of the pinned links.
    pub fn links(&self) -> PathBuf {
        self.path.join("links")
    }

    /// Directory of an interface's pinned links.
    pub fn links_of(&self, ifindex: u32) -> PathBuf {
        self.links().join(ifindex.to_string())
    }

    /// Pin of the link of a program on an interface.
    pub fn link(&self, ifindex: u32, program: &str) -> PathBuf {
        self.links_of(ifindex).join(program)
    }

    /// Interface indices under which links are pinned.
    pub fn linked(&self) -> Result<Vec<u32>> {
        let names = names_in(&self.links())?;
        let mut indices: Vec<u32> = names.iter().filter_map(|name| name.parse().ok()).collect();
        indices.sort_unstable();
        Ok(indices)
    }
}

/// Has what was made in a directory belong to whom the directory does: a daemon that is not root has
/// to find its way about in what root adds.
pub(super) fn give_to_owner(path: &Path) -> Result<()> {
    let what = || format!("handing over {}", path.display());
    let (Some(directory), ours) = (path.parent(), geteuid().as_raw()) else { return Ok(()) };
    let owner = fs::metadata(directory).tried(what)?;
    if owner.uid() == ours {
        return Ok(());
    }
    chown(path, Some(owner.uid()), Some(owner.gid())).tried(what)
}

/// Removes a file if it is there.
pub(crate) fn remove_file(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).tried(|| format!("removing {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// A lineage that no other has.
fn new_lineage() -> io::Result<String> {
    let mut bytes = [0; size_of::<u64>()];
    getrandom(&mut bytes, GetRandomFlags::empty())?;
    Ok(format!("{:016x}", u64::from_be_bytes(bytes)))
}

/// The number in a generation's name.
fn number(name: &str) -> Option<u64> {
    let number = name.strip_prefix('g')?.parse().ok()?;
    (number > 0 && format!("g{number}") == name).then_some(number)
}

/// What is in a directory; nothing if it is not there.
fn names_in(directory: &Path) -> Result<Vec<String>> {
    let what = || format!("listing {}", directory.display());
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.tried(what)?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry.tried(what)?.file_name().into_string().ok());
    }
    Ok(names)
}

fn make(directory: &Path) -> Result<()> {
    fs::create_dir_all(directory).tried(|| format!("making {}", directory.display()))
}

/// Removes a directory and what is in it, if it is there.
fn remove_directory(directory: &Path) -> Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).tried(|| format!("removing {}", directory.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A root on an ordinary file system, where all but making it works the same.
    fn root() -> (tempfile::TempDir, Root) {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::new(directory.path().join("camfence"));
        fs::create_dir(root.path()).unwrap();
        (directory, root)
    }

    fn made(root: &Root) -> Generation {
        let generation = root.next().unwrap();
        generation.create().unwrap();
        generation
    }

    #[test]
    fn current_is_what_was_made_so_last() {
        let (_directory, root) = root();
        assert_eq!((root.current().unwrap(), root.exists().unwrap()), (None, false));
        let first = made(&root);
        assert_eq!((root.current().unwrap(), root.exists().unwrap()), (None, true));
        root.make_current(&first).unwrap();
        let second = made(&root);
        assert_eq!(root.current().unwrap(), Some(first.clone()));
        // Somebody ended between the two steps.
        symlink("g1", root.path().join(NEXT)).unwrap();
        root.make_current(&second).unwrap();
        assert_eq!(root.current().unwrap(), Some(second.clone()));
        assert_eq!(root.generations().unwrap(), [first.clone(), second.clone()]);
        first.remove().unwrap();
        assert_eq!(root.generations().unwrap(), [second]);
        assert_eq!(root.next().unwrap().number(), 3);
    }

    #[test]
    fn the_layout_before_generations_is_generation_zero() {
        let (_directory, root) = root();
        let old = root.generation(0);
        old.create().unwrap();
        assert_eq!(root.current().unwrap(), Some(old.clone()));
        assert_eq!(old.maps(), root.path().join("maps"));
        let first = made(&root);
        assert_eq!(first.number(), 1);
        assert_eq!(root.current().unwrap(), Some(old.clone()), "not switched yet");
        root.make_current(&first).unwrap();
        assert_eq!(root.current().unwrap(), Some(first.clone()));
        old.remove().unwrap();
        assert_eq!(root.generations().unwrap(), [first]);
    }

    #[test]
    fn a_lineage_is_new_or_that_of_what_was_before() {
        let (_directory, root) = root();
        let [first, second, third] = std::array::from_fn(|_| made(&root));
        assert_eq!(first.lineage(), None);
        first.set_lineage(None).unwrap();
        second.set_lineage(first.lineage()).unwrap();
        third.set_lineage(None).unwrap();
        assert_eq!(first.lineage(), second.lineage());
        assert_ne!(first.lineage(), third.lineage());
        assert_eq!(first.lineage().unwrap().len(), 16);
    }

    #[test]
    fn a_view_changes_with_programs_and_with_the_generation() {
        let (_directory, root) = root();
        let first = made(&root);
        root.make_current(&first).unwrap();
        let mut before = root.view().unwrap();
        assert_eq!(root.view().unwrap(), before);
        let mut changed = || {
            let view = root.view().unwrap();
            view != std::mem::replace(&mut before, root.view().unwrap())
        };
        fs::write(first.program("next"), "").unwrap();
        assert!(changed());
        fs::rename(first.program("next"), first.program("outbound_tc")).unwrap();
        assert!(changed());
        let second = made(&root);
        assert!(!changed());
        root.make_current(&second).unwrap();
        assert!(changed());
    }

    #[test]
    fn only_what_is_a_generation_is_taken_for_one() {
        for (name, expected) in
            [("g1", Some(1)), ("g17", Some(17)), ("g0", None), ("g01", None), ("g", None)]
        {
            assert_eq!(number(name), expected, "{name}");
        }
        assert_eq!(number("maps"), None);
    }

    #[test]
    fn nothing_is_left_of_what_is_removed() {
        let (directory, root) = root();
        root.generation(0).create().unwrap();
        let first = made(&root);
        root.make_current(&first).unwrap();
        made(&root);
        fs::create_dir_all(root.links_of(7)).unwrap();
        root.remove().unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
