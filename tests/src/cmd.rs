//! The `camfence` binary inside a namespace.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::bpffs::BpffsRoot;
use crate::leftovers;
use crate::netns::Netns;

/// How long a verb may take.
const VERB_TIMEOUT: Duration = Duration::from_mins(1);

/// The program to test: `$CAMFENCE_BIN`, else built once by cargo, in the profile of the
/// tests.
pub fn binary() -> Result<&'static Path> {
    static BINARY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let found = BINARY.get_or_init(|| find_binary().map_err(|error| format!("{error:#}")));
    found.as_deref().map_err(|error| anyhow::anyhow!("{error}"))
}

fn find_binary() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("CAMFENCE_BIN") {
        return Ok(path.into());
    }
    // target/PROFILE/deps/SUITE-HASH
    let suite = std::env::current_exe()?;
    let profile_dir =
        suite.ancestors().nth(2).context("the tests are not in a target directory")?;
    let profile = match profile_dir.file_name().and_then(OsStr::to_str) {
        Some("debug") => "dev",
        Some(name) => name,
        None => bail!("the tests are not in a profile's directory"),
    };
    let target_dir = profile_dir.parent().context("a profile without target directory")?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--quiet", "--package", "camfence", "--profile", profile, "--target-dir"])
        .arg(target_dir)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .context("starting cargo; $CAMFENCE_BIN may name a binary instead")?;
    ensure!(status.success(), "cargo build -p camfence failed");
    Ok(profile_dir.join("camfence"))
}

/// The command line of one fence: a configuration, a bpf filesystem and a namespace.
#[derive(Debug)]
pub struct Camfence<'a> {
    netns: &'a Netns,
    bpffs: &'a BpffsRoot,
    program: Option<PathBuf>,
    config: Option<PathBuf>,
    state: Option<PathBuf>,
    dir: TempDir,
}

/// What a verb did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Exit code, none if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Outcome {
    /// Standard output, when the verb succeeded; an error with all that is known otherwise.
    pub fn success(self) -> Result<String> {
        ensure!(self.code == Some(0), "camfence failed: {self:#?}");
        Ok(self.stdout)
    }

    /// The JSON on standard output, when the verb succeeded.
    pub fn json(self) -> Result<serde_json::Value> {
        let text = self.success()?;
        serde_json::from_str(&text).with_context(|| format!("no JSON: {text:?}"))
    }
}

impl<'a> Camfence<'a> {
    /// Writes the configuration to a directory of its own.
    pub fn new(netns: &'a Netns, config: &str, bpffs: &'a BpffsRoot) -> Result<Self> {
        let dir = leftovers::temp_dir("camfence")?;
        let camfence = Self { netns, bpffs, program: None, config: None, state: None, dir };
        camfence.configure(config)?;
        Ok(camfence)
    }

    /// Uses another program than [`binary`]: another version, for an upgrade.
    #[must_use]
    pub fn using(mut self, program: impl Into<PathBuf>) -> Self {
        self.program = Some(program.into());
        self
    }

    /// The same for one that is in use.
    pub fn set_program(&mut self, program: impl Into<PathBuf>) {
        self.program = Some(program.into());
    }

    /// Uses a configuration elsewhere than in a directory of its own.
    #[must_use]
    pub fn with_config(mut self, path: impl Into<PathBuf>) -> Self {
        self.config = Some(path.into());
        self
    }

    /// Keeps the history elsewhere than in a directory of its own.
    #[must_use]
    pub fn with_state(mut self, path: impl Into<PathBuf>) -> Self {
        self.state = Some(path.into());
        self
    }

    /// Replaces the configuration; [`Camfence::run`] `["reload"]` makes it count.
    ///
    /// Whoever reads it meanwhile finds the old or the new one.
    pub fn configure(&self, config: &str) -> Result<()> {
        let next = self.dir.path().join("next.toml");
        fs::write(&next, config)?;
        Ok(fs::rename(next, self.config_path())?)
    }

    /// The configuration file.
    pub fn config_path(&self) -> PathBuf {
        self.config.clone().unwrap_or_else(|| self.dir.path().join("camfence.toml"))
    }

    /// A directory for what else the test needs (captures, sockets), gone with this.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// `camfence --config FILE --bpffs DIR ARGUMENTS`, not yet started.
    pub fn command<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<Command> {
        let program = match &self.program {
            Some(program) => program,
            None => binary()?,
        };
        let mut command = self.netns.command(program);
        command.arg("--config").arg(self.config_path());
        command.arg("--bpffs").arg(self.bpffs.path());
        command.args(arguments).stdin(Stdio::null());
        // A daemon is found by its pin root and this: never one of the machine's own.
        command.env("CAMFENCE_RUN_DIR", self.dir.path());
        command.env("CAMFENCE_STATE_DIR", self.state.as_deref().unwrap_or(self.dir.path()));
        Ok(command)
    }

    /// Runs a verb to its end; an error only if it cannot be run or takes over a minute.
    pub fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Result<Outcome> {
        let child = Logged::spawn(self.command(arguments)?)?;
        child.outcome(VERB_TIMEOUT)
    }

    /// Runs a verb with `--json`; gives what it printed.
    pub fn json<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<serde_json::Value> {
        let mut command = self.command(["--json"])?;
        command.args(arguments);
        Logged::spawn(command)?.outcome(VERB_TIMEOUT)?.json()
    }

    /// Starts a verb that stays, such as `["run"]`.
    pub fn start<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Result<Daemon> {
        Daemon::spawn(self.command(arguments)?)
    }
}

/// A `camfence` that runs in the background. Dropping it kills it, as a crash would.
#[derive(Debug)]
pub struct Daemon {
    process: Logged,
}

impl Daemon {
    /// Starts a command that runs one.
    pub fn spawn(command: Command) -> Result<Self> {
        Ok(Self { process: Logged::spawn(command)? })
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.process.child.id()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> Result<bool> {
        Ok(self.process.child.try_wait()?.is_none())
    }

    /// What it has printed so far: standard output, then standard error.
    pub fn log(&self) -> Result<String> {
        Ok(self.process.read("stdout")? + &self.process.read("stderr")?)
    }

    /// Waits until `done` accepts what it has printed; an error after `timeout`.
    pub fn wait_for_log(&self, timeout: Duration, done: impl Fn(&str) -> bool) -> Result<()> {
        let deadline = Instant::now() + timeout;
        while !done(&self.log()?) {
            ensure!(Instant::now() < deadline, "the daemon only said:\n{}", self.log()?);
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill(Pid::from_raw(self.id().try_into()?), signal)?)
    }

    /// Waits until it has ended by itself.
    pub fn ended(self, timeout: Duration) -> Result<Outcome> {
        self.process.outcome(timeout)
    }

    /// Asks it to end and waits until it has.
    pub fn stop(self, timeout: Duration) -> Result<Outcome> {
        self.signal(Signal::SIGTERM)?;
        self.process.outcome(timeout)
    }
}

/// A child whose output goes to files, so that it never waits for a reader.
#[derive(Debug)]
struct Logged {
    child: Child,
    dir: TempDir,
}

impl Logged {
    fn spawn(mut command: Command) -> Result<Self> {
        let dir = leftovers::temp_dir("output")?;
        command.stdout(File::create(dir.path().join("stdout"))?);
        command.stderr(File::create(dir.path().join("stderr"))?);
        let child = command.spawn().with_context(|| format!("starting {command:?}"))?;
        Ok(Self { child, dir })
    }

    fn read(&self, stream: &str) -> Result<String> {
        Ok(String::from_utf8_lossy(&fs::read(self.dir.path().join(stream))?).into_owned())
    }

    fn outcome(mut self, timeout: Duration) -> Result<Outcome> {
        let status = self.wait(timeout)?;
        Ok(Outcome {
            code: status.code(),
            stdout: self.read("stdout")?,
            stderr: self.read("stderr")?,
        })
    }

    fn wait(&mut self, timeout: Duration) -> Result<ExitStatus> {
        let deadline = Instant::now() + timeout;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            ensure!(Instant::now() < deadline, "still running: {}", self.read("stderr")?);
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Logged {
    fn drop(&mut self) {
        // Both fail if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
