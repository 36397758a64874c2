//! A machine that is switched on, and rebooted, while frames wait at its ports.
//!
//! Debian with systemd, camfence installed as its package does, and a bridge of two ports. From
//! before it is switched on to its end, frames of a camera and of a phone arrive at one port; what
//! leaves by the other is read here, outside. In its second life the package is upgraded; in its
//! third it is gone, so that it is seen that the camera's frames would get through.

mod disk;
mod wire;

use std::{
    fmt::Write as _,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Result;

use self::wire::{Heard, Wire};
use super::{
    guest::{self, Machine},
    kernel::Kernel,
};
use crate::dist;

/// How long its three lives may take together.
const LIMIT: Duration = Duration::from_mins(8);
/// How it says that a life is at its end, before it reboots.
const LIFE: &str = "vm: life ";
const LIVES: usize = 3;

/// Runs it, and gives the results as a test program would print them.
pub(crate) fn run(kernel: &Kernel, camfence: &Path, directory: &Path) -> Result<String> {
    let start = Instant::now();
    fs::create_dir_all(directory)?;
    let disk = disk::make(kernel, &dist::make(camfence)?, directory)?;
    let initrd = disk::initrd(kernel, directory)?;
    let wire = Wire::open(directory)?;
    let mut qemu = guest::qemu(kernel, &initrd, directory, "net.ifnames=0 rdinit=/init")?;
    qemu.arg("-drive").arg(format!("file={},if=virtio,format=raw", disk.display()));
    qemu.args(wire.arguments());
    let mut machine = Machine::start(qemu)?;
    let heard = wire.watch(LIMIT, || Ok((machine.ended()?, lives(&guest::said(directory)))))?;
    Ok(report(kernel, &guest::said(directory), &heard, start.elapsed()))
}

/// How many lives it has told the end of.
fn lives(said: &str) -> usize {
    said.lines().filter(|line| line.starts_with(LIFE)).count()
}

/// What is to be seen, and whether it was.
fn report(kernel: &Kernel, said: &str, heard: &[Heard], took: Duration) -> String {
    let life = |number: usize| heard.get(number).copied().unwrap_or_default();
    let fenced = |number: usize| {
        let Heard { camera, phone, home } = life(number);
        camera == 0 && phone > 0 && home > 0
    };
    // Of both ports, in two lives.
    let enforcing = said.matches("\"enforcing\": true").count();
    let checks = [
        ("no_frame_gets_out_from_power_on", fenced(0)),
        ("no_frame_gets_out_from_reboot_on", fenced(1)),
        ("the_fence_says_that_it_enforces_in_both", enforcing >= 4),
        ("an_upgrade_is_another_daemon", said.lines().any(|line| line == "vm: upgraded")),
        ("a_purge_leaves_nothing", said.lines().any(|line| line == "vm: purged")),
        ("without_the_package_they_get_out", life(2).camera > 0),
        ("it_came_to_its_end", lives(said) == LIVES),
    ];
    let failed = checks.iter().filter(|(_, ok)| !ok).count();
    let mut text = format!(
        "     Running kernel {} (suites/reboot-guest)\nrunning {} tests\n",
        kernel.release,
        checks.len()
    );
    for (name, ok) in checks {
        let _ = writeln!(text, "test {name} ... {}", if ok { "ok" } else { "FAILED" });
    }
    for (number, heard) in heard.iter().enumerate() {
        let _ = writeln!(text, "vm: life {}: {heard:?}", number + 1);
    }
    let verdict = if failed == 0 { "ok" } else { "FAILED" };
    let _ = writeln!(
        text,
        "test result: {verdict}. {} passed; {failed} failed; 0 ignored; 0 measured; \
         0 filtered out; finished in {:.2}s",
        checks.len() - failed,
        took.as_secs_f64()
    );
    text
}
