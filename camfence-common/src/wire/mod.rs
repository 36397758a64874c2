//! Parsers: steps of a cursor through a frame's headers.
//!
//! One protocol a file. A parser takes the offset where its header starts and returns what the
//! verdict needs of it and where the next header starts. It says what is there; what may pass is
//! not its business. [`Malformed`] is all it says of bytes that are not what they claim to be.

pub mod arp;
pub mod dhcp;
pub mod dns;
pub mod ethernet;
pub mod extension;
pub mod ipv4;
pub mod ipv6;
pub mod length;
pub mod neighbor;
pub mod plain;
pub mod ssdp;
pub mod transport;

/// The bytes are not what they claim to be: truncated, or a length that cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

/// Result of a parser.
pub type Parsed<T> = Result<T, Malformed>;
