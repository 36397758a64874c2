//! The kernel side, as userspace reaches it. Only the files in here name aya.
//!
//! - [`netlink`] sees interfaces, addresses and filters,
//! - [`root`] is the directory of pins, and the lock on it,
//! - [`object`] loads the programs,
//! - [`maps`] reads and writes the maps, `live` those of them that programs find a camera by, and `ahead` what
//!   they look at first,
//! - [`ledger`] reads the maps of the ledger, [`slots`] what there is by slot, `last_seen` of it when cameras
//!   last sent something,
//! - `batch` reads and writes many entries of a map at once,
//! - [`events`] hears what the programs tell,
//! - `carry` moves what they hold to new ones,
//! - `ticks` measures what programs tell the time by,
//! - [`clock`] is the clocks that times are in,
//! - [`links`] attaches programs to ports and reads back what is attached,
//! - `frags` brings in the one of them that is loaded only where a port wants it,
//! - [`clsact`] does so with the filters of kernels before 6.6,
//! - [`query`] asks which programs run at a hook,
//! - [`capture`] takes the frames that programs tell of while somebody captures,
//! - [`canary`] tries whether the attached programs enforce,
//! - [`features`], [`neighbours`], [`offload`], [`flowtables`] and [`hooks`] see what `doctor` looks at,
//!   and `routes` what `init` does,
//! - [`runner`] runs single frames through the programs without an interface.

mod ahead;
mod batch;
pub mod canary;
pub mod capture;
pub(crate) mod carry;
pub mod clock;
pub mod clsact;
pub mod error;
pub mod events;
pub mod features;
pub mod flowtables;
pub(crate) mod frags;
pub mod hooks;
mod last_seen;
pub mod ledger;
pub mod links;
mod live;
pub mod maps;
mod names;
pub mod neighbours;
pub mod netlink;
pub mod object;
pub mod offload;
pub mod query;
pub mod root;
mod routes;
pub mod runner;
pub mod slots;
mod ticks;

pub use error::KernelError;
