//! `camfence discover`: who is there, and who of them looks like a camera.
//!
//! [`sources`] reads frames, [`listen`] brings them, and [`heard`] keeps what they tell, within limits. What
//! the kernel knows already is added by [`gather`], which puts the steps together; [`probe`] asks, if that
//! is wanted. [`vendor`] and [`likeness`] judge, and [`report`] is what is told.

pub mod fact;
pub mod gather;
pub mod heard;
pub mod likeness;
pub mod listen;
pub mod naming;
pub mod probe;
pub mod report;
pub mod site;
pub mod sources;
pub mod vendor;

pub use gather::{DiscoverError, Inquiry, Step, discover};
pub use report::Discovery;
pub use site::Site;
