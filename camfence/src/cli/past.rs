//! The history, for the verbs that tell of it.

use camfence::{
    config::Config,
    history::{
        self,
        store::{Reader, StoreError},
    },
    networks::Networks,
};

/// Opens the history of a configuration.
pub(crate) fn open(config: &Config) -> Result<Reader, StoreError> {
    Reader::open(&history::path(config))
}

/// The same where there is something to tell without it: that it cannot be read is said, that there is
/// none is not.
pub(crate) fn open_if_any(config: &Config) -> Option<Reader> {
    match open(config) {
        Ok(reader) => Some(reader),
        Err(StoreError::Absent { .. }) => None,
        Err(error) => {
            eprintln!("notice: without the history: {error}");
            None
        }
    }
}

/// What is known of addresses. What cannot be read is said.
pub(crate) fn networks(config: &Config) -> Networks {
    let (networks, errors) = Networks::load(&config.networks);
    for error in errors {
        eprintln!("notice: {error}");
    }
    networks
}
