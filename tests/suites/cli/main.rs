//! The command line: what it prints, what it answers to bad input, and what it leaves behind.

mod bench;
mod captures;
mod configuration;
mod edits;
mod environment;
mod help;
mod opened;
mod replay;
mod writer;
