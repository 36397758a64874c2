//! `camfence doctor`: looks at the machine, the configuration and the fence, and says what is not
//! as it should be and what to do.
//!
//! [`gather`] looks and judges nothing; what it saw is [`seen::Seen`], plain data. The checks are
//! functions of that data; [`registry`] lists them. [`finding::Report`] is what they come to.

mod checks;
pub mod finding;
pub mod gather;
pub mod registry;
pub mod seen;

pub use finding::{Finding, Level, Report};
pub use registry::Check;
