//! The command line: what it prints, what it answers to bad input, and what it leaves behind.

mod bench;
mod captures;
mod configuration;
mod each;
mod edits;
mod environment;
mod explain;
mod frozen;
mod help;
mod opened;
mod replay;
mod writer;
