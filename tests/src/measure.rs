//! What the benchmark and the guard in CI measure by.
//!
//! - [`rounds`]: samples taken in turn, their medians and ratios,
//! - [`program`]: programs in the kernel, run for their time,
//! - [`own`]: the benchmark's own programs.

pub mod own;
pub mod program;
pub mod rounds;

pub use self::{
    program::Program,
    rounds::{Measurement, Series, Summary, Unit, measure},
};
