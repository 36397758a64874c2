//! What people would use instead of camfence: Debian's packages, one a file. Each is started and ended
//! here, in namespaces of the benchmark's own.

pub(crate) mod xdp_filter;

use std::env;
use std::path::Path;

/// Whether a program is here: on PATH, or where only root looks.
pub(crate) fn is_here(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let places = env::split_paths(&path).chain([Path::new("/usr/sbin").to_owned()]);
    places.into_iter().any(|place| place.join(program).is_file())
}

/// What to tell of one that is missing.
pub(crate) fn missing(program: &str, package: &str) -> String {
    format!("SKIPPED: {program} is not here; it is in Debian's package {package}")
}
