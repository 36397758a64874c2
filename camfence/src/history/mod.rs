//! What was counted, over restarts and reboots: an embedded database in one file.
//!
//! - [`books`] says what of a reading of the kernel is new since the one before: pure,
//! - [`bucket`] is the times that counts are added up over,
//! - [`store`] is the database,
//! - [`query`] joins what it has with what the kernel counted since,
//! - [`reach`] is the countries and networks that cameras tried to reach,
//! - [`writer`] is the daemon's thread that writes.

pub mod books;
pub mod bucket;
pub mod query;
pub mod reach;
pub mod store;
pub mod writer;

use std::{
    env,
    path::{Path, PathBuf},
};

use crate::config::Config;

/// Where the database is unless the configuration or [`STATE_DIR_VARIABLE`] say otherwise.
pub const STATE_DIR: &str = "/var/lib/camfence";

/// Environment variable that names another directory for it.
pub const STATE_DIR_VARIABLE: &str = "CAMFENCE_STATE_DIR";

/// The database in that directory.
const FILE: &str = "history.redb";

/// The database of a configuration.
pub fn path(config: &Config) -> PathBuf {
    config.history.path.clone().unwrap_or_else(|| {
        let directory = env::var_os(STATE_DIR_VARIABLE).unwrap_or_else(|| STATE_DIR.into());
        Path::new(&directory).join(FILE)
    })
}
