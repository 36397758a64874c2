//! What people would use instead of camfence: Debian's packages, one a file. Each is started and ended
//! here, in namespaces of the benchmark's own.

pub(crate) mod ebtables;
pub(crate) mod iptables;
pub(crate) mod nft;
pub(crate) mod xdp_filter;

use std::env;
use std::path::Path;

use anyhow::{Context as _, Result};
use camfence_tests::{Mac, Netns};

/// What is local: camfence's default.
pub(crate) const LOCAL: [&str; 3] = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"];

/// Something that drops what cameras send to addresses outside. It goes with its namespace.
pub(crate) trait Filter {
    /// How many frames it has dropped, by its own counter.
    fn dropped(&self) -> Result<u64>;
}

/// Whether a program is here: on PATH, or where only root looks.
pub(crate) fn is_here(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let places = env::split_paths(&path).chain([Path::new("/usr/sbin").to_owned()]);
    places.into_iter().any(|place| place.join(program).is_file())
}

/// What to tell of one that is missing.
pub(crate) fn missing(program: &str, package: &str) -> String {
    format!("SKIPPED: {program} is not here; it is in Debian's package {package}")
}

/// Runs a peer's program in a namespace, with `input` on its standard input.
fn run(netns: &Netns, program: &str, arguments: &str, input: &str) -> Result<String> {
    let arguments: Vec<_> = arguments.split_whitespace().collect();
    netns.output(program, &arguments, input)
}

/// The cameras' addresses with commas between them.
fn list(cameras: &[Mac]) -> String {
    cameras.iter().map(Mac::to_string).collect::<Vec<_>>().join(",")
}

/// The number of packets that a line of a listing begins with, or has behind a word.
fn number(text: &str) -> Result<u64> {
    text.trim().parse().with_context(|| format!("no number of packets: {text:?}"))
}
