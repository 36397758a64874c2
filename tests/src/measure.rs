//! What the benchmark and the guard in CI measure by.
//!
//! - [`rounds`]: samples taken in turn, their medians and ratios,
//! - [`program`]: programs in the kernel, run for their time,
//! - [`own`]: the benchmark's own programs,
//! - [`live`]: frames in numbers that no socket can send,
//! - [`fence`]: a fence whose programs are run, and [`frames`] to run them with,
//! - [`guard`]: what CI looks at, and [`baseline`]: what was recorded of that.

pub mod baseline;
pub mod fence;
pub mod frames;
pub mod guard;
pub mod live;
pub mod own;
pub mod program;
pub mod rounds;

pub use self::{
    fence::{Fence, Policy},
    live::Flood,
    program::Program,
    rounds::{Measurement, Series, Summary, Unit, measure, measure_together},
};
