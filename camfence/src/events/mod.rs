//! Events: what happens to cameras and to the fence, one by one.
//!
//! What the kernel programs tell, the counters' differences and what the daemon does become an
//! [`Event`] each, which [`hub`] remembers and hands to whoever listens. Never one a packet: a first
//! contact is told once ([`contacts`]), drops are summed by destination and second ([`drops`]).

pub mod contacts;
pub mod deny;
pub mod drops;
pub mod event;
pub mod hub;
mod logfmt;

pub use event::{Event, Kind};
pub use hub::Hub;
