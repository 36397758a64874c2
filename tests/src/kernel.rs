//! What the kernel that runs a test can do, and tests that it cannot run.

use std::env;
use std::io::{self, Write as _};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::sys::utsname::uname;

use crate::netns::Netns;

/// Tells that a test cannot run here, and why. The test returns then, and cargo takes it as passed;
/// `cargo xtask` counts it as skipped and repeats the reason at the end.
pub fn skip(reason: &str) {
    let thread = thread::current();
    let name = thread.name().unwrap_or("a test");
    // On a line of its own, whatever the harness has begun. `println!` would be captured.
    let line = format!("\nskipped: {name}: {reason}\n");
    // Where standard output is closed nobody counts either.
    let _ = io::stdout().write_all(line.as_bytes());
}

/// A time that a test allows, on this machine: `$CAMFENCE_SLOWNESS` times as long where that is
/// set, as on one that is emulated.
pub fn slowed(time: Duration) -> Duration {
    let slowness = env::var("CAMFENCE_SLOWNESS").ok().and_then(|text| text.parse().ok());
    time * slowness.unwrap_or(1)
}

/// Major and minor version of the running kernel.
pub fn version() -> Result<(u32, u32)> {
    let name = uname()?;
    let release = name.release().to_string_lossy();
    let mut numbers = release.split(['.', '-', '+']).map_while(|part| part.parse().ok());
    numbers.next().zip(numbers.next()).with_context(|| format!("a kernel version: {release}"))
}

/// Why TC programs are not attached as links on a kernel.
pub const NO_TCX: &str = "kernels before 6.6 have no TCX (commit e420bed02507)";

/// Whether TC programs can be attached as links (TCX).
pub fn has_tcx() -> bool {
    version().is_ok_and(|version| version >= (6, 6))
}

/// Why XDP programs are not tried with jumbo frames on a kernel.
pub const NO_LONG_TEST_RUNS: &str =
    "kernels before 5.18 run no frame beyond a page through XDP (commit 1c1949982524)";

/// Whether frames longer than a page can be run through an XDP program.
pub fn has_long_test_runs() -> bool {
    version().is_ok_and(|version| version >= (5, 18))
}

/// What `ip` says of a kind of interface that the kernel does not have, or of a feature.
const LACKING: [&str; 2] = ["Unknown device type", "Operation not supported"];

/// The kernel's answer, if it made no interface because it lacks the kind; other errors stay errors.
pub fn refusal(made: Result<()>) -> Result<Option<String>> {
    let Err(error) = made else { return Ok(None) };
    let text = format!("{error:#}");
    let answer = text.rsplit(": ").next().unwrap_or_default().trim_end_matches('.');
    if LACKING.contains(&answer) { Ok(Some(answer.to_owned())) } else { Err(error) }
}

/// Whether this kernel makes VLAN interfaces, and bridges that sort by VLAN; tells that the test is
/// skipped if not.
pub fn has_vlans() -> Result<bool> {
    let netns = Netns::new("probe")?;
    netns.ip("link add p0 up type veth peer name p1")?;
    let made = netns
        .ip("link add link p0 name p0.20 type vlan id 20")
        .and_then(|_| netns.ip("link add br0 type bridge vlan_filtering 1"));
    let refusal = refusal(made.map(drop))?;
    if let Some(answer) = &refusal {
        skip(&format!("this kernel has no VLANs (8021q, VLAN filtering): {answer}"));
    }
    Ok(refusal.is_none())
}
