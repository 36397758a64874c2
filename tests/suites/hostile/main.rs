//! Peers of the daemon that mean it no good: on its control socket and on its HTTP port. The fence
//! stands, others are served in time, and nothing grows.

mod bench;
mod control;
mod http;
