//! camfence's frame builder and namespace lab.
//!
//! - [`netns`] and [`lab`]: hosts joined to a bridge in a "box", each in a network
//!   namespace of its own, gone when the value that describes them is dropped.
//! - [`bpffs`]: a private bpf filesystem for one test.
//! - [`frame`]: Ethernet frames that read like sentences.
//! - [`kernel`]: what the running kernel has, and tests that skip themselves without it.
//! - [`judge`]: a frame judged by the core on the host and by the programs in the kernel.
//! - [`measure`]: what is measured in rounds, and programs in the kernel run for their time.
//! - [`mmdb`]: databases in MaxMind's format.
//! - [`model`]: a second verdict, written from the rules, that shares no code with the core.
//! - [`wire`]: complete frames into and out of an interface.
//! - [`traffic`]: real sockets that talk from one namespace to another.
//! - [`terminal`]: a program at a terminal, and somebody who types.
//! - [`cmd`]: the `camfence` binary, run inside a namespace.
//! - [`home`]: a home with `camfence run` in it.
//! - [`browser`]: Chromium inside a namespace.
//!
//! Everything needs root and a Linux with network namespaces, and touches nothing of the
//! machine it runs on but temporary directories and namespaces whose names begin with `cf-`.

pub mod addr;
pub mod bpffs;
pub mod browser;
pub mod cmd;
mod ethtool;
pub mod frame;
pub mod home;
pub mod judge;
pub mod kernel;
pub mod lab;
mod leftovers;
pub mod measure;
pub mod mmdb;
pub mod model;
pub mod netns;
pub mod terminal;
pub mod traffic;
pub mod wire;

pub use addr::{Mac, mac};
pub use bpffs::BpffsRoot;
pub use cmd::Camfence;
pub use frame::{Arp, Dhcp, Dhcpv6, Dns, Extension, Frame, IpOption};
pub use lab::{Bridge, Host, Lab};
pub use netns::Netns;
pub use wire::RawPort;
