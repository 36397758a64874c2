//! The `camfence` command.
fn main() {}
