//! `camfence top`: what goes on, on a whole screen.
//!
//! [`model`] has what is known, of one reading and the one before. [`screen`] has what is looked at, and
//! turns keys into actions. [`view`] draws both. None of them reads or changes anything else.

pub mod model;
pub mod screen;
pub mod view;
