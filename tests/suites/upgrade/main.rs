//! Other maps and other programs in the place of those that stand: nothing passes meanwhile that may
//! not, and nothing is lost.

mod damaged;
#[expect(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "the live suite's, which uses all of it"
)]
#[path = "../live/fixture.rs"]
mod fixture;
mod jumbo;
mod killed;
mod load;
mod old;
mod resized;
mod upgraded;
