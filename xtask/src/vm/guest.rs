//! A machine under qemu, without hardware virtualization.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use super::kernel::Kernel;

const MEMORY: &str = "2G";
/// Two guests run at a time, and two cores is what there may be.
const CPUS: &str = "1";
/// The last line of the results of a guest that came to its end. qemu's exit status tells nothing:
/// it is that of an orderly end after a panic, too.
const END: &str = "vm: the end";
/// How often it is looked whether a guest has ended.
const POLL: Duration = Duration::from_millis(50);

/// Boots a kernel with an image and gives the results that it wrote. Fails if it does not come to
/// its end in time; the results so far are in `results` all the same.
pub(crate) fn run(kernel: &Kernel, image: &Path, directory: &Path, limit: Duration) -> Result<()> {
    let mut qemu = qemu(kernel, image, directory, "panic=-1 rdinit=/init quiet")?;
    qemu.arg("-no-reboot");
    let mut machine = Machine::start(qemu)?;
    let status = machine.wait(limit)?;
    let said = said(directory);
    ensure!(
        status == Some(0) && said.lines().any(|line| line == END),
        "the guest did not come to its end (qemu: {status:?}); its console ends with\n{}",
        tail(&console(directory))
    );
    Ok(())
}

/// A machine with this kernel and image, and its parameters, that is not started yet.
pub(crate) fn qemu(
    kernel: &Kernel,
    image: &Path,
    directory: &Path,
    parameters: &str,
) -> Result<Command> {
    // What an earlier one said is not this one's.
    let _ = fs::remove_file(results(directory));
    let machine = kernel.machine;
    let mut qemu = Command::new(machine.qemu());
    let file = |path: PathBuf| format!("file:{}", path.display());
    let results = format!("file,id=results,path={}", results(directory).display());
    qemu.args(machine.hardware())
        .args(["-accel", "tcg,thread=multi", "-smp", CPUS, "-m", MEMORY])
        .args(["-nodefaults", "-display", "none", "-monitor", "none"])
        .args(["-serial", &file(console(directory)), "-chardev", &results])
        .args(machine.results())
        .arg("-kernel")
        .arg(&kernel.image)
        .arg("-initrd")
        .arg(image)
        .arg("-append")
        .arg(format!(
            "{} oops=panic panic_on_warn=1 mitigations=off {parameters}",
            machine.parameters()
        ))
        .stdin(Stdio::null())
        .stderr(File::create(directory.join("qemu"))?);
    Ok(qemu)
}

/// What a guest said so far.
pub(crate) fn said(directory: &Path) -> String {
    let bytes = fs::read(results(directory)).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn console(directory: &Path) -> PathBuf {
    directory.join("console")
}

/// The file that a guest writes its results to.
fn results(directory: &Path) -> PathBuf {
    directory.join("results")
}

/// A running qemu, which ends with this value.
pub(crate) struct Machine(Child);

impl Machine {
    /// Starts it.
    pub(crate) fn start(mut qemu: Command) -> Result<Self> {
        Ok(Self(qemu.spawn().context("starting qemu")?))
    }

    /// Whether it has ended.
    pub(crate) fn ended(&mut self) -> Result<bool> {
        Ok(self.0.try_wait()?.is_some())
    }

    fn wait(&mut self, limit: Duration) -> Result<Option<i32>> {
        let deadline = Instant::now() + limit;
        while Instant::now() < deadline {
            if let Some(status) = self.0.try_wait()? {
                return Ok(status.code());
            }
            thread::sleep(POLL);
        }
        bail!("the guest still ran after {} seconds", limit.as_secs())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Both fail if it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn tail(file: &Path) -> String {
    let text = fs::read(file).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().rev().take(20).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}
