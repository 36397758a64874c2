//! The life of a fence under `camfence run`: interfaces come, go and change, and what was attached
//! is taken off behind its back.

mod broken;
mod down;
mod fixture;
mod interfaces;
mod networks;
