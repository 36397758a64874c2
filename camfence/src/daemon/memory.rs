//! Little memory for a process that reads much at times, and mostly waits.

/// Bytes of an allocation that the system takes back as soon as it is freed. Without this, glibc puts it up
/// to the largest that ever was freed, and keeps as much.
#[cfg(target_env = "gnu")]
const RETURNED: libc::c_int = 128 * 1024;

/// Has the allocator keep little of what is freed. Before there is a second thread.
pub(super) fn keep_little() {
    #[cfg(target_env = "gnu")]
    // SAFETY: these are numbers, which the allocator takes at any time; it ignores what it does not know.
    unsafe {
        // One heap for all threads, which seldom work at the same time: each would keep its own rest.
        libc::mallopt(libc::M_ARENA_MAX, 1);
        libc::mallopt(libc::M_MMAP_THRESHOLD, RETURNED);
        libc::mallopt(libc::M_TRIM_THRESHOLD, RETURNED);
    }
}

/// Gives back what is free between what is in use. It takes milliseconds after work that took much more.
pub(super) fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it gives back whole pages that are free.
    unsafe {
        libc::malloc_trim(0);
    }
}
