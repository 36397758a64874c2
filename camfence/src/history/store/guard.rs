//! A database that panics is a damaged one.
//!
//! redb trusts what it has checked once, and a file can be damaged later: of files that were damaged at
//! random places, one in ten had it panic somewhere.

use std::{
    cell::Cell,
    panic::{self, AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::Once,
};

use super::{Result, StoreError};

thread_local! {
    /// Whether this thread's panics are told by the error that they become.
    static IS_GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Does something with the database at a path. A panic is an error, too, and nothing else is printed.
/// The caller lets go of the database after an error: whatever was being changed is thrown away.
pub(super) fn guarded<T>(
    path: &Path,
    work: impl FnOnce() -> std::result::Result<T, redb::Error>,
) -> Result<T> {
    static QUIETED: Once = Once::new();
    QUIETED.call_once(|| {
        let loud = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !IS_GUARDED.get() {
                loud(panic);
            }
        }));
    });
    let before = IS_GUARDED.replace(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    IS_GUARDED.set(before);
    match done {
        Ok(done) => done.map_err(|error| StoreError::new(path, &error)),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or_default();
            let reason = text.lines().next().unwrap_or_default().to_owned();
            Err(StoreError::Damaged { path: path.to_owned(), reason })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_damage() {
        let path = Path::new("/srv/history.redb");
        let panicked = guarded::<()>(path, || panic!("page {} is none\nat all", 7)).unwrap_err();
        assert_eq!(panicked.to_string(), "/srv/history.redb is damaged: page 7 is none");
        assert!(!IS_GUARDED.get());
    }
}
