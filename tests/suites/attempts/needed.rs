//! What a camera needs, and has to go on.

mod addresses;
mod discovery;
mod incoming;
mod media;
mod services;

use camfence_tests::judge::Fixture;

/// Everything that has to get through.
pub(crate) fn all() -> Vec<Fixture> {
    [
        addresses::needed(),
        discovery::needed(),
        media::needed(),
        services::needed(),
        incoming::needed(),
    ]
    .concat()
}
