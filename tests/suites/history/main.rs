//! The history: what was sent is what is told, whatever happens to processes, the fence and the disk.

mod disk;
mod fixture;
mod lives;
mod networks;
mod told;
